"""Receipt codes: how they are made, looked up, and carried between two pages.

A code is 15 random digits and a check digit. What is stored is the first half of Argon2id over it, with a
pepper that lies outside the database: nobody who reads the database can find a code from it.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import unicodedata
from dataclasses import dataclass
from uuid import UUID

from argon2.low_level import Type, hash_secret_raw
from nacl.exceptions import CryptoError
from stdnum import damm

from app.core.clock import now
from app.core.crypto import Keys
from app.core.errors import Invalid, TooMany
from app.core.settings import Settings

RANDOM_DIGITS = 15
CODE_DIGITS = RANDOM_DIGITS + 1
LOOKUP_BYTES = 32
LINK_LIFE_S = 30 * 60
"""How long the address of a receipt page works."""
HASHES_AT_ONCE = 2
"""Argon2id runs in one process at a time; more wait, so that guessing cannot eat the machine."""
HASH_PATIENCE_S = 5.0

_hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)


@dataclass(frozen=True)
class ReceiptLink:
    """What the address of a receipt page carries, encrypted.

    Attributes:
        tip_id: the tip.
        code: its receipt code.
        fresh: whether the tip was sent a moment ago, so that the code has to be shown.
    """

    tip_id: UUID
    code: str
    fresh: bool


def new_code(keys: Keys, seed: str | None) -> str:
    """Make a receipt code.

    Args:
        keys: the deployment's keys.
        seed: what names a repeated request, so that it is shown the same code; None draws one at random.

    Returns:
        16 digits.
    """
    if seed is None:
        body = f"{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}}"
    else:
        digest = hmac.digest(keys.derive("receipt code"), seed.encode(), "sha256")
        body = f"{int.from_bytes(digest, 'big') % 10**RANDOM_DIGITS:0{RANDOM_DIGITS}}"
    return body + str(damm.calc_check_digit(body))


def shown(code: str) -> str:
    """A code in groups of four, to be read aloud or written down."""
    return " ".join(code[start : start + 4] for start in range(0, CODE_DIGITS, 4))


def read_code(text: str) -> str:
    """Read a code as a person types it: spaces, dashes and full-width digits are fine.

    Raises:
        Invalid: not 16 digits, or a digit is wrong.
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKC", text)
        if not letter.isspace() and letter not in "-–—."
    )
    if len(plain) != CODE_DIGITS or not (plain.isascii() and plain.isdigit()):
        raise Invalid("A receipt code has 16 digits.", field="code")
    if not damm.is_valid(plain):
        raise Invalid("One of the digits is wrong. Please compare it with what you wrote down.", field="code")
    return plain


def lookup_value(keys: Keys, settings: Settings, code: str) -> bytes:
    """What a code is found by: slow to compute, useless without the pepper.

    Raises:
        TooMany: too many codes are being tried at the moment.
    """
    peppered = hmac.digest(keys.derive("receipt pepper"), code.encode(), "sha256")
    if not _hashing.acquire(timeout=HASH_PATIENCE_S):
        raise TooMany("Too many codes are being tried just now. Please wait a little.", retry_after_s=10)
    try:
        return hash_secret_raw(
            peppered,
            salt=keys.derive("receipt salt")[:16],
            time_cost=settings.receipt_passes,
            memory_cost=settings.receipt_memory_kib,
            parallelism=1,
            hash_len=2 * LOOKUP_BYTES,
            type=Type.ID,
        )[:LOOKUP_BYTES]
    finally:
        _hashing.release()


def make_link(keys: Keys, link: ReceiptLink) -> str:
    """The last part of a receipt page's address; opens to nobody but this deployment, and not for long."""
    body = json.dumps(
        {
            "tip": str(link.tip_id),
            "code": link.code,
            "fresh": link.fresh,
            "until": int(now().timestamp()) + LINK_LIFE_S,
        }
    )
    sealed = keys.box("receipt link").encrypt(body.encode())
    return base64.urlsafe_b64encode(bytes(sealed)).rstrip(b"=").decode()


def open_link(keys: Keys, token: str) -> ReceiptLink | None:
    """Read the last part of a receipt page's address; None if it is altered or too old."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        body = json.loads(keys.box("receipt link").decrypt(sealed))
        if body["until"] < now().timestamp():
            return None
        return ReceiptLink(UUID(body["tip"]), body["code"], bool(body["fresh"]))
    except (CryptoError, ValueError, TypeError, KeyError):
        return None


def digest_of(parts: list[str], photos: list[bytes]) -> str:
    """What tells a repeated request from another one under the same key."""
    whole = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        whole.update(len(encoded).to_bytes(8, "big") + encoded)
    for photo in photos:
        whole.update(hashlib.sha256(photo).digest())
    return whole.hexdigest()
