"""How long officers have for a tip, computed from its events alone.

Both start when the area that has the tip got it: by routing, transfer or escalation.

| clock | runs until | may last |
|---|---|---|
| acknowledge | an officer opened or claimed it | `acknowledge_hours`, in danger `acknowledge_danger_hours` |
| decide | it is a lead or has its disposition | `decide_hours`, without the time the tipster was asked |

While a tip is set aside (`app.tips.set_aside`) both stand still, and go on from there when it is given back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from sqlmodel import Session, col, select

from app.core.clock import now
from app.core.settings import Settings
from app.tips.models import Tip, TipEvent, TipState


class ClockKind(StrEnum):
    """What has to happen before it runs out."""

    ACKNOWLEDGE = "acknowledge"
    DECIDE = "decide"


BEFORE_OFFICERS = frozenset({TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED})
"""States in which no area has the tip; no officer's clock runs."""
SETTLED = frozenset({TipState.LEAD, TipState.DISPOSED})
NOT_OPENED = frozenset({TipState.ROUTED, TipState.ESCALATED})


Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Clock:
    """One clock of one tip.

    Attributes:
        kind: what has to happen.
        started_at: when it began to run.
        due_at: when it runs out, given what happened until now.
        stopped_at: when it was done; None while it runs.
    """

    kind: ClockKind
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None

    @property
    def running(self) -> bool:
        """Whether it is not done yet."""
        return self.stopped_at is None

    def overdue(self, moment: datetime) -> bool:
        """Whether it ran out at a moment without being done."""
        return self.stopped_at is None and moment > self.due_at


def of_events(events: Sequence[TipEvent], settings: Settings, *, danger_now: bool) -> list[Clock]:
    """The clocks of a tip.

    Args:
        events: the tip's events, oldest first.
        settings: how long each clock may last.
        danger_now: whether its sender said so.

    Returns:
        One clock of each kind for the area that has the tip now; none before it was handed to one.
    """
    moves, rests = _parted(events)
    held = _since_handed_over(moves)
    if not held:
        return []
    start = held[0].at
    opened = next((event.at for event in held if event.state not in NOT_OPENED), None)
    settled = held[-1].at if held[-1].state in SETTLED else None
    hours = settings.acknowledge_danger_hours if danger_now else settings.acknowledge_hours
    opened_by = start + timedelta(hours=hours) + _length(rests, start, opened)
    decided_by = (
        start + timedelta(hours=settings.decide_hours) + _length(rests + _asked(held), start, settled)
    )
    return [
        Clock(ClockKind.ACKNOWLEDGE, start, opened_by, opened),
        Clock(ClockKind.DECIDE, start, decided_by, settled),
    ]


def of_tips(session: Session, tips: Iterable[Tip], settings: Settings) -> dict[UUID, list[Clock]]:
    """The clocks of many tips, by tip.

    Args:
        session: any session.
        tips: tips that the caller may see.
        settings: how long each clock may last.
    """
    wanted = {tip.id: tip for tip in tips}
    events: dict[UUID, list[TipEvent]] = {tip_id: [] for tip_id in wanted}
    for event in session.exec(
        select(TipEvent).where(col(TipEvent.tip_id).in_(wanted)).order_by(col(TipEvent.at), col(TipEvent.id))
    ):
        events[event.tip_id].append(event)
    return {
        tip_id: of_events(found, settings, danger_now=wanted[tip_id].danger_now)
        for tip_id, found in events.items()
    }


def _since_handed_over(events: Sequence[TipEvent]) -> list[TipEvent]:
    """The events since the area that has the tip now got it, the first of them being that."""
    with_officers = [event for event in events if event.state not in BEFORE_OFFICERS]
    start = 0
    for index, (before, event) in enumerate(pairwise(with_officers), start=1):
        moved = (event.jurisdiction_code, event.escalated_to) != (
            before.jurisdiction_code,
            before.escalated_to,
        )
        if moved or (before.state == TipState.DISPOSED and event.state != TipState.DISPOSED):
            start = index
    return with_officers[start:]


def _parted(events: Sequence[TipEvent]) -> tuple[list[TipEvent], list[Span]]:
    """The events that moved a tip, and the spans in which it was set aside."""
    moves: list[TipEvent] = []
    rests: list[Span] = []
    since: datetime | None = None
    for event in events:
        if not moves or _place(event) != _place(moves[-1]):
            moves.append(event)
        elif since is None:
            since = event.at
        else:
            rests.append((since, event.at))
            since = None
    return moves, rests if since is None else [*rests, (since, now())]


def _place(event: TipEvent) -> tuple[TipState, str | None, str | None]:
    return event.state, event.jurisdiction_code, event.escalated_to


def _asked(held: Sequence[TipEvent]) -> list[Span]:
    """The spans in which the tipster was asked and had not answered."""
    return [
        (event.at, following.at if following else now())
        for event, following in zip(held, [*held[1:], None], strict=True)
        if event.state == TipState.AWAITING_TIPSTER
    ]


def _length(spans: Iterable[Span], start: datetime, end: datetime | None) -> timedelta:
    """How long at least one of the spans lasted, between two moments."""
    total, counted = timedelta(), start
    for since, until in sorted(spans):
        over = min(until, end) if end else until
        total += max(over - max(since, counted), timedelta())
        counted = max(counted, over)
    return total
