"""Work that was set aside, tried again."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core import jobs
from app.core.errors import NotFound
from app.workload import queries


def try_again(session: Session, actor: Actor, job_id: UUID) -> None:
    """Let a job that was set aside be tried again from the start.

    Raises:
        NotFound: there is no such job, or it is not set aside.
    """
    if not jobs.unpark(session, job_id):
        raise NotFound
    audit.record(session, actor, Action.JOB_RETRIED, "job", job_id)


def try_all_again(session: Session, actor: Actor) -> int:
    """Let all jobs that were set aside be tried again.

    Returns:
        How many.
    """
    found = queries.parked_ids(session)
    for job_id in found:
        try_again(session, actor, job_id)
    return len(found)
