"""`homeward jobs`."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from app.audit.service import SYSTEM
from app.core.context import open_context
from app.core.errors import Invalid, NotFound
from app.core.jobs import Job, JobState
from app.core.settings import Settings
from app.workload import queries, service

jobs_app = typer.Typer(
    no_args_is_help=True, help="Work in the background: what waits, runs or was set aside."
)
out = Console()

LONGEST_LIST = 200


@jobs_app.command("list")
def list_jobs(
    state: Annotated[JobState, typer.Option(help="ready, running, parked or done")] = JobState.PARKED,
) -> None:
    """List jobs in a state, the latest first, 200 at most."""
    with open_context(Settings()).db.read() as session:
        found = queries.jobs_in(session, state, LONGEST_LIST)
    if not found:
        out.print("No job is in this state.", highlight=False)
    for job in found:
        asked = f"{job.created_at:%Y-%m-%d %H:%M:%S}"
        line = f"{job.id}  {job.kind}  {job.lane}  {asked}  tries: {job.attempts}  {job.error or '-'}"
        out.print(line, highlight=False, soft_wrap=True)


@jobs_app.command("show")
def show(job_id: Annotated[UUID, typer.Argument(help="The job, as listed.")]) -> None:
    """Show one job; of what it is about, identifiers alone."""
    with open_context(Settings()).db.read() as session:
        job = session.get(Job, job_id)
    if job is None:
        raise NotFound
    for name in ("id", "kind", "state", "lane", "turn", "run_at", "later", "attempts", "error", "worker"):
        out.print(f"{name}: {getattr(job, name)}", highlight=False)
    for name in ("created_at", "lease_until", "finished_at"):
        out.print(f"{name}: {getattr(job, name)}", highlight=False)
    for name, value in sorted(job.args.items()):
        out.print(f"{name}: {value if _is_identifier(value) else '(not shown)'}", highlight=False)


@jobs_app.command("unpark")
def unpark(
    job_id: Annotated[UUID | None, typer.Argument(help="The job, as listed.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that were set aside.")] = False,
) -> None:
    """Have work that was set aside tried again; the audit log notes it."""
    if everything == (job_id is not None):
        raise Invalid("Name one job, or say --all.")
    with open_context(Settings()).db.write() as session:
        if job_id is not None:
            service.try_again(session, SYSTEM, job_id)
            count = 1
        else:
            count = service.try_all_again(session, SYSTEM)
    out.print(f"{count} will be tried again.", highlight=False)


def _is_identifier(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
