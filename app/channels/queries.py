"""Questions about channels and their voidings."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from app.channels.models import ChannelVoid
from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.officers.models import Officer
from app.partners.models import PartnerKey
from app.tips.models import Channel, ChannelKind, Tip


def shown(session: Session) -> list[Channel]:
    """Every channel but those of known answers, which nobody looks after here."""
    return list(
        session.exec(select(Channel).where(Channel.kind != ChannelKind.GOLDEN).order_by(col(Channel.name)))
    )


def get(session: Session, channel_id: UUID) -> Channel:
    """One of these channels.

    Raises:
        NotFound: no such channel.
    """
    channel = session.get(Channel, channel_id)
    if channel is None or channel.kind == ChannelKind.GOLDEN:
        raise NotFound
    return channel


def keys(session: Session, channel_id: UUID | None = None) -> dict[UUID, list[PartnerKey]]:
    """The keys of a channel, or of all, by channel; the newest first."""
    question = select(PartnerKey).order_by(col(PartnerKey.created_at).desc())
    if channel_id is not None:
        question = question.where(PartnerKey.channel_id == channel_id)
    found: dict[UUID, list[PartnerKey]] = {}
    for key in session.exec(question):
        found.setdefault(key.channel_id, []).append(key)
    return found


def voids(session: Session, channel_id: UUID) -> list[tuple[ChannelVoid, Officer]]:
    """A channel's voidings with who made them, the newest first."""
    return list(
        session.exec(
            select(ChannelVoid, Officer)
            .join(Officer, col(Officer.id) == col(ChannelVoid.made_by))
            .where(ChannelVoid.channel_id == channel_id)
            .order_by(col(ChannelVoid.made_at).desc())
        ).all()
    )


def open_voids(session: Session) -> dict[UUID, int]:
    """Tips that voidings which can still be undone set aside, by channel."""
    found: dict[UUID, int] = {}
    for void in session.exec(
        select(ChannelVoid).where(col(ChannelVoid.undone_at).is_(None), col(ChannelVoid.closed_at).is_(None))
    ):
        found[void.channel_id] = found.get(void.channel_id, 0) + void.tips
    return found


def get_void(session: Session, channel_id: UUID, void_id: UUID) -> ChannelVoid:
    """One of a channel's voidings.

    Raises:
        NotFound: the channel has no such voiding.
    """
    void = session.get(ChannelVoid, void_id)
    if void is None or void.channel_id != channel_id:
        raise NotFound
    return void


def tips_of_void(session: Session, void_id: UUID, page: int) -> Listing[Tip]:
    """The tips that a voiding holds or has closed, a page at a time, the oldest first."""
    question = select(Tip).where(Tip.set_aside_by == void_id)
    return listing(session, question.order_by(col(Tip.received_at), col(Tip.id)), page)


def officers(session: Session, ids: Sequence[UUID | None]) -> dict[UUID, Officer]:
    """Officers by their ids."""
    found = session.exec(select(Officer).where(col(Officer.id).in_([each for each in ids if each])))
    return {officer.id: officer for officer in found}
