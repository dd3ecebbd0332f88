"""What the service answers, typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.partners.client.errors import Problem


@dataclass(frozen=True)
class Receipt:
    """A tip that is safe.

    Attributes:
        id: the tip.
        receipt: the code with which its citizen reads the answer.
        status: "received".
        received_at: when it came first.
    """

    id: str
    receipt: str
    status: str
    received_at: datetime


@dataclass(frozen=True)
class Message:
    """One message of a tip's thread; its author is "officer" or "system"."""

    author: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Tip:
    """Where a tip stands.

    Attributes:
        id: the tip.
        external_id: your own number of it.
        received_at: when it came.
        status: received, with_police, question or closed.
        messages: oldest first.
    """

    id: str
    external_id: str | None
    received_at: datetime
    status: str
    messages: tuple[Message, ...]


BatchResult = Receipt | Problem
"""What became of one tip of a batch."""


def receipt_of(said: Mapping[str, Any]) -> Receipt:
    """Read a receipt."""
    return Receipt(said["id"], said["receipt"], said["status"], datetime.fromisoformat(said["received_at"]))


def tip_of(said: Mapping[str, Any]) -> Tip:
    """Read a tip's answer."""
    messages = tuple(
        Message(line["author"], line["text"], datetime.fromisoformat(line["at"])) for line in said["messages"]
    )
    received_at = datetime.fromisoformat(said["received_at"])
    return Tip(said["id"], said["external_id"], received_at, said["status"], messages)


def batch_result(said: Mapping[str, Any]) -> BatchResult:
    """Read what became of one tip of a batch."""
    if said["status_code"] == 201:  # noqa: PLR2004 - created
        return receipt_of(said)
    return Problem(said["status_code"], said["code"], said["detail"], said["field"])
