"""How workers and queue stand; nothing here names a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.core import workers
from app.core.clock import now
from app.core.jobs import Job, JobState
from app.core.workers import SILENT_S, WorkerProcess

LINES = 40
"""Rows of the queue that are shown; the rest is counted."""

PARKED = 100
"""Jobs set aside that are shown."""


@dataclass(frozen=True)
class Working:
    """A worker, and what it works on.

    Attributes:
        process: its row.
        kind: of the job it holds; None at rest.
        silent: nothing was heard of it lately.
    """

    process: WorkerProcess
    kind: str | None
    silent: bool


@dataclass(frozen=True)
class Waiting:
    """Jobs of one kind, lane and urgency that wait for a worker.

    Attributes:
        kind: name of the handler.
        lane: whose work it is, as `area 440300`; empty for nobody's.
        urgency: as `people`; empty where an earlier version asked.
        count: how many.
        oldest: when the first of them was asked for.
    """

    kind: str
    lane: str
    urgency: str
    count: int
    oldest: datetime


@dataclass(frozen=True)
class Workload:
    """All of it.

    Attributes:
        workers: the oldest first.
        waiting: the largest first, no more than `LINES`.
        count: jobs that wait, those not shown as well.
        later: jobs that wait for their moment: to be tried again, or planned.
        running: jobs that workers hold.
        oldest: when the oldest waiting one was asked for.
        parked: jobs set aside, the latest first, no more than `PARKED`.
        parked_count: how many there are.
    """

    workers: list[Working]
    waiting: list[Waiting]
    count: int
    later: int
    running: int
    oldest: datetime | None
    parked: list[Job]
    parked_count: int


def workload(session: Session) -> Workload:
    """How workers and queue stand now."""
    held: dict[str | None, str] = dict(
        session.exec(select(Job.worker, Job.kind).where(Job.state == JobState.RUNNING)).all()
    )
    silent = now() - timedelta(seconds=SILENT_S)
    lines = session.exec(
        select(Job.lane, Job.kind, func.count(), func.min(Job.created_at))
        .where(Job.state == JobState.READY, ~col(Job.later))
        .group_by(Job.lane, Job.kind)
    ).all()
    waiting = [_waiting(lane, kind, count, oldest) for lane, kind, count, oldest in lines]
    waiting.sort(key=lambda line: (-line.count, line.oldest))
    return Workload(
        workers=[
            Working(process, held.get(process.name), process.seen_at < silent)
            for process in workers.known(session)
        ],
        waiting=waiting[:LINES],
        count=sum(line.count for line in waiting),
        later=session.exec(select(func.count()).select_from(Job).where(col(Job.later))).one(),
        running=len(held),
        oldest=min((line.oldest for line in waiting), default=None),
        parked=jobs_in(session, JobState.PARKED, PARKED),
        parked_count=session.exec(
            select(func.count()).select_from(Job).where(Job.state == JobState.PARKED)
        ).one(),
    )


def jobs_in(session: Session, state: JobState, most: int) -> list[Job]:
    """Jobs in a state, the latest first."""
    question = select(Job).where(Job.state == state).order_by(col(Job.created_at).desc()).limit(most)
    return list(session.exec(question))


def parked_ids(session: Session) -> list[UUID]:
    """All jobs that were set aside."""
    return list(session.exec(select(Job.id).where(Job.state == JobState.PARKED)))


def _waiting(lane: str, kind: str, count: int, oldest: datetime) -> Waiting:
    whose, _, urgency = lane.rpartition(" ")
    return Waiting(kind, whose, urgency, count, oldest)
