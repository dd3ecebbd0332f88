"""Signed requests: made by who holds the secret, to this address, of these bytes, just now.

`Homeward-Signature: v1=HEX` with HEX = HMAC-SHA256(secret, TIMESTAMP.METHOD.PATH?QUERY.SHA256(body)), and
`Homeward-Timestamp: TIMESTAMP`, seconds since 1970.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from app.core.clock import now
from app.core.errors import Invalid, NotSignedIn
from app.partners.service import refused

TIMESTAMP = "Homeward-Timestamp"
SIGNATURE = "Homeward-Signature"
TOLERANCE_S = 300
"""How far the clocks of partner and service may differ; a request is good for no longer."""

_STAMP = re.compile(r"[0-9]{1,12}")


def sign(secret: str, timestamp: int, method: str, target: str, body: bytes) -> str:
    """The signature of a request.

    Args:
        secret: as it was shown with the key.
        timestamp: seconds since 1970.
        method: such as "POST".
        target: path with query, as it stands in the request's first line.
        body: all of it; empty for none.

    Returns:
        Value of the header Homeward-Signature.
    """
    said = f"{timestamp}.{method.upper()}.{target}.{hashlib.sha256(body).hexdigest()}"
    return "v1=" + hmac.digest(secret.encode(), said.encode(), "sha256").hex()


def check(secret: str, headers: Mapping[str, str], method: str, target: str, body: bytes) -> None:
    """See that a request is signed.

    Raises:
        NotSignedIn: no signature, an old one, or one over something else; all read alike.
    """
    stamp = headers.get(TIMESTAMP, "")
    in_time = bool(_STAMP.fullmatch(stamp)) and abs(int(stamp) - now().timestamp()) <= TOLERANCE_S
    wanted = sign(secret, int(stamp) if in_time else 0, method, target, body)
    given = headers.get(SIGNATURE, "")
    if not in_time or not hmac.compare_digest(wanted.encode(), given.encode()):
        raise unsigned()


def check_repeatable(idempotency_key: str | None, *, signs: bool) -> None:
    """See that a signed tip, sent again by whoever overheard it, would stay one.

    Raises:
        Invalid: it is signed and has no key of its own.
    """
    if signs and not idempotency_key:
        raise Invalid("A signed tip needs an Idempotency-Key.", field="Idempotency-Key")


def unsigned() -> NotSignedIn:
    """What a request without a good signature is told."""
    refusal = NotSignedIn("This key's requests have to be signed. Sign time, method, address and body.")
    refusal.headers = refused().headers
    return refusal
