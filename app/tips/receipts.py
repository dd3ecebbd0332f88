"""Receipt codes: how they are made, looked up, and carried between two pages.

A code is 15 random digits and a check digit. What is stored is the first half of Argon2id over it, with a
pepper that lies outside the database: nobody who reads the database can find a code from it.
"""

import base64
import hmac
import secrets
import struct
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from argon2.low_level import Type, hash_secret_raw
from nacl.exceptions import CryptoError
from sqlmodel import select
from stdnum import damm

from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Keys
from app.core.errors import Invalid, Refusal, TooMany, Unavailable, message
from app.core.settings import Settings
from app.core.web.limiting import Door
from app.tips.models import Tip

RANDOM_DIGITS = 15
CODE_DIGITS = RANDOM_DIGITS + 1
LOOKUP_BYTES = 32
LINK_LIFE_S = 30 * 60
"""How long the address of a receipt page works."""

MANY_TRIES = message("Many codes are being entered just now. Wait a little and enter yours again.")

LOOK_UP = Door(
    "receipt",
    own="10 per 10 minute",
    crowd="25 per 5 second",
    slow="2 per 4 second",
    worked="8 per 2 second",
    busy=MANY_TRIES,
)
"""How often codes may be entered. All three ways together stay below the tries that a process has, so that
somebody who guesses uses up one way and not the others'."""

TRIES_PER_S = 10.0
"""Codes looked up in one process. Had somebody who guesses all of them, day and night, he would open one of a
million live tips in three years, and not choose which."""

TRIES_AT_ONCE = 40
"""Codes that may be looked up in a burst."""

_LINK = struct.Struct(">16sQ?Q")
"""What the address of a receipt page carries: short, since the page repeats it in each of its links."""

HASHES_AT_ONCE = 2
"""Lookups that hash at a time; tips are taken in beside them."""

HASH_PATIENCE_S = 3.0
"""Seconds that a lookup waits for its turn to hash."""


@dataclass(frozen=True)
class ReceiptLink:
    """What the address of a receipt page carries, encrypted.

    Attributes:
        tip_id: the tip.
        code: its receipt code.
        fresh: whether the tip was sent a moment ago, so that the code has to be written down.
    """

    tip_id: UUID
    code: str
    fresh: bool


class LinkEnded(Refusal):
    """The address of a receipt page was altered or is too old; the code opens it again."""

    status = 303
    code = "link-ended"

    def __init__(self) -> None:
        super().__init__(message("This page has closed. Enter your receipt code to open it again."))
        self.headers = {"Location": "/receipt?ended=1"}


class Tries:
    """A bucket of tries that fills up again; for one process, whoever asks.

    Args:
        per_s: tries that come back in a second.
        most: tries that it holds.
        clock: seconds that only grow.
    """

    def __init__(self, per_s: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._most, self._clock = per_s, most, clock
        self._left, self._at = most, clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Use up a try.

        Raises:
            TooMany: none is left.
        """
        with self._lock:
            moment = self._clock()
            self._left = min(self._most, self._left + (moment - self._at) * self._per_s)
            self._at = moment
            if self._left < 1:
                raise TooMany(MANY_TRIES, retry_after_s=2)
            self._left -= 1


tries = Tries(TRIES_PER_S, TRIES_AT_ONCE)

_hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)


def new_code(keys: Keys, seed: str | None) -> str:
    """Make a receipt code.

    Args:
        keys: the deployment's keys.
        seed: what names a repeated request, so that it is shown the same code; None draws one at random.

    Returns:
        16 digits.
    """
    if seed is None:
        drawn = secrets.randbelow(10**RANDOM_DIGITS)
    else:
        digest = hmac.digest(keys.derive("receipt code"), seed.encode(), "sha256")
        drawn = int.from_bytes(digest, "big") % 10**RANDOM_DIGITS
    body = f"{drawn:0{RANDOM_DIGITS}}"
    return body + str(damm.calc_check_digit(body))


def shown(code: str) -> str:
    """A code in groups of four, to be read aloud or written down."""
    return " ".join(code[start : start + 4] for start in range(0, CODE_DIGITS, 4))


def read_code(text: str) -> str:
    """Read a code as a person types it: spaces, dashes and full-width digits are fine.

    Raises:
        Invalid: not 16 digits, or a digit is wrong.
    """
    typed = unicodedata.normalize("NFKC", text[:200])
    plain = "".join(sign for sign in typed if not sign.isspace() and sign not in "-‐‑–—.·")
    if len(plain) != CODE_DIGITS or not (plain.isascii() and plain.isdigit()):
        raise Invalid("A receipt code has 16 digits.", field="code")
    if not damm.is_valid(plain):
        raise Invalid("One of the digits is wrong. Compare the code with what you wrote down.", field="code")
    return plain


def lookup_value(keys: Keys, settings: Settings, code: str) -> bytes:
    """What a code is found by: slow to compute, useless without the pepper."""
    return hash_secret_raw(
        hmac.digest(keys.derive("receipt pepper"), code.encode(), "sha256"),
        salt=keys.derive("receipt salt")[:16],
        time_cost=settings.receipt_passes,
        memory_cost=settings.receipt_memory_kib,
        parallelism=1,
        hash_len=2 * LOOKUP_BYTES,
        type=Type.ID,
    )[:LOOKUP_BYTES]


def find(context: Context, typed: str, admit: Callable[[], None] = lambda: None) -> ReceiptLink:
    """Find the tip of a code that somebody typed; an unknown one costs what a known one costs.

    Args:
        context: the open deployment.
        typed: the code as a person writes it.
        admit: refuses whoever tries too many codes; asked once the check digit is right, so that a slip of
            the pen costs nothing.

    Raises:
        Invalid: no code, a wrong digit, or no tip has it.
        TooMany: too many codes were tried within the last seconds.
        Unavailable: too many are being looked up at this moment.
    """
    code = read_code(typed)
    admit()
    tries.take()
    if not _hashing.acquire(timeout=HASH_PATIENCE_S):
        raise Unavailable(MANY_TRIES)
    try:
        lookup = lookup_value(context.keys, context.settings, code)
    finally:
        _hashing.release()
    with context.db.read() as session:
        tip_id = session.exec(select(Tip.id).where(Tip.receipt_lookup == lookup)).first()
    if tip_id is None:
        raise Invalid("No tip has this code. Compare it with what you wrote down.", field="code")
    return ReceiptLink(tip_id, code, fresh=False)


def make_link(keys: Keys, link: ReceiptLink) -> str:
    """The address of a receipt page; it opens to nobody but this deployment, and not for long."""
    until = int(now().timestamp()) + LINK_LIFE_S
    body = _LINK.pack(link.tip_id.bytes, int(link.code), link.fresh, until)
    sealed = keys.box("receipt link").encrypt(body)
    return f"/receipt/{base64.urlsafe_b64encode(bytes(sealed)).rstrip(b'=').decode()}"


def open_link(keys: Keys, token: str) -> ReceiptLink:
    """Read the last part of a receipt page's address.

    Raises:
        LinkEnded: altered, or too old.
    """
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        tip, code, fresh, until = _LINK.unpack(keys.box("receipt link").decrypt(sealed))
    except (CryptoError, ValueError, TypeError, struct.error) as error:
        raise LinkEnded from error
    if until < now().timestamp():
        raise LinkEnded
    return ReceiptLink(UUID(bytes=tip), f"{code:0{CODE_DIGITS}}", fresh)
