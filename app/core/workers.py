"""Which worker processes there are: a row for each, kept by its heartbeat, gone with the process."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, update
from sqlmodel import Field, Session, col, select

from app.core.clock import now
from app.core.columns import Row, UtcDateTime

SEEN_EVERY_S = 20.0
"""Seconds between two heartbeats of a worker at rest; one at work is seen whenever it renews its lease."""

SILENT_S = 90.0
"""A worker unheard of for this long has probably ended."""

VANISHED_S = 900.0
"""The row of a worker unheard of for this long is taken away."""


class WorkerProcess(Row, table=True):
    """A worker that runs, or ran until lately. What it works on stands in the job that bears its name."""

    __tablename__ = "worker"

    name: str = Field(unique=True)
    """Says nothing of the machine."""
    pid: int
    version: str
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    jobs_done: int = 0
    stopping: bool = False
    """It was told to end and finishes its job."""


def seen(session: Session, process: WorkerProcess, jobs_done: int, *, stopping: bool) -> None:
    """Write a worker's heartbeat down; one that is not known, or was forgotten, appears.

    Args:
        session: a writing session; others may write meanwhile.
        process: the worker as it started; the row is made from a copy.
        jobs_done: since its start.
        stopping: it was told to end.
    """
    values = {"seen_at": now(), "jobs_done": jobs_done, "stopping": stopping}
    known = session.exec(update(WorkerProcess).where(col(WorkerProcess.id) == process.id).values(**values))
    if not known.rowcount:
        session.add(WorkerProcess(**process.model_dump() | values))


def leave(session: Session, process_id: UUID) -> None:
    """Take the row of a worker away that ends."""
    session.exec(delete(WorkerProcess).where(col(WorkerProcess.id) == process_id))


def forget_vanished(session: Session) -> int:
    """Take away the rows of workers that are gone without a word.

    Returns:
        How many.
    """
    gone = col(WorkerProcess.seen_at) < now() - timedelta(seconds=VANISHED_S)
    return int(session.exec(delete(WorkerProcess).where(gone)).rowcount)


def known(session: Session) -> list[WorkerProcess]:
    """All workers that are known, the oldest first."""
    return list(session.exec(select(WorkerProcess).order_by(col(WorkerProcess.started_at))))


def count_alive(session: Session) -> int:
    """How many workers were heard of lately."""
    lately = col(WorkerProcess.seen_at) > now() - timedelta(seconds=SILENT_S)
    return session.exec(select(func.count()).select_from(WorkerProcess).where(lately)).one()
