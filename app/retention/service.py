"""Letting a night go on that asked for a person."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core import jobs
from app.core.clock import now
from app.core.errors import Conflict, NotFound
from app.officers.models import Officer
from app.retention.models import RetentionRun, RetentionState


def release(session: Session, officer: Officer, run_id: UUID) -> None:
    """Let a refused run go on, after a person has looked at it.

    Raises:
        NotFound: no such run.
        Conflict: it does not wait for anybody.
    """
    this = session.get(RetentionRun, run_id)
    if this is None:
        raise NotFound
    if this.state != RetentionState.REFUSED:
        raise Conflict("This run does not wait for anybody.")
    this.state, this.released_by, this.released_at = RetentionState.RUNNING, officer.id, now()
    this.finished_at = None
    session.add(this)
    jobs.enqueue(
        session,
        "retention_night",
        f"retention_night:{this.id}:{this.released_at.isoformat()}",
        run=str(this.id),
    )
    audit.record(
        session, officer_actor(officer.id), Action.RETENTION_RUN, "retention", this.id, released=True
    )
