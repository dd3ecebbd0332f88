"""`homeward audit`."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.audit import export, service
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.context import open_context
from app.core.files import last_line
from app.core.settings import Settings

audit_app = typer.Typer(no_args_is_help=True, help="The audit log.")
out = Console()

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, in UTC.")]


@audit_app.command("verify")
def verify(
    against: Annotated[
        Path | None, typer.Option(exists=True, help="Checkpoints that were kept elsewhere.")
    ] = None,
) -> None:
    """Read the whole chain; ends with status 1 if anything was edited, removed or reordered."""
    context = open_context(Settings())
    kept = [line for line in against.read_text().splitlines() if line.strip()] if against else []
    with context.db.read() as session:
        verdict = service.verify(
            session,
            service.checkpoints_path(context.settings),
            context.keys.signing,
            processes=os.cpu_count() or 1,
            kept=kept,
        )
    if verdict.problems:
        for problem in verdict.problems:
            out.print(f"[red]broken[/red]: {problem}")
        raise typer.Exit(1)
    out.print(f"The audit log is whole: {verdict.rows} rows, every hash and checkpoint in order.")


@audit_app.command("checkpoint")
def checkpoint(
    *, show: Annotated[bool, typer.Option("--print", help="Print it, for paper or mail.")] = False
) -> None:
    """Sign the chain's head now; keep copies of the checkpoint file on another machine."""
    context = open_context(Settings())
    path = service.checkpoints_path(context.settings)
    with context.db.write() as session:
        written = service.write_checkpoint(session, path, context.keys.signing)
    if show:
        out.print(last_line(path) or "The log is empty.", soft_wrap=True, highlight=False, markup=False)
        return
    out.print(f"{'Signed' if written else 'Nothing new since the last checkpoint'}: {path}")


@audit_app.command("public-key")
def public_key() -> None:
    """Print the key that checkpoints, exports and backups are verified with."""
    signing = open_context(Settings()).keys.signing
    out.print(bytes(signing.verify_key).hex(), soft_wrap=True, highlight=False)


@audit_app.command("export")
def write_export(
    file: Annotated[Path, typer.Argument(help="The file to write; there must be none of that name.")],
    since: Day = None,
    until: Day = None,
) -> None:
    """Write the log as signed JSON lines, from one day up to and without another."""
    context = open_context(Settings())
    span = [day.replace(tzinfo=UTC) if day else None for day in (since, until)]
    with context.db.read() as session, file.open("x") as target:
        target.writelines(export.lines(session, context.keys.signing, *span))
    with context.db.write() as session:
        service.record(session, SYSTEM, Action.AUDIT_EXPORTED, "log", "audit")
    out.print(f"Written: {file}", soft_wrap=True)


@audit_app.command("verify-export")
def verify_export(
    file: Annotated[Path, typer.Argument(exists=True)],
    public_key: Annotated[str, typer.Option(help="As `homeward audit public-key` prints it.")],
) -> None:
    """Hold an export against its signature; needs neither database nor keys."""
    with file.open() as lines:
        found = export.verify(lines, public_key)
    out.print(f"Whole: {found.rows} rows, from {found.first} to {found.last}, made {found.at}.")
