"""Questions about enquiries, and about the tips that a picture may be known from."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.enquiries.models import Enquiry
from app.photos.models import Photo
from app.tips.models import Channel, ChannelKind, Disposition, Tip, TipMessage

SENT_BY_PEOPLE = (ChannelKind.WEB, ChannelKind.PARTNER, ChannelKind.IMPORT)
"""Channels of real tips: neither known answers nor trials."""


def asked_since(session: Session, since: datetime) -> int:
    """How many enquiries were made since a moment."""
    return session.exec(select(func.count(col(Enquiry.id))).where(col(Enquiry.asked_at) > since)).one()


def progress_of(session: Session, shown_from: datetime) -> tuple[int, datetime | None]:
    """Of all enquiries that are to be shown at one moment: how many wait, and when the last was answered."""
    waiting, last = session.exec(
        select(
            func.count(col(Enquiry.id)).filter(col(Enquiry.finding).is_(None)),
            func.max(Enquiry.answered_at),
        ).where(Enquiry.shown_from == shown_from)
    ).one()
    return waiting, last


def same_file(session: Session, sha256: str) -> list[UUID]:
    """Photos of tips with the very same bytes."""
    asked = select(Photo.id).where(Photo.sha256 == sha256, col(Photo.tip_id).in_(_known_tips()))
    return list(session.exec(asked))


def of_known_tips(session: Session, photo_ids: Collection[UUID]) -> list[UUID]:
    """Those of the photos that a picture may be known from."""
    asked = select(Photo.id).where(col(Photo.id).in_(photo_ids), col(Photo.tip_id).in_(_known_tips()))
    return list(session.exec(asked))


def tips_with(session: Session, photo_ids: Collection[UUID]) -> list[UUID]:
    """The tips of photos and of all photos in their clusters."""
    clusters = select(Photo.cluster_id).where(
        col(Photo.id).in_(photo_ids), col(Photo.cluster_id).is_not(None)
    )
    asked = select(Tip.id).where(
        col(Tip.id).in_(_known_tips()),
        col(Tip.id).in_(
            select(Photo.tip_id).where(or_(col(Photo.id).in_(photo_ids), col(Photo.cluster_id).in_(clusters)))
        ),
    )
    return list(session.exec(asked))


def _known_tips() -> SelectOfScalar[UUID]:
    """Tips that somebody sent and nobody took back, of channels that officers work for."""
    taken_back = select(TipMessage.tip_id).where(TipMessage.notice == Disposition.WITHDRAWN_BY_TIPSTER.value)
    return (
        select(Tip.id)
        .join(Channel)
        .where(
            col(Channel.kind).in_(SENT_BY_PEOPLE),
            col(Tip.set_aside_by).is_(None),
            col(Tip.id).not_in(taken_back),
        )
    )
