"""Jobs in the database, written in the transaction of their cause.

Claiming counts the try before work starts; a lease that runs out gives the job to any worker; a worker that
lost its lease changes nothing. A job that keeps failing is parked with its reason, never looped or dropped.

Who is next is one moment, the job's turn. It begins as the moment of asking and the delay of the job's
urgency: what is less urgent waits behind what comes meanwhile, and not for ever. Jobs of one lane (a channel,
an area) stand a second apart behind the lane's own backlog, so that a flood in one lane waits for itself and
not before all others. Related to the virtual clock of Zhang, SIGCOMM 1990; here the lane's clock is its
backlog, so that a lane whose flood is over owes nothing.

What is to be tried later stands apart (`later`) until its moment has come: no claim reads it before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, ColumnElement, Index, false, func, literal_column, or_, text, update
from sqlmodel import Field, Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored

RETRY_DELAYS_S = (2, 10, 60, 300)
"""Wait before the second, third, ... try of a job that failed with an error."""

CLOCK_JUMP_S = 3_600.0
"""A retry, a lease or a row further ahead than this was written by a clock that has been set back since."""


BEFORE_ALL = "1970-01-01 00:00:00"
"""Turn of jobs that an earlier version asks for: it knows no turns, and its jobs are not to wait for all."""

LANE_STEP = timedelta(seconds=1)
"""Between the turns of two jobs of one lane that wait."""

WOKEN_AT_ONCE = 100
"""Jobs for later whose moment has come, taken among those that wait by one claim."""

_BULK = "jobs_in_bulk"


class Urgency(Enum):
    """How long a job stands back for what comes after it."""

    DANGER = -timedelta(days=7)
    """Somebody may be in danger now: before everything that has not waited for a week."""
    PEOPLE = timedelta(0)
    """A person waits for it: a tip, a question."""
    ORDINARY = timedelta(minutes=1)
    """What follows from a step."""
    BULK = timedelta(hours=1)
    """Many at once: searches after an import, photos for another encoder."""


class JobState(StrEnum):
    """Where a job stands."""

    READY = "ready"  # Waits for its time and a worker.
    RUNNING = "running"  # A worker holds its lease.
    DONE = "done"  # Its effect is committed.
    PARKED = "parked"  # It failed too often; a person has to look.


class Job(Row, table=True):
    """One piece of background work."""

    __tablename__ = "job"
    __table_args__ = (
        Index("job_due", "state", "run_at"),
        Index("job_next", "state", "turn", "id"),
        Index("job_lane_end", "lane", "state", "turn"),
        Index(
            "job_ready",
            "state",  # It and the next are one value each; SQLite then prefers this index to `job_next`.
            "later",
            "turn",
            "id",
            sqlite_where=text("state = 'ready' AND later = 0"),
            postgresql_where=text("state = 'ready' AND NOT later"),
        ),
        Index("job_later", "run_at", sqlite_where=text("later = 1"), postgresql_where=text("later")),
    )

    kind: str
    lane: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Whose work it is, so that one flood does not hold up all, and its urgency, as `area 440300 people`."""
    turn: datetime = Field(
        default_factory=now, sa_type=UtcDateTime, sa_column_kwargs={"server_default": BEFORE_ALL}
    )
    """The job whose turn is earliest is next."""
    args: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    unique_key: str | None = Field(default=None, unique=True)
    state: JobState = Field(default=JobState.READY, sa_type=stored(JobState))
    run_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    later: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether it stands apart until `run_at`."""
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


def enqueue(
    session: Session,
    kind: str,
    unique_key: str | None = None,
    *,
    urgency: Urgency = Urgency.ORDINARY,
    lane: str = "",
    **args: str,
) -> None:
    """Add a job to the caller's transaction.

    Args:
        session: the transaction of the job's cause.
        kind: name of the handler.
        unique_key: asked for twice under one key, the job exists once.
        urgency: how long it stands back for others.
        lane: whose work it is; its jobs are done in turn with those of other lanes.
        args: plain text values, ids mostly.
    """
    if unique_key is not None and session.exec(select(Job.id).where(Job.unique_key == unique_key)).first():
        return
    if session.info.get(_BULK) and urgency is Urgency.ORDINARY:
        urgency = Urgency.BULK
    turn = now() + urgency.value
    label = f"{lane} {urgency.name.lower()}".lstrip()
    if lane:
        last = session.exec(
            select(func.max(Job.turn)).where(Job.lane == label, Job.state == JobState.READY)
        ).one()
        turn = max(turn, last + LANE_STEP) if last else turn
    session.add(Job(kind=kind, args=args, unique_key=unique_key, lane=label, turn=turn))


def in_bulk(session: Session) -> None:
    """Have ordinary jobs that this session asks for from now on stand back as one of many: an import's."""
    session.info[_BULK] = True


