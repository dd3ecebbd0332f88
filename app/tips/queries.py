"""Questions about tips. `visible_to` is the only door to them for an officer."""

from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.errors import NotFound
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer
from app.photos.models import Photo
from app.tips.models import Channel, ChannelKind, Disposition, Tip, TipMessage, TipState

NATION = "CN"
"""Area whose officers also see tips that no area has yet."""


FINAL_NOTICES = frozenset(disposition.value for disposition in Disposition)
"""Notices after which the sender's page stays closed."""


def visible_to(officer: Officer) -> SelectOfScalar[Tip]:
    """The tips of an officer's area; unrouted ones are the nation's. Known answers are not among them.

    Tips that a voiding of their channel has set aside are not, either.
    """
    return reviewable_by(officer).where(col(Tip.channel_id).not_in(golden_channels()))


def golden_channels() -> SelectOfScalar[UUID]:
    """The channels of known answers."""
    return select(Channel.id).where(Channel.kind == ChannelKind.GOLDEN)


def trials() -> SelectOfScalar[UUID]:
    """The channels on which partners try their programs; no officer meets what they send."""
    return select(Channel.id).where(Channel.kind == ChannelKind.SANDBOX)


def is_golden(session: Session, tip: Tip) -> bool:
    """Whether a tip is a known answer, and nobody sent it."""
    return session.get_one(Channel, tip.channel_id).kind == ChannelKind.GOLDEN


def reviewable_by(officer: Officer) -> SelectOfScalar[Tip]:
    """The same with the known answers mixed in among them: for comparing faces, and for nothing else."""
    own = col(Tip.jurisdiction_code).in_(codes_within(officer)) & col(Tip.channel_id).not_in(trials())
    if officer.jurisdiction_code == NATION:
        unrouted = col(Tip.jurisdiction_code).is_(None) & col(Tip.channel_id).not_in(trials())
        return select(Tip).where(or_(own, unrouted), in_work())
    return select(Tip).where(own, in_work())


def in_work() -> ColumnElement[bool]:
    """Tips that no voiding keeps out of the officers' work; a closed one reads like any other closed one."""
    # Said twice, or SQLite walks the index of the column, in which nearly all tips have the same None.
    return or_(counts(), Tip.state == TipState.DISPOSED)


def counts() -> ColumnElement[bool]:
    """Tips that no voiding holds or has closed: what was found with others stands for no copy of theirs."""
    return col(Tip.set_aside_by).is_(None).is_(True)


def get_visible(session: Session, officer: Officer, tip_id: UUID) -> Tip:
    """One tip, or the same refusal whether it does not exist or is another area's.

    Raises:
        NotFound: no such tip in the officer's area.
    """
    tip = session.exec(visible_to(officer).where(Tip.id == tip_id)).first()
    if tip is None:
        raise NotFound
    return tip


def get_reviewable(session: Session, officer: Officer, tip_id: UUID) -> Tip:
    """One tip whose faces the officer may compare.

    Raises:
        NotFound: no such tip in the officer's area.
    """
    tip = session.exec(reviewable_by(officer).where(Tip.id == tip_id)).first()
    if tip is None:
        raise NotFound
    return tip


def photos_of(session: Session, tip_id: UUID) -> list[Photo]:
    """A tip's photos in the order they were sent."""
    return list(session.exec(select(Photo).where(Photo.tip_id == tip_id).order_by(col(Photo.position))))


def is_answered(session: Session, tip_id: UUID) -> bool:
    """Whether the sender has the final answer, whatever officers do with the tip afterwards."""
    notice = select(TipMessage.id).where(
        TipMessage.tip_id == tip_id, col(TipMessage.notice).in_(sorted(FINAL_NOTICES))
    )
    return session.exec(notice).first() is not None


def thread(session: Session, tip_id: UUID) -> list[TipMessage]:
    """A tip's messages, oldest first."""
    return list(
        session.exec(
            select(TipMessage)
            .where(TipMessage.tip_id == tip_id)
            .order_by(col(TipMessage.created_at), col(TipMessage.id))
        )
    )
