"""Where a partner wants to be told, what it is told, and how the telling went."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class EventType(StrEnum):
    """What a message is about. None of them tells whether a photo resembled anyone."""

    TIP_UPDATED = "tip.updated"  # Its status changed, or there is a new message in its thread.
    PING = "ping"  # Somebody pressed the test button.


class WebhookEndpoint(Row, table=True):
    """An address of a partner's that takes messages."""

    __tablename__ = "webhook_endpoint"

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    url: str
    secret_sealed: bytes
    """Signs every message; the partner knows it, nobody here reads it again."""
    old_secret_sealed: bytes | None = None
    old_secret_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when messages carry a signature of the secret before, too."""
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when nothing is sent there; messages wait."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebhookMessage(Row, table=True):
    """One message, the same bytes at every try."""

    __tablename__ = "webhook_message"

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    tip_id: UUID | None = Field(default=None, foreign_key="tip.id", index=True)
    type: EventType = Field(sa_type=stored(EventType))
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"  # For its time.
    DELIVERED = "delivered"  # The partner answered 2xx.
    DEAD = "dead"  # All tries failed; it can be sent again by hand.


class WebhookDelivery(Row, table=True):
    """One message on its way to one endpoint."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("message_id", "endpoint_id"),
        Index("ix_webhook_delivery_state_next_try_at", "state", "next_try_at"),
    )

    message_id: UUID = Field(foreign_key="webhook_message.id")
    endpoint_id: UUID = Field(foreign_key="webhook_endpoint.id", index=True)
    state: DeliveryState = Field(default=DeliveryState.WAITING, sa_type=stored(DeliveryState))
    tries: int = 0
    next_try_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_status: int | None = None
    """HTTP status of the last answer; None when there was none."""
    last_error: str | None = None
    """Code of why the last try failed; never what the partner's server wrote."""
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ToldTip(SQLModel, table=True):
    """What a channel was last told of a tip, so that a message is written once for each change."""

    __tablename__ = "told_tip"

    tip_id: UUID = Field(primary_key=True, foreign_key="tip.id")
    status: str
    messages: int = 0
    """Messages of officers and notices in the answer."""
    told_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
