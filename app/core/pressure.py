"""Back-pressure: bulk waits while the queue is long or late; what a citizen sends never does."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import Request
from sqlalchemy import func, literal_column
from sqlmodel import Session, col, select

from app.core import workers
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Unavailable
from app.core.jobs import Job, Urgency
from app.core.settings import Settings

KEPT_S: Final = 2.0
"""How long one measurement serves a process."""

PAUSE_S: Final = 1.0
"""Pause of a producer between two looks at the queue."""

RETRY_AFTER_S: Final = 60
"""When a partner whose bulk was put off may come again."""


@dataclass(frozen=True)
class Pressure:
    """How the queue stands.

    Attributes:
        waiting: jobs that wait for a worker; counted no further than one more than is allowed.
        behind_s: seconds by which the next job's turn has passed; danger's lies a week back and is left out.
        alive: workers heard of lately.
    """

    waiting: int
    behind_s: float
    alive: int

    def is_high(self, settings: Settings) -> bool:
        """Whether bulk is to wait."""
        return self.waiting > settings.backlog_jobs or self.behind_s > settings.backlog_minutes * 60


def measure(session: Session, settings: Settings) -> Pressure:
    """Ask how the queue stands; it reads an index, and no more of it than the setting allows.

    Args:
        session: a reading session.
        settings: how many waiting jobs are counted at most.
    """
    waits = (col(Job.state) == literal_column("'ready'"), ~col(Job.later))
    some = select(Job.id).where(*waits).limit(settings.backlog_jobs + 1).subquery()
    moment = now()
    since = moment + Urgency.DANGER.value + timedelta(days=1)
    next_turn = session.exec(
        select(Job.turn).where(*waits, col(Job.turn) > since).order_by(col(Job.turn)).limit(1)
    ).first()
    behind = (moment - next_turn).total_seconds() if next_turn else 0.0
    waiting = session.exec(select(func.count()).select_from(some)).one()
    return Pressure(waiting, max(0.0, behind), workers.count_alive(session))


class Gauge:
    """The pressure as a process knows it: asked of the database every other second at most."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._known: tuple[float, Pressure] | None = None

    def read(self) -> Pressure:
        """How the queue stands, or stood a moment ago."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > KEPT_S:
                with self._context.db.read() as session:
                    pressure = measure(session, self._context.settings)
                self._known = time.monotonic(), pressure
            return self._known[1]


def refuse_bulk(request: Request) -> None:
    """Put off what a partner sends in bulk, for a route's dependencies.

    Raises:
        Unavailable: the queue is long or late; with the moment to come again.
    """
    state = request.app.state
    if not hasattr(state, "gauge"):
        state.gauge = Gauge(state.context)
    if state.gauge.read().is_high(state.context.settings):
        raise Unavailable(
            "Much is waiting to be done here, so many at once are put off; single tips are taken. "
            "Nothing was saved; please send it again later.",
            retry_after_s=RETRY_AFTER_S,
        )


def wait_for_calm(context: Context) -> float:
    """Pause a producer of bulk while the queue is long or late.

    Where no worker runs nothing is waited for: the queue keeps what is asked for until one does.

    Args:
        context: the deployment.

    Returns:
        Seconds paused.
    """
    paused = 0.0
    while True:
        with context.db.read() as session:
            pressure = measure(session, context.settings)
        if not pressure.is_high(context.settings) or not pressure.alive:
            return paused
        time.sleep(PAUSE_S)
        paused += PAUSE_S
