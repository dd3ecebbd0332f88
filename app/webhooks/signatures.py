"""Signing messages as Standard Webhooks has it: secrets, and the headers made with them."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from standardwebhooks import Webhook

from app.core.crypto import Keys
from app.webhooks.models import WebhookEndpoint

PREFIX = "whsec_"
"""Begins every secret, so that scanners of leaked secrets know one when they see it."""
SECRET_BYTES = 32


def new_secret() -> str:
    """A new secret, as its partner is shown it once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def secrets_of(endpoint: WebhookEndpoint, keys: Keys, moment: datetime) -> list[str]:
    """The secrets that sign for an endpoint: the new one, and the one before while both are good."""
    sealed = [endpoint.secret_sealed]
    if endpoint.old_secret_sealed and endpoint.old_secret_until and moment < endpoint.old_secret_until:
        sealed.append(endpoint.old_secret_sealed)
    return [keys.unseal(each).decode() for each in sealed]


def headers(message_id: UUID, signing: Sequence[str], moment: datetime, body: bytes) -> dict[str, str]:
    """The headers of one try.

    Args:
        message_id: the same at every try, so that a receiver knows what it has already.
        signing: the secrets; there is a signature for each.
        moment: when it is sent, UTC.
        body: the bytes that are sent.
    """
    signed = [Webhook(secret).sign(str(message_id), moment, body.decode()) for secret in signing]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signed),
    }
