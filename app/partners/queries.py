"""Questions about the tips that a channel sent; nobody else's are ever found."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select, tuple_

from app.core.errors import Invalid
from app.tips.answers import STATUS_OF, Status
from app.tips.fields import NO_OFFSET
from app.tips.models import Tip, TipMessage
from app.tips.queries import FINAL_NOTICES


@dataclass(frozen=True)
class Wanted:
    """Which tips a channel asks for.

    Attributes:
        status: as their sender may know it; None for all.
        external_id: the sender's own number.
        received_from: not earlier than this.
        received_until: earlier than this.
    """

    status: Status | None = None
    external_id: str | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None


def page_of_tips(
    session: Session, channel_id: UUID, wanted: Wanted, cursor: str | None, limit: int
) -> tuple[list[Tip], str | None]:
    """One page of a channel's tips, newest first; a page stays the same while new tips come in.

    Args:
        session: any session.
        channel_id: the channel.
        wanted: which of its tips.
        cursor: where the page before ended; None for the first.
        limit: tips of a page.

    Returns:
        The tips, and the cursor of the next page; None after the last.

    Raises:
        Invalid: the cursor is none of ours, or a time lies beyond all calendars.
    """
    order = tuple_(col(Tip.received_at), col(Tip.id))
    asked = select(Tip).where(Tip.channel_id == channel_id)
    if cursor is not None:
        asked = asked.where(order < tuple_(*_read(cursor)))
    if wanted.status is not None:
        asked = asked.where(has_status(wanted.status))
    if wanted.external_id is not None:
        asked = asked.where(Tip.external_id == wanted.external_id)
    if wanted.received_from is not None:
        asked = asked.where(col(Tip.received_at) >= _utc(wanted.received_from, "received_from"))
    if wanted.received_until is not None:
        asked = asked.where(col(Tip.received_at) < _utc(wanted.received_until, "received_until"))
    found = session.exec(
        asked.order_by(col(Tip.received_at).desc(), col(Tip.id).desc()).limit(limit + 1)
    ).all()
    shown = list(found[:limit])
    return shown, _write(shown[-1]) if len(found) > limit else None


def _utc(moment: datetime, field: str) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise Invalid(NO_OFFSET, field=field) from error


def has_status(status: Status) -> ColumnElement[bool]:
    """The status as `app.tips.answers` gives it: an answer once given stays."""
    answered = (
        select(TipMessage.id)
        .where(TipMessage.tip_id == Tip.id, col(TipMessage.notice).in_(sorted(FINAL_NOTICES)))
        .exists()
    )
    in_state = col(Tip.state).in_([state for state, shown in STATUS_OF.items() if shown == status])
    return or_(in_state, answered) if status == Status.CLOSED else in_state & ~answered


def _write(tip: Tip) -> str:
    body = json.dumps([tip.received_at.isoformat(), str(tip.id)])
    return base64.urlsafe_b64encode(body.encode()).rstrip(b"=").decode()


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, tip_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return datetime.fromisoformat(at).astimezone(UTC), UUID(tip_id)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise Invalid("This cursor was not made here. Begin again without one.", field="cursor") from error
