"""What a channel's webhooks are told to do: made, changed, tried out, told again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, delete, update

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core.clock import now
from app.core.crypto import Keys
from app.core.errors import Conflict
from app.core.settings import Settings
from app.webhooks import messages, outward, queries, signatures
from app.webhooks.models import DeliveryState, EventType, WebhookDelivery, WebhookEndpoint, WebhookMessage
from app.webhooks.queries import Sent

MOST_ENDPOINTS = 5
"""Endpoints of one channel."""
OLD_SECRET_LIVES = timedelta(hours=24)
HELD = datetime(9999, 1, 1, tzinfo=UTC)
"""When deliveries to a paused endpoint are due: they stay out of the way of those that are."""


def add(
    session: Session, keys: Keys, settings: Settings, actor: Actor, channel_id: UUID, url: str
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; it is told of every change from now on.

    Returns:
        The endpoint and its secret, which is never shown again.

    Raises:
        Invalid: an address that messages may not go to.
        Conflict: the channel has as many endpoints as one may have.
    """
    address = outward.checked(url, inside=settings.webhooks_inside)
    if len(queries.endpoints(session, channel_id)) >= MOST_ENDPOINTS:
        raise Conflict("A channel has at most 5 webhooks. Remove one first.")
    secret = signatures.new_secret()
    endpoint = WebhookEndpoint(channel_id=channel_id, url=address, secret_sealed=keys.seal(secret.encode()))
    session.add(endpoint)
    _note(session, actor, endpoint, "added")
    return endpoint, secret


def change(
    session: Session,
    settings: Settings,
    actor: Actor,
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    paused: bool | None = None,
) -> None:
    """Change an endpoint's address, pause it or let it go on; None leaves as it is.

    What comes while it is paused waits, and is sent when it goes on.

    Raises:
        Invalid: an address that messages may not go to.
    """
    if url is not None:
        endpoint.url = outward.checked(url, inside=settings.webhooks_inside)
        _note(session, actor, endpoint, "address")
    if paused is True and endpoint.paused_at is None:
        pause(session, actor, endpoint)
    if paused is False and endpoint.paused_at is not None:
        endpoint.paused_at = None
        _reschedule(session, endpoint.id, now())
        _note(session, actor, endpoint, "resumed")
    session.add(endpoint)


def pause(session: Session, actor: Actor, endpoint: WebhookEndpoint) -> None:
    """Send nothing to an endpoint until it goes on."""
    endpoint.paused_at = now()
    session.add(endpoint)
    _reschedule(session, endpoint.id, HELD)
    _note(session, actor, endpoint, "paused")


def remove(session: Session, actor: Actor, endpoint: WebhookEndpoint) -> None:
    """Remove an endpoint; what waits for it is not sent any more, and its secrets are erased."""
    endpoint.removed_at = now()
    endpoint.secret_sealed = b""
    endpoint.old_secret_sealed = endpoint.old_secret_until = None
    session.add(endpoint)
    session.exec(
        delete(WebhookDelivery).where(
            col(WebhookDelivery.endpoint_id) == endpoint.id,
            col(WebhookDelivery.state) == DeliveryState.WAITING,
        )
    )
    _note(session, actor, endpoint, "removed")


def rotate(session: Session, keys: Keys, actor: Actor, endpoint: WebhookEndpoint) -> str:
    """Give an endpoint a new secret; for 24 hours messages carry signatures of both.

    Rotated again within these hours, the oldest of the three ends at once.

    Returns:
        The new secret, which is never shown again.
    """
    secret = signatures.new_secret()
    endpoint.old_secret_sealed, endpoint.old_secret_until = endpoint.secret_sealed, now() + OLD_SECRET_LIVES
    endpoint.secret_sealed = keys.seal(secret.encode())
    session.add(endpoint)
    _note(session, actor, endpoint, "secret")
    return secret


def send_test(session: Session, actor: Actor, endpoint: WebhookEndpoint) -> Sent:
    """Send an endpoint a message that says nothing; how it went stands in its deliveries.

    Raises:
        Conflict: it is paused, or the test before is still on its way.
    """
    if endpoint.paused_at is not None:
        raise Conflict("This webhook is paused. Let it go on first.")
    waiting = queries.deliveries(session, endpoint.id, state=DeliveryState.WAITING)
    if any(sent.message.type == EventType.PING for sent in waiting):
        raise Conflict("A test is on its way already. See the deliveries for how it goes.")
    message = WebhookMessage(
        channel_id=endpoint.channel_id, type=EventType.PING, body=messages.ping(endpoint)
    )
    session.add(message)
    session.flush()
    delivery = outgoing(message, endpoint)
    session.add(delivery)
    _note(session, actor, endpoint, "test")
    return Sent(delivery, message, endpoint)


def replay(session: Session, actor: Actor, delivery: WebhookDelivery) -> None:
    """Send a delivery anew, from its first try, however it stands; the message and its id are the same."""
    endpoint = session.get_one(WebhookEndpoint, delivery.endpoint_id)
    _revive(session, endpoint, delivery)
    audit.record(
        session, actor, Action.WEBHOOK_REPLAYED, "webhook_endpoint", endpoint.id, delivery=str(delivery.id)
    )


def replay_dead(session: Session, actor: Actor, endpoint: WebhookEndpoint, since: datetime) -> int:
    """Send an endpoint's dead letters anew whose messages are no older than a moment.

    Returns:
        How many there were.
    """
    found = queries.dead_of_endpoint(session, endpoint.id, since)
    for delivery in found:
        _revive(session, endpoint, delivery)
    audit.record(session, actor, Action.WEBHOOK_REPLAYED, "webhook_endpoint", endpoint.id, count=len(found))
    return len(found)


def outgoing(message: WebhookMessage, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """A message's delivery to one endpoint, due now or when the endpoint goes on."""
    return WebhookDelivery(
        message_id=message.id, endpoint_id=endpoint.id, next_try_at=HELD if endpoint.paused_at else now()
    )


def _revive(session: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
    delivery.state = DeliveryState.WAITING
    delivery.tries = 0
    delivery.next_try_at = HELD if endpoint.paused_at else now()
    delivery.delivered_at = None
    session.add(delivery)


def _reschedule(session: Session, endpoint_id: UUID, moment: datetime) -> None:
    session.exec(
        update(WebhookDelivery)
        .where(
            col(WebhookDelivery.endpoint_id) == endpoint_id,
            col(WebhookDelivery.state) == DeliveryState.WAITING,
        )
        .values(next_try_at=moment)
    )


def _note(session: Session, actor: Actor, endpoint: WebhookEndpoint, step: str) -> None:
    session.flush()
    audit.record(
        session,
        actor,
        Action.WEBHOOK_CHANGED,
        "webhook_endpoint",
        endpoint.id,
        channel=str(endpoint.channel_id),
        step=step,
    )