def claim(session: Session, worker: str, lease_s: float) -> Claim | None:
    """Take a job whose worker is gone, or else the one whose turn is earliest; count the try before any work.

    A clock that ran ahead and was set right leaves moments that would not come for years: such jobs are due.

    Returns:
        The claim, or None when nothing is due.
    """
    moment = now()
    unbelievable = moment + timedelta(seconds=CLOCK_JUMP_S + lease_s)
    _wake(session, col(Job.run_at) <= moment)
    for due in (_left_behind(moment, unbelievable), ready(moment, unbelievable)):
        job_id = session.exec(due.limit(1).with_for_update(skip_locked=True)).first()
        if job_id is not None:
            return _take(session, job_id, worker, moment + timedelta(seconds=lease_s))
    # Searched for only now, since it reads all that is for much later.
    return claim(session, worker, lease_s) if wake_strays(session, unbelievable) else None


def ready(moment: datetime, unbelievable: datetime) -> SelectOfScalar[UUID]:
    """The jobs that wait for a worker, by their turns; the constants have their index chosen.

    Args:
        moment: the present one.
        unbelievable: what lies further ahead was written by a clock that has been set back since.
    """
    retried_ahead = (col(Job.attempts) > 0) & (col(Job.run_at) > unbelievable)
    return (
        select(Job.id)
        .where(
            col(Job.state) == literal_column("'ready'"),
            ~col(Job.later),
            or_(col(Job.run_at) <= moment, col(Job.created_at) > unbelievable, retried_ahead),
        )
        .order_by(col(Job.turn), col(Job.id))
    )


def wake_strays(session: Session, unbelievable: datetime) -> int:
    """Take those among the waiting whose moment was written by a clock that has been set back since.

    Returns:
        How many were taken at once.
    """
    written_ahead = or_(col(Job.attempts) > 0, col(Job.created_at) > unbelievable)
    return _wake(session, (col(Job.run_at) > unbelievable) & written_ahead)


def _left_behind(moment: datetime, unbelievable: datetime) -> SelectOfScalar[UUID]:
    return (
        select(Job.id)
        .where(
            Job.state == JobState.RUNNING,
            or_(col(Job.lease_until) < moment, col(Job.lease_until) > unbelievable),
        )
        .order_by(col(Job.lease_until), col(Job.id))
    )


def _wake(session: Session, due: ColumnElement[bool]) -> int:
    found = session.exec(
        select(Job.id)
        .where(col(Job.later), due)
        .order_by(col(Job.run_at))
        .limit(WOKEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    if found:
        session.exec(update(Job).where(col(Job.id).in_(found)).values(later=False))
    return len(found)


def _take(session: Session, job_id: UUID, worker: str, until: datetime) -> Claim:
    job = session.get_one(Job, job_id)
    job.state = JobState.RUNNING
    job.worker = worker
    job.lease_until = until
    job.later = False
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
        later=True,
        lease_until=None,
        worker=None,
        error=error,
    )


def give_back(
    session: Session, held: Claim, worker: str, error: str | None, delay_s: float = RETRY_DELAYS_S[0]
) -> bool:
    """Give a job back that could not be tried to its end through no fault of its own: the try is not counted.

    Args:
        session: a writing session.
        held: the job.
        worker: who holds it.
        error: what kept it from being tried; None for a worker that has to end.
        delay_s: seconds until another worker may take it.
    """
    return _change(
        session,
        held.id,
        worker,
        state=JobState.READY,
        run_at=now() + timedelta(seconds=delay_s),
        later=delay_s > 0,
        lease_until=None,
        worker=None,
        attempts=held.attempts - 1,
        error=error,
    )


def park(session: Session, claim_id: UUID, worker: str, error: str) -> bool:
    """Set a job aside for a person."""
    return _change(session, claim_id, worker, state=JobState.PARKED, lease_until=None, error=error)


def unpark(session: Session, job_id: UUID) -> bool:
    """Let a parked job be tried again from the start; False says that it is not parked."""
    result = session.exec(
        update(Job)
        .where(col(Job.id) == job_id, col(Job.state) == JobState.PARKED)
        .values(state=JobState.READY, attempts=0, run_at=now(), later=False, worker=None)
    )
    return bool(result.rowcount)


def _change(session: Session, claim_id: UUID, held_by: str, **values: Any) -> bool:
    result = session.exec(
        update(Job)
        .where(col(Job.id) == claim_id, col(Job.worker) == held_by, col(Job.state) == JobState.RUNNING)
        .values(**values)
    )
    return bool(result.rowcount)
