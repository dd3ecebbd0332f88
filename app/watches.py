"""What is looked after beside the jobs: each watch asks what is due, does it, and may be repeated."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app.audit import unusual
from app.channels import closing
from app.core import partitions
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
        look: does what is due; several workers may do so at once.
    """

    name: str
    every_s: float
    look: Callable[[Context], object]


WATCHES: tuple[Watch, ...] = (
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
    due = {watch.name: time.monotonic() for watch in WATCHES}
    while not stopping.wait(LONGEST_PAUSE_S):
        for watch in WATCHES:
            if time.monotonic() < due[watch.name] or stopping.is_set():
                continue
            try:
                watch.look(context)
            except Exception as error:  # noqa: BLE001 - the others go on; an error's text may quote a stranger
                log.warning("watch_failed", watch=watch.name, error=type(error).__name__)
            due[watch.name] = time.monotonic() + watch.every_s


def look_once(context: Context) -> None:
    """Look after everything once, for tests and one-shot runs."""
    for watch in WATCHES:
        watch.look(context)
