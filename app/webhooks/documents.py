"""What the API's document says of webhooks: bodies, answers, and the messages that partners receive."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.partners.documents import EXAMPLE_ID, EXAMPLE_TIME, refusals
from app.tips.answers import Status
from app.webhooks import service
from app.webhooks.models import DeliveryState, EventType, WebhookEndpoint
from app.webhooks.queries import Sent

EXAMPLE_URL = "https://partner.example.org/homeward"
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 - an example

OTHER_REFUSALS = {
    404: "No such webhook or delivery, or not yours.",
    409: "The present state does not allow this; the detail says why.",
    413: "The body is too large.",
    422: "A field breaks its rule.",
    503: "Busy: nothing was saved, send it again.",
}


def refused(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of an operation on webhooks, by status."""
    shape = next(iter(refusals(400).values()))
    # As those of tips, in the words of webhooks.
    plain = {status: shape | {"description": text} for status, text in OTHER_REFUSALS.items()}
    plain[503] = shape | {
        "description": OTHER_REFUSALS[503],
        "headers": {"Retry-After": {"schema": {"type": "string"}}},
    }
    return {status: plain[status] if status in plain else refusals(status)[status] for status in statuses}


class NewWebhook(BaseModel):
    """Where messages shall go."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        description="An https address of a public machine, on port 443 or 8443.",
        max_length=2000,
        examples=[EXAMPLE_URL],
    )


class WebhookChange(BaseModel):
    """What shall change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(default=None, max_length=2000, examples=[EXAMPLE_URL])
    paused: bool | None = Field(
        default=None,
        description="While it is paused, messages wait; afterwards they are sent.",
        examples=[True],
    )


class Webhook(BaseModel):
    """An address that takes messages."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    url: str = Field(examples=[EXAMPLE_URL])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])
    paused_at: datetime | None = Field(
        description="Since when nothing is sent: by you, or since your server answered 410 Gone.",
        examples=[None],
    )
    old_secret_until: datetime | None = Field(
        description="Until when messages carry a signature of the secret before, too.", examples=[None]
    )

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """An endpoint as its partner sees it."""
        return cls.model_validate(endpoint, from_attributes=True)


class Webhooks(BaseModel):
    """All webhooks of the channel."""

    webhooks: list[Webhook]


class WebhookSecret(BaseModel):
    """A secret; it is never shown again."""

    secret: str = Field(
        description="Signs messages as Standard Webhooks has it. Shown in this answer only.",
        examples=[EXAMPLE_SECRET],
    )


class WebhookMade(Webhook, WebhookSecret):
    """A new webhook with its secret."""


class Delivery(BaseModel):
    """A message on its way to a webhook."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    message_id: UUID = Field(description="`webhook-id` of the message.", examples=[EXAMPLE_ID])
    type: EventType = Field(examples=["tip.updated"])
    tip_id: UUID | None = Field(examples=[EXAMPLE_ID])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])
    state: DeliveryState = Field(examples=["waiting"])
    tries: int = Field(ge=0, examples=[2])
    next_try_at: datetime | None = Field(
        description="Null when nothing is going to be sent: delivered, dead, or the webhook is paused.",
        examples=[EXAMPLE_TIME],
    )
    last_status: int | None = Field(description="HTTP status of the last answer.", examples=[503])
    last_error: str | None = Field(
        description="Why the last try failed: status, redirect, forbidden_address, unknown_host, "
        "unreachable, tls, timeout or garbled.",
        examples=["status"],
    )
    delivered_at: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, sent: Sent) -> Self:
        """A delivery as its partner sees it."""
        delivery, message = sent.delivery, sent.message
        due = delivery.state == DeliveryState.WAITING and delivery.next_try_at < service.HELD
        return cls(
            id=delivery.id,
            message_id=message.id,
            type=message.type,
            tip_id=message.tip_id,
            created_at=message.created_at,
            state=delivery.state,
            tries=delivery.tries,
            next_try_at=delivery.next_try_at if due else None,
            last_status=delivery.last_status,
            last_error=delivery.last_error,
            delivered_at=delivery.delivered_at,
        )


class Deliveries(BaseModel):
    """One page of deliveries, the newest first."""

    deliveries: list[Delivery]
    next_cursor: UUID | None = Field(
        description="Send it as `cursor` for the page after; null at the end.", examples=[EXAMPLE_ID]
    )


class ReplayWanted(BaseModel):
    """Which dead letters shall be sent again."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime = Field(
        description="Messages written at or after this moment, with its offset.", examples=[EXAMPLE_TIME]
    )


class Replayed(BaseModel):
    """What is sent again."""

    deliveries: int = Field(ge=0, examples=[12])


class TipUpdate(BaseModel):
    """Where a tip stands now."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    external_id: str | None = Field(examples=["partner-4711"])
    status: Status = Field(examples=["with_police"])
    messages: int = Field(
        ge=0, description="How many messages `GET /tips/{id}` shows; read them there.", examples=[1]
    )


class TipUpdated(BaseModel):
    """The status of a tip changed, or there is a new message. Never whether a photo resembled anyone."""

    type: Literal["tip.updated"]
    timestamp: datetime = Field(description="When the message was written.", examples=[EXAMPLE_TIME])
    data: TipUpdate


class Tried(BaseModel):
    """Which webhook is tried out."""

    webhook_id: UUID = Field(examples=[EXAMPLE_ID])


class Ping(BaseModel):
    """Somebody pressed the test button."""

    type: Literal["ping"]
    timestamp: datetime = Field(description="When the message was written.", examples=[EXAMPLE_TIME])
    data: Tried


router = APIRouter()
"""The messages, for the `webhooks` part of the API's document."""

MessageId = Annotated[
    str, Header(alias="webhook-id", description="The same at every try.", examples=[EXAMPLE_ID])
]
SentAt = Annotated[
    int,
    Header(alias="webhook-timestamp", description="When it was sent, Unix seconds.", examples=[1795400100]),
]
Signature = Annotated[
    str,
    Header(
        alias="webhook-signature",
        description="`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; spaces separate several.",
        examples=["v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="],
    ),
]
ANSWERS: dict[int | str, dict[str, Any]] = {
    410: {"description": "Nothing is here any more: the webhook is paused."},
    "default": {"description": "Anything but 2xx is tried again."},
}


@router.post(
    "tip.updated", status_code=204, summary="A tip stands elsewhere", tags=["webhooks"], responses=ANSWERS
)
def tip_updated(body: TipUpdated, webhook_id: MessageId, sent_at: SentAt, signature: Signature) -> None:
    """Sent when `GET /tips/{id}` would answer something new."""


@router.post("ping", status_code=204, summary="A test", tags=["webhooks"], responses=ANSWERS)
def ping(body: Ping, webhook_id: MessageId, sent_at: SentAt, signature: Signature) -> None:
    """Sent by `POST /webhooks/{id}/test`."""
