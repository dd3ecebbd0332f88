"""Questions about channels and their voidings."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.audit.models import Action, AuditEvent
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.partners.models import PartnerKey
from app.photos.models import Photo
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


def by_name(session: Session, name: str) -> Channel | None:
    """The channel of a name; blanks in it count once."""
    return session.exec(select(Channel).where(Channel.name == " ".join(name.split()))).first()


def keys(session: Session, channel_ids: Collection[UUID]) -> dict[UUID, list[PartnerKey]]:
    """The keys of channels, by channel; the newest first."""
    found: dict[UUID, list[PartnerKey]] = {}
    for key in session.exec(
        select(PartnerKey)
        .where(col(PartnerKey.channel_id).in_(channel_ids))
        .order_by(col(PartnerKey.created_at).desc())
    ):
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


def aside(session: Session, channel_ids: Collection[UUID]) -> dict[UUID, int]:
    """Tips that were set aside by voidings which can still be undone, by channel."""
    tips = func.sum(col(ChannelVoid.tips))
    return dict(
        session.exec(
            select(ChannelVoid.channel_id, tips)
            .where(
                col(ChannelVoid.channel_id).in_(channel_ids),
                col(ChannelVoid.undone_at).is_(None),
                col(ChannelVoid.closed_at).is_(None),
            )
            .group_by(col(ChannelVoid.channel_id))
        ).all()
    )


def why_paused(session: Session, channel_id: UUID) -> str | None:
    """Code of the reason for which a channel was paused last."""
    row = session.exec(
        select(AuditEvent)
        .where(AuditEvent.subject_id == str(channel_id), AuditEvent.action == Action.CHANNEL_PAUSED)
        .order_by(col(AuditEvent.seq).desc())
        .limit(1)
    ).first()
    return str(row.detail.get("reason", "")) if row else None


def due_to_close(session: Session) -> list[UUID]:
    """Voidings that cannot be undone any more and whose tips are not closed."""
    return list(
        session.exec(
            select(ChannelVoid.id).where(
                col(ChannelVoid.undone_at).is_(None),
                col(ChannelVoid.closed_at).is_(None),
                col(ChannelVoid.final_at) <= now(),
            )
        )
    )


def undone_but_held(session: Session) -> list[UUID]:
    """Voidings that were undone and still hold tips: whoever gave them back was cut off."""
    held = select(Tip.id).where(Tip.set_aside_by == ChannelVoid.id).exists()
    return list(session.exec(select(ChannelVoid.id).where(col(ChannelVoid.undone_at).is_not(None), held)))


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


def officer_named(session: Session, officer_id: UUID | None) -> Officer | None:
    """An officer by id."""
    return session.get(Officer, officer_id) if officer_id else None


def areas(session: Session, codes: Collection[str | None]) -> dict[str | None, Jurisdiction]:
    """Areas by their codes."""
    wanted = [code for code in codes if code]
    return {
        area.code: area
        for area in session.exec(select(Jurisdiction).where(col(Jurisdiction.code).in_(wanted)))
    }


def photo_counts(session: Session, tip_ids: Collection[UUID]) -> dict[UUID | None, int]:
    """How many photos tips have."""
    rows = session.exec(
        select(Photo.tip_id, func.count()).where(col(Photo.tip_id).in_(tip_ids)).group_by(col(Photo.tip_id))
    )
    return dict(rows.all())
