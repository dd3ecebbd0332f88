"""What partners are told: where a tip stands, as coarse as `GET /tips/{id}` shows it, and no words."""

import json
from datetime import UTC, datetime
from typing import Any

from app.core.clock import now
from app.tips.answers import Answer
from app.tips.models import Author
from app.webhooks.models import EventType, WebhookEndpoint


def messages_in(answer: Answer) -> int:
    """Messages that the sender of a tip reads from officers and as notices."""
    return sum(line.author != Author.TIPSTER for line in answer.lines)


def tip_updated(answer: Answer) -> dict[str, Any]:
    """The body of a message about a tip, made of its sender's answer alone.

    It holds how many messages there are and none of their words: those are read with the partner's key, and
    nothing of a thread lies in anybody's log or outlives its erasure.
    """
    return _body(
        EventType.TIP_UPDATED,
        {
            "id": str(answer.tip_id),
            "external_id": answer.external_id,
            "status": answer.status.value,
            "messages": messages_in(answer),
        },
    )


def ping(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """The body of a test message."""
    return _body(EventType.PING, {"webhook_id": str(endpoint.id)})


def encoded(body: dict[str, Any]) -> bytes:
    """A body's bytes, the same at every try: the signature covers them."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _body(kind: EventType, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind.value, "timestamp": _moment(now()), "data": data}


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
