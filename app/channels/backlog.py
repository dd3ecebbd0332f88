"""What voiding a span of a channel's tips would do, and which tips that are."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select

from app.channels import queries
from app.channels.fates import LEFT_OUT, Fate, fates
from app.core.errors import Conflict, Invalid
from app.tips.models import ChannelKind, Tip, TipState

MOST_DANGER = 50
"""Tips with danger that are listed one by one; more are ticked together."""
WITH_TIPS = frozenset({ChannelKind.WEB, ChannelKind.PARTNER, ChannelKind.IMPORT})
"""Channels whose tips officers see."""


@dataclass(frozen=True)
class Span:
    """Which of a channel's tips.

    Attributes:
        since: received from this moment.
        until: received before this one.
        unopened: only those that no officer has opened.
    """

    since: datetime
    until: datetime
    unopened: bool


@dataclass(frozen=True)
class Ticked:
    """Which tips with danger are set aside, too.

    Attributes:
        ids: these.
        all: every one of the span.
    """

    ids: frozenset[UUID]
    all: bool = False


@dataclass(frozen=True)
class Preview:
    """What a voiding would do.

    Attributes:
        states: tips that would be set aside, by state; those with danger are not among them.
        areas: the same by area; None for tips that have none yet.
        danger: tips with danger that could be set aside.
        danger_tips: the oldest of these.
        left_out: tips that stay, by why.
    """

    states: Counter[TipState]
    areas: Counter[str | None]
    danger: int
    danger_tips: list[Tip]
    left_out: dict[Fate, int]

    @property
    def taken(self) -> int:
        """Tips that would be set aside, without those in danger."""
        return self.states.total()


def preview(session: Session, channel_id: UUID, span: Span) -> Preview:
    """See what voiding a span would do.

    Raises:
        NotFound: no such channel.
        Conflict: officers see nothing of this channel.
        Invalid: the span ends before it begins.
    """
    _check(session, channel_id, span)
    found = fates(*_within(channel_id, span), unopened=span.unopened)
    rows = session.execute(
        select(found.c.fate, found.c.state, found.c.jurisdiction_code, func.count()).group_by(
            found.c.fate, found.c.state, found.c.jurisdiction_code
        )
    ).all()
    states: Counter[TipState] = Counter()
    areas: Counter[str | None] = Counter()
    others: Counter[Fate] = Counter()
    for fate, state, area, count in rows:
        others[Fate(fate)] += count
        if fate == Fate.TAKEN:
            states[state] += count
            areas[area] += count
    in_danger = select(found.c.id).where(found.c.fate == Fate.DANGER)
    listed = session.exec(
        select(Tip).where(col(Tip.id).in_(in_danger)).order_by(col(Tip.received_at)).limit(MOST_DANGER)
    )
    danger = list(listed) if others[Fate.DANGER] else []
    left_out = {fate: others[fate] for fate in LEFT_OUT if others[fate]}
    return Preview(states, areas, others[Fate.DANGER], danger, left_out)


def choose(session: Session, channel_id: UUID, span: Span, ticked: Ticked, shown: int) -> list[UUID]:
    """The tips that a voiding sets aside, in the order they came in; nothing is changed yet.

    Args:
        session: any session.
        channel_id: the channel.
        span: which tips.
        ticked: which of those with danger, too.
        shown: how many tips the preview named, those with danger among them.

    Raises:
        NotFound: no such channel.
        Invalid: the span ends before it begins.
        Conflict: no tip would be set aside, or more than the officer was shown.
    """
    _check(session, channel_id, span)
    found = fates(*_within(channel_id, span), unopened=span.unopened)
    wanted: ColumnElement[bool] = found.c.fate == Fate.TAKEN
    if ticked.all:
        wanted = or_(wanted, found.c.fate == Fate.DANGER)
    elif ticked.ids:
        wanted = or_(wanted, (found.c.fate == Fate.DANGER) & found.c.id.in_(ticked.ids))
    chosen = list(session.exec(select(found.c.id).where(wanted).order_by(found.c.received_at)).all())
    if not chosen:
        raise Conflict("There is no tip in this time that could be set aside.")
    if len(chosen) > shown:
        raise Conflict("More tips would be set aside than you were shown. Look at the preview again.")
    return chosen


def _check(session: Session, channel_id: UUID, span: Span) -> None:
    channel = queries.get(session, channel_id)
    if channel.kind not in WITH_TIPS:
        raise Conflict("Officers see no tips of this channel, so there is nothing to void.")
    if span.until <= span.since:
        raise Invalid("The time must end after it begins.", field="until")


def _within(channel_id: UUID, span: Span) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Tip.channel_id) == channel_id,
        col(Tip.received_at) >= span.since,
        col(Tip.received_at) < span.until,
    )
