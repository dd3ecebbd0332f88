"""Jobs in the database, written in the transaction of their cause.

Claiming counts the try before work starts; a lease that runs out gives the job to any worker; a worker that
lost its lease changes nothing. A job that keeps failing is parked with its reason, never looped or dropped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, or_, update
from sqlmodel import Field, Session, col, select

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored

RETRY_DELAYS_S = (2, 10, 60, 300)
"""Wait before the second, third, ... try of a job that failed with an error."""

CLOCK_JUMP_S = 3_600.0
"""A retry, a lease or a row further ahead than this was written by a clock that has been set back since."""


class JobState(StrEnum):
    """Where a job stands."""

    READY = "ready"  # Waits for its time and a worker.
    RUNNING = "running"  # A worker holds its lease.
    DONE = "done"  # Its effect is committed.
    PARKED = "parked"  # It failed too often; a person has to look.


class Job(Row, table=True):
    """One piece of background work."""

    __tablename__ = "job"
    __table_args__ = (Index("job_due", "state", "run_at"),)

    kind: str
    args: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    unique_key: str | None = Field(default=None, unique=True)
    state: JobState = Field(default=JobState.READY, sa_type=stored(JobState))
    run_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    worker: str | None = None
    attempts: int = 0
    error: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@dataclass(frozen=True)
class Claim:
    """A job as a worker holds it."""

    id: UUID
    kind: str
    args: dict[str, Any]
    attempts: int


def enqueue(session: Session, kind: str, unique_key: str | None = None, **args: str) -> None:
    """Add a job to the caller's transaction.

    Args:
        session: the transaction of the job's cause.
        kind: name of the handler.
        unique_key: asked for twice under one key, the job exists once.
        args: plain text values, ids mostly.
    """
    if unique_key is not None and session.exec(select(Job.id).where(Job.unique_key == unique_key)).first():
        return
    session.add(Job(kind=kind, args=args, unique_key=unique_key))


def claim(session: Session, worker: str, lease_s: float) -> Claim | None:
    """Take the job that is due first, counting the try before any work.

    A clock that ran ahead and was set right leaves moments that would not come for years: such jobs are due.

    Returns:
        The claim, or None when nothing is due.
    """
    moment = now()
    unbelievable = moment + timedelta(seconds=CLOCK_JUMP_S + lease_s)
    retried_ahead = (col(Job.attempts) > 0) & (col(Job.run_at) > unbelievable)
    lease_is_over = or_(col(Job.lease_until) < moment, col(Job.lease_until) > unbelievable)
    due = (
        select(Job.id)
        .where(
            or_(
                (col(Job.state) == JobState.READY)
                & or_(col(Job.run_at) <= moment, col(Job.created_at) > unbelievable, retried_ahead),
                (col(Job.state) == JobState.RUNNING) & lease_is_over,
            )
        )
        .order_by(col(Job.run_at), col(Job.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    job_id = session.exec(due).first()
    if job_id is None:
        return None
    job = session.get_one(Job, job_id)
    job.state = JobState.RUNNING
    job.worker = worker
    job.lease_until = moment + timedelta(seconds=lease_s)
    job.attempts += 1
    session.add(job)
    return Claim(job.id, job.kind, dict(job.args), job.attempts)


def renew(session: Session, claim_id: UUID, worker: str, lease_s: float) -> bool:
    """Keep a lease; False says that another worker has the job now."""
    return _change(session, claim_id, worker, lease_until=now() + timedelta(seconds=lease_s))


def finish(session: Session, claim_id: UUID, worker: str) -> bool:
    """Mark a held job done; False says that the lease was lost and nothing changed."""
    return _change(
        session, claim_id, worker, state=JobState.DONE, finished_at=now(), lease_until=None, error=None
    )


def retry_later(session: Session, held: Claim, worker: str, error: str) -> bool:
    """Give a failed job back for a later try."""
    delay = RETRY_DELAYS_S[min(held.attempts, len(RETRY_DELAYS_S)) - 1]
    return _change(
        session,
        held.id,
        worker,
        state=JobState.READY,
        run_at=now() + timedelta(seconds=delay),
        lease_until=None,
        worker=None,
        error=error,
    )


def give_back(session: Session, held: Claim, worker: str, error: str) -> bool:
    """Give a job back that could not be tried, since what it needs is away: the try is not counted."""
    return _change(
        session,
        held.id,
        worker,
        state=JobState.READY,
        run_at=now() + timedelta(seconds=RETRY_DELAYS_S[0]),
        lease_until=None,
        worker=None,
        attempts=held.attempts - 1,
        error=error,
    )


def park(session: Session, claim_id: UUID, worker: str, error: str) -> bool:
    """Set a job aside for a person."""
    return _change(session, claim_id, worker, state=JobState.PARKED, lease_until=None, error=error)


def unpark(session: Session, job_id: UUID) -> None:
    """Let a parked job be tried again from the start."""
    session.exec(
        update(Job)
        .where(col(Job.id) == job_id, col(Job.state) == JobState.PARKED)
        .values(state=JobState.READY, attempts=0, run_at=now(), worker=None)
    )


def _change(session: Session, claim_id: UUID, held_by: str, **values: Any) -> bool:
    result = session.exec(
        update(Job)
        .where(col(Job.id) == claim_id, col(Job.worker) == held_by, col(Job.state) == JobState.RUNNING)
        .values(**values)
    )
    return bool(result.rowcount)
