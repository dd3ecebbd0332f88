"""Questions about a channel's webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from app.core.errors import NotFound
from app.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookMessage

MOST_SHOWN = 200
"""Dead letters of one list."""


@dataclass(frozen=True)
class Sent:
    """A message on its way to an endpoint, or at the end of it."""

    delivery: WebhookDelivery
    message: WebhookMessage
    endpoint: WebhookEndpoint


def endpoints(session: Session, channel_id: UUID) -> list[WebhookEndpoint]:
    """A channel's endpoints, the oldest first; removed ones are not among them."""
    return list(
        session.exec(
            select(WebhookEndpoint)
            .where(WebhookEndpoint.channel_id == channel_id, col(WebhookEndpoint.removed_at).is_(None))
            .order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
        )
    )


def get_endpoint(session: Session, channel_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """One of a channel's endpoints.

    Raises:
        NotFound: none such, removed, or another channel's.
    """
    endpoint = session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.channel_id != channel_id or endpoint.removed_at is not None:
        raise NotFound
    return endpoint


def get_delivery(session: Session, channel_id: UUID, delivery_id: UUID) -> Sent:
    """One of a channel's deliveries.

    Raises:
        NotFound: none such, or another channel's.
    """
    found = _rows(session, _sent().where(WebhookDelivery.id == delivery_id))
    if not found or found[0].endpoint.channel_id != channel_id or found[0].endpoint.removed_at is not None:
        raise NotFound
    return found[0]


def deliveries(
    session: Session,
    endpoint_id: UUID,
    *,
    state: DeliveryState | None = None,
    before: UUID | None = None,
    most: int = 50,
) -> Sequence[Sent]:
    """An endpoint's deliveries, the newest first.

    Args:
        session: any session.
        endpoint_id: whose.
        state: only those that stand there.
        before: only those older than this one.
        most: rows.
    """
    question = _sent().where(WebhookDelivery.endpoint_id == endpoint_id)
    if state is not None:
        question = question.where(WebhookDelivery.state == state)
    if before is not None:
        question = question.where(col(WebhookDelivery.id) < before)
    return _rows(session, question.order_by(col(WebhookDelivery.id).desc()).limit(most))


def last_delivery(session: Session, channel_id: UUID) -> Sent | None:
    """The newest delivery of a channel, however it stands; None while there is none."""
    newest = [
        sent for each in endpoints(session, channel_id) for sent in deliveries(session, each.id, most=1)
    ]
    return max(newest, key=lambda sent: sent.delivery.id, default=None)


def dead(session: Session, channel_id: UUID, most: int = MOST_SHOWN) -> Sequence[Sent]:
    """A channel's dead letters: what could not be delivered, the newest first."""
    question = _sent().where(
        WebhookEndpoint.channel_id == channel_id,
        col(WebhookEndpoint.removed_at).is_(None),
        WebhookDelivery.state == DeliveryState.DEAD,
    )
    return _rows(session, question.order_by(col(WebhookDelivery.id).desc()).limit(most))


def dead_of_endpoint(session: Session, endpoint_id: UUID, since: datetime) -> list[WebhookDelivery]:
    """An endpoint's dead letters whose messages are no older than a moment."""
    return list(
        session.exec(
            select(WebhookDelivery)
            .join(WebhookMessage)
            .where(
                WebhookDelivery.endpoint_id == endpoint_id,
                WebhookDelivery.state == DeliveryState.DEAD,
                col(WebhookMessage.created_at) >= since,
            )
        )
    )


def _sent() -> "Select[WebhookDelivery, WebhookMessage, WebhookEndpoint]":
    return (
        select(WebhookDelivery, WebhookMessage, WebhookEndpoint)
        .join(WebhookMessage, col(WebhookMessage.id) == col(WebhookDelivery.message_id))
        .join(WebhookEndpoint, col(WebhookEndpoint.id) == col(WebhookDelivery.endpoint_id))
    )


def _rows(
    session: Session, question: "Select[WebhookDelivery, WebhookMessage, WebhookEndpoint]"
) -> list[Sent]:
    return [Sent(*row) for row in session.exec(question)]
