"""The steps of voiding a bad channel's tips and of taking that back.

`running.py` takes the steps one transaction at a time, so that a large voiding stops nobody else.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.channels import queries
from app.channels.backlog import Span
from app.channels.fates import Fate, fates
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
from app.tips.models import Tip, TipState
from app.tips.progress import SHORTEST_REASON

LONGEST_REASON = 500


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


def _open(session: Session, channel_id: UUID, void_id: UUID) -> ChannelVoid:
    made = queries.get_void(session, channel_id, void_id)
    if made.undone_at is not None:
        raise Conflict("This voiding was undone already.")
    if not can_undo(made):
        raise Conflict("The time in which this voiding could be undone is over.")
    return made
