"""What is looked after beside the jobs: each watch asks what is due, does it, and may be repeated.

Among many workers one looks, whenever the database says that a watch is due.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.audit import unusual
from app.channels import closing
from app.core import jobs, partitions, watch_turns, workers
from app.core.clock import now
from app.core.context import Context
from app.doctor import stored
from app.enquiries import erasing as enquiries
from app.floods import noticing
from app.partners import packages, sandbox
from app.records import registry
from app.retention import journal, nights
from app.tips import telling
from app.webhooks import watching as webhooks

log = structlog.get_logger()

LONGEST_PAUSE_S = 1.0
"""Pause between two looks at what is due."""


@dataclass(frozen=True)
class Watch:
    """Something that is looked after.

    Attributes:
        name: for the log.
        every_s: seconds between two looks.
        look: does what is due; beside another one that was taken for dead, too.
    """

    name: str
    every_s: float
    look: Callable[[Context], object]


def _workers(context: Context) -> None:
    """Forget workers that are gone; wake jobs that a clock set far ahead before it was set right."""
    unbelievable = now() + timedelta(seconds=jobs.CLOCK_JUMP_S + context.settings.job_lease_seconds)
    with context.db.write_together() as session:
        workers.forget_vanished(session)
        jobs.wake_strays(session, unbelievable)


WATCHES: tuple[Watch, ...] = (
    Watch("workers", 60.0, _workers),
    Watch("enquiries", 60.0, enquiries.tidy),
    Watch("notices", 60.0, telling.look),
    Watch("expiry", 3600.0, registry.close_expired),
    Watch("voids", 60.0, closing.look),
    Watch("sandbox", 5.0, sandbox.walk),
    Watch("webhooks", 5.0, webhooks.look),
    Watch("packages", 300.0, packages.sweep),
    Watch("floods", 60.0, noticing.look),
    Watch("unusual", 300.0, unusual.look),
    Watch("erasures", 60.0, journal.write),
    Watch("orphans", 6 * 3600.0, stored.sweep),
    Watch("retention", 600.0, nights.look),
    Watch("months", 3600.0, lambda context: partitions.look(context.db)),
)
"""All of them."""


def run(context: Context, stopping: threading.Event) -> None:
    """Look after everything until told to stop; a watch that fails is tried again at its next time."""
    while not stopping.wait(LONGEST_PAUSE_S):
        try:
            look_at_due(context, WATCHES, stopping)
        except Exception as error:  # noqa: BLE001 - the database is away for now; it is asked again
            log.warning("watches_wait", error=type(error).__name__)


def look_at_due(context: Context, watches: tuple[Watch, ...], stopping: threading.Event) -> list[str]:
    """Look after what is due and held by no other worker.

    Args:
        context: the deployment.
        watches: all of them.
        stopping: set, no further one is begun.

    Returns:
        Names of those that were looked after here.
    """
    looked: list[str] = []
    with context.db.read() as session:
        due = watch_turns.due(session, {watch.name: watch.every_s for watch in watches})
    for watch in watches:
        if watch.name not in due or stopping.is_set():
            continue
        holder = secrets.token_hex(8)
        started = now()
        with context.db.write_together() as session:
            taken = watch_turns.take(session, watch.name, watch.every_s, holder)
        if taken:
            _look(context, watch, holder, started)
            looked.append(watch.name)
    return looked


def _look(context: Context, watch: Watch, holder: str, started: datetime) -> None:
    with _held(context, watch.name, holder):
        try:
            watch.look(context)
        except Exception as error:  # noqa: BLE001 - the others go on; an error's text may quote a stranger
            log.warning("watch_failed", watch=watch.name, error=type(error).__name__)
    with context.db.write_together() as session:
        watch_turns.done(session, watch.name, holder, started + timedelta(seconds=watch.every_s))


@contextmanager
def _held(context: Context, name: str, holder: str) -> Iterator[None]:
    """Keep hold of a watch while it looks, however long that takes."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(watch_turns.HOLD_S / 3):
            try:
                with context.db.write_together() as session:
                    watch_turns.keep(session, name, holder)
            except Exception as error:  # noqa: BLE001 - a missed renewal is repeated; the hold still stands
                log.warning("watch_not_kept", watch=name, error=type(error).__name__)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def look_once(context: Context) -> None:
    """Look after everything once, for tests and one-shot runs."""
    for watch in WATCHES:
        watch.look(context)
