"""How telling the partners goes: the newest delivery of each channel, and those that came to nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True)
class Telling:
    """How telling a partner goes.

    Attributes:
        endpoints: addresses that messages go to.
        delivered_at: when the newest message arrived.
        dead: messages that were given up.
    """

    endpoints: int = 0
    delivered_at: datetime | None = None
    dead: int = 0


NOTHING = Telling()


def of_channels(session: Session, ids: Collection[UUID]) -> dict[UUID, Telling]:
    """How telling goes, by channel; those without an address are left out.

    The newest delivery of an address is looked up in the index of its deliveries.

    Args:
        session: any session.
        ids: the channels.
    """
    last = (
        select(func.max(col(WebhookDelivery.delivered_at)))
        .where(WebhookDelivery.endpoint_id == WebhookEndpoint.id)
        .correlate(WebhookEndpoint)
        .scalar_subquery()
    )
    rows = session.exec(
        select(WebhookEndpoint.id, WebhookEndpoint.channel_id, last).where(
            col(WebhookEndpoint.channel_id).in_(ids), col(WebhookEndpoint.removed_at).is_(None)
        )
    ).all()
    dead: dict[UUID, int] = dict(
        session.exec(
            select(WebhookDelivery.endpoint_id, func.count())
            .where(WebhookDelivery.state == DeliveryState.DEAD)
            .group_by(col(WebhookDelivery.endpoint_id))
        ).all()
    )
    found: dict[UUID, Telling] = {}
    for endpoint_id, channel_id, delivered_at in rows:
        before = found.get(channel_id, NOTHING)
        moments = [moment for moment in (before.delivered_at, delivered_at) if moment is not None]
        found[channel_id] = Telling(
            before.endpoints + 1, max(moments, default=None), before.dead + dead.get(endpoint_id, 0)
        )
    return found
