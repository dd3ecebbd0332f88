"""Notices by the browser's push service: encrypted to the browser, one sentence, and nothing of a tip.

The endpoint is an address that a stranger's browser names, so it is checked before each use: https, to a
public address, without following where it points. A name that changes its address right after that meets
TLS: an inner machine has no certificate for it.
"""

import base64
import ipaddress
import json
import socket
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from app.core.crypto import Keys
from app.core.errors import Invalid, message
from app.core.render import translate
from app.core.settings import Settings
from app.tips import mail

PATIENCE_S = 10.0
"""Seconds that a push service may take."""
LIFE_S = 24 * 3600
"""How long a push service keeps a notice for a browser that is not running."""
LONGEST = 4_000
"""Characters of a subscription; browsers' have 300 to 600."""
_POINT_BYTES, _SECRET_BYTES = 65, 16
_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of NIST P-256."""
_GONE = {404, 410}

NOT_TAKEN = message("This browser's messages cannot be used here.")


class SubscriptionGone(RuntimeError):
    """The browser does not want these notices any more."""


class PushFailed(RuntimeError):
    """The push service did not take the notice."""


def is_offered(settings: Settings) -> bool:
    """Whether this deployment sends notices to browsers."""
    return bool(settings.push_contact)


def public_key(keys: Keys) -> str:
    """The key that a browser subscribes with, as it takes it."""
    return _public_key(keys.derive("web push"))


def checked(typed: str, settings: Settings) -> str:
    """A browser's subscription, reduced to what is needed to use it.

    Raises:
        Invalid: it is none, or it leads to where no push service is.
    """
    try:
        body: Any = json.loads(typed) if len(typed) <= LONGEST else None
        endpoint, keys = body["endpoint"], body["keys"]
        sound = (
            isinstance(endpoint, str)
            and len(_bytes(keys["p256dh"])) == _POINT_BYTES
            and len(_bytes(keys["auth"])) == _SECRET_BYTES
            and _looks_sound(endpoint, inside=settings.webhooks_inside)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise Invalid(NOT_TAKEN, field="push")
    return json.dumps({"endpoint": endpoint, "keys": {name: keys[name] for name in ("p256dh", "auth")}})


def may_be_called(endpoint: str, *, inside: bool) -> bool:
    """Whether an address is one that a push service may have; looks its name up.

    Args:
        endpoint: the address.
        inside: whether http and private addresses are allowed, for trials.
    """
    if not _looks_sound(endpoint, inside=inside):
        return False
    if inside:
        return True
    try:
        found = socket.getaddrinfo(urlsplit(endpoint).hostname, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(_is_public(str(each[4][0])) for each in found)


def send(subscription: str, keys: Keys, settings: Settings, language: str) -> None:
    """Send one notice.

    Raises:
        SubscriptionGone: the browser ended its subscription.
        PushFailed: anything else; it may be tried again.
    """
    import pywebpush  # noqa: PLC0415 - half a second that the web process does not need
    import requests  # noqa: PLC0415 - comes with it

    class Straight(requests.Session):
        """Follows no redirect: it could lead anywhere."""

        def request(self, *args: Any, **kwargs: Any) -> requests.Response:
            return super().request(*args, **(kwargs | {"allow_redirects": False}))

    told = {"title": translate(language, mail.SUBJECT), "body": translate(language, mail.SENTENCE)}
    body = json.loads(subscription)
    if not may_be_called(body["endpoint"], inside=settings.webhooks_inside):
        raise PushFailed
    try:
        with Straight() as session:
            session.trust_env = False
            pywebpush.webpush(
                body,
                json.dumps(told, ensure_ascii=False),
                vapid_private_key=_signer(keys.derive("web push")),
                vapid_claims={"sub": settings.push_contact},
                ttl=LIFE_S,
                timeout=PATIENCE_S,
                requests_session=session,
            )
    except pywebpush.WebPushException as error:
        answer = error.response
        raise (
            SubscriptionGone if answer is not None and answer.status_code in _GONE else PushFailed
        ) from error
    except (requests.RequestException, ValueError, TypeError) as error:
        raise PushFailed from error


def _looks_sound(endpoint: str, *, inside: bool) -> bool:
    """The same by its form alone, which asks nobody."""
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.scheme not in {"https", "http"}:
        return False
    if inside:
        return True
    try:
        return parts.scheme == "https" and _is_public(parts.hostname)
    except ValueError:  # A name, and no address.
        return parts.scheme == "https" and "." in parts.hostname


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    return inner.is_global and not inner.is_multicast


def _signer(secret: bytes) -> Any:
    from py_vapid import Vapid02  # type: ignore[import-untyped] # noqa: PLC0415 - as above

    return Vapid02(private_key=_private_key(secret))


@lru_cache(maxsize=4)
def _public_key(secret: bytes) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as above

    point = _private_key(secret).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def _private_key(secret: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above

    return ec.derive_private_key(int.from_bytes(secret, "big") % (_CURVE_ORDER - 1) + 1, ec.SECP256R1())


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
