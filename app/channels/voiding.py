"""Voiding a bad channel's tips: what it would do, and the steps of doing it and of taking it back.

`running.py` takes the steps one transaction at a time, so that a large voiding stops nobody else.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.channels import queries
from app.channels.fates import LEFT_OUT, Fate, fates
from app.channels.models import ChannelVoid
from app.core import jobs
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound
from app.core.settings import Settings
from app.core.text import cleaned, legible
from app.officers.models import Officer
from app.photos.models import Photo
from app.tips import queries as tip_queries
from app.tips import set_aside
from app.tips.models import ChannelKind, Tip, TipState
from app.tips.progress import SHORTEST_REASON

LONGEST_REASON = 500
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


def choose(
    session: Session, channel_id: UUID, span: Span, ticked: Ticked, reason: str, shown: int
) -> list[UUID]:
    """The tips that a voiding sets aside, in the order they came in; nothing is changed yet.

    Args:
        session: any session.
        channel_id: the channel.
        span: which tips.
        ticked: which of those with danger, too.
        reason: why, in words.
        shown: how many tips the preview named, those with danger among them.

    Raises:
        NotFound: no such channel.
        Invalid: no reason in words, or the span ends before it begins.
        Conflict: no tip would be set aside, or more than the officer was shown.
    """
    _check(session, channel_id, span)
    checked_reason(reason)
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


def begin(
    session: Session,
    officer: Officer,
    settings: Settings,
    channel_id: UUID,
    span: Span,
    reason: str,
    tips: int,
) -> ChannelVoid:
    """Write down that a channel's tips are voided; `take` sets them aside.

    Args:
        session: a writing session.
        officer: who does it.
        settings: how long it can be undone.
        channel_id: the channel.
        span: which tips.
        reason: why, in words; for officers only.
        tips: how many tips were chosen.
    """
    moment = now()
    made = ChannelVoid(
        channel_id=channel_id,
        received_from=span.since,
        received_until=span.until,
        reason=checked_reason(reason),
        tips=0,
        made_by=officer.id,
        made_at=moment,
        final_at=moment + timedelta(days=settings.void_days),
    )
    session.add(made)
    session.flush()
    audit.record(
        session,
        officer_actor(officer.id),
        Action.CHANNEL_VOIDED,
        "channel",
        channel_id,
        void=str(made.id),
        tips=tips,
    )
    return made


def take(session: Session, void_id: UUID, chosen: Sequence[UUID], span: Span) -> None:
    """Set some of the chosen tips aside, but for those that officers have worked on since."""
    made = session.get_one(ChannelVoid, void_id)
    if not can_undo(made):
        return
    found = fates(col(Tip.id).in_(chosen), unopened=span.unopened, copies=False)
    ids = session.exec(select(found.c.id).where(found.c.fate.in_([Fate.TAKEN, Fate.DANGER]))).all()
    made.tips += set_aside.set_aside(session, ids, made.id, made.made_at)
    session.add(made)


def search_copies(session: Session, void_id: UUID) -> None:
    """Have tips searched for themselves whose picture was compared for one that is set aside now."""
    gone = select(Tip.id).where(Tip.set_aside_by == void_id)
    pictures = select(Photo.cluster_id).where(col(Photo.tip_id).in_(gone), col(Photo.cluster_id).is_not(None))
    left = session.exec(
        select(Tip.id)
        .join(Photo, col(Photo.tip_id) == col(Tip.id))
        .where(col(Photo.cluster_id).in_(pictures), tip_queries.counts(), col(Tip.state) != TipState.DISPOSED)
        .distinct()
    )
    for tip_id in left:
        jobs.enqueue(session, "search_tip", f"search_tip:{tip_id}:after:{void_id}", tip_id=str(tip_id))


def undo(session: Session, officer: Officer, channel_id: UUID, void_id: UUID) -> None:
    """Take a voiding back; `give_back` brings its tips, and their clocks go on from where they stopped.

    Raises:
        NotFound: the channel has no such voiding.
        Conflict: it was undone already, or its time is over.
    """
    made = _open(session, channel_id, void_id)
    made.undone_at = now()
    made.undone_by = officer.id
    session.add(made)
    actor = officer_actor(officer.id)
    audit.record(
        session, actor, Action.CHANNEL_VOID_UNDONE, "channel", channel_id, void=str(void_id), tips=made.tips
    )


def give_back(session: Session, void_id: UUID, most: int) -> int:
    """Give some tips of a voiding that was undone back, as of the moment of its undoing.

    Returns:
        How many tips; 0 when all are back.
    """
    made = session.get_one(ChannelVoid, void_id)
    if made.undone_at is None:
        return 0
    ids = session.exec(select(Tip.id).where(Tip.set_aside_by == void_id).limit(most)).all()
    return set_aside.give_back(session, void_id, made.undone_at, ids) if ids else 0


def give_one_back(session: Session, officer: Officer, channel_id: UUID, void_id: UUID, tip_id: UUID) -> None:
    """Take one tip out of a voiding.

    Raises:
        NotFound: the voiding does not hold this tip.
        Conflict: it was undone already, or its time is over.
    """
    made = _open(session, channel_id, void_id)
    if not set_aside.give_back(session, made.id, now(), [tip_id]):
        raise NotFound
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.CHANNEL_VOID_UNDONE, "tip", tip_id, void=str(void_id))


def can_undo(made: ChannelVoid) -> bool:
    """Whether a voiding can still be undone."""
    return made.undone_at is None and made.closed_at is None and now() < made.final_at


def checked_reason(reason: str) -> str:
    """A reason in words.

    Raises:
        Invalid: too short, too long, or with signs that nobody types.
    """
    reason = cleaned(reason, "reason")
    if legible(reason) < SHORTEST_REASON:
        raise Invalid("Give the reason in words.", field="reason")
    if len(reason) > LONGEST_REASON:
        raise Invalid(
            "This text is too long: at most %(most)s characters.", field="reason", most=LONGEST_REASON
        )
    return reason


def _check(session: Session, channel_id: UUID, span: Span) -> None:
    channel = queries.get(session, channel_id)
    if channel.kind not in WITH_TIPS:
        raise Conflict("Officers see no tips of this channel, so there is nothing to void.")
    if span.until <= span.since:
        raise Invalid("The time must end after it begins.", field="until")


def _open(session: Session, channel_id: UUID, void_id: UUID) -> ChannelVoid:
    made = queries.get_void(session, channel_id, void_id)
    if made.undone_at is not None:
        raise Conflict("This voiding was undone already.")
    if not can_undo(made):
        raise Conflict("The time in which this voiding could be undone is over.")
    return made


def _within(channel_id: UUID, span: Span) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Tip.channel_id) == channel_id,
        col(Tip.received_at) >= span.since,
        col(Tip.received_at) < span.until,
    )
