"""Columns that lie sealed in the database: a copy of it opens to nobody who lacks the key file.

Each value has a data key of its own, wrapped by the numbered key of the deployment that was newest when it
was written. So another key takes no more than wrapping the data keys anew, and a value moved to another
column does not open. The engine's dialect carries the keys to the column types.
"""

from __future__ import annotations

import base64
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as _decrypt,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as _encrypt,
)
from nacl.exceptions import CryptoError
from nacl.utils import random
from sqlalchemy import Dialect, Engine, LargeBinary, String, types

from app.core.crypto import Keys, Unsealable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC = b"\xf5hw1"
"""Begins what is sealed; anything else was written before there was sealing, and is read as it is."""
HEAD = struct.Struct(">4sH")
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
MARK = "~hw1~"
"""Begins a sealed text."""


def use_keys(engine: Engine, keys: Keys) -> None:
    """Let an engine's sealed columns use these keys."""
    engine.dialect.homeward_keys = keys  # type: ignore[attr-defined]


def seal(keys: Keys, plain: bytes, purpose: str, number: int | None = None) -> bytes:
    """Seal a value for one column.

    Args:
        keys: the deployment's keys.
        plain: the value.
        purpose: table and column; it opens for no other.
        number: of the key that wraps; None for the newest.

    Returns:
        Head with the key's number, wrapped data key, nonce and sealed bytes.
    """
    number, data_key = number or keys.newest, random(KEY_BYTES)
    nonce = random(NONCE_BYTES)
    return (
        HEAD.pack(MAGIC, number)
        + _wrap(keys, number, data_key)
        + nonce
        + _encrypt(plain, purpose.encode(), nonce, data_key)
    )


def unseal(keys: Keys, sealed: bytes, purpose: str) -> bytes:
    """Open what `seal` closed; what was never sealed comes back as it is.

    Raises:
        Unsealable: altered, of another column, or of a key that is not there.
    """
    if not sealed.startswith(MAGIC):
        return sealed
    try:
        _, number = HEAD.unpack_from(sealed)
        body = HEAD.size + WRAPPED_BYTES
        data_key = _unwrap(keys, number, sealed[HEAD.size : body])
        nonce = sealed[body : body + NONCE_BYTES]
        return bytes(_decrypt(sealed[body + NONCE_BYTES :], purpose.encode(), nonce, data_key))
    except (CryptoError, struct.error, ValueError, TypeError) as error:
        raise Unsealable("a sealed column does not open") from error


def number_of(sealed: bytes) -> int:
    """The number of the key that wraps a sealed value; 0 for one that is not sealed."""
    return int.from_bytes(sealed[len(MAGIC) : HEAD.size], "big") if sealed.startswith(MAGIC) else 0


def rewrapped(keys: Keys, sealed: bytes, purpose: str) -> bytes:
    """The same sealed bytes with their data key wrapped by the newest key; a plain value is sealed.

    Raises:
        Unsealable: altered, of another column, or of a key that is not there.
    """
    number = number_of(sealed)
    if number == 0:
        return seal(keys, sealed, purpose)
    unseal(keys, sealed, purpose)  # What does not open is not dressed up as what does.
    body = HEAD.size + WRAPPED_BYTES
    data_key = _unwrap(keys, number, sealed[HEAD.size : body])
    newest = keys.newest
    return HEAD.pack(MAGIC, newest) + _wrap(keys, newest, data_key) + sealed[body:]


class SealedBytes(types.TypeDecorator[bytes]):
    """Bytes that lie sealed.

    Args:
        purpose: "table.column".
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Seal on the way in."""
        return None if value is None else seal(_keys(dialect), value, self.purpose)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Open on the way out."""
        if value is None or not number_of(value):
            return value
        return unseal(_keys(dialect), value, self.purpose)


class SealedText(types.TypeDecorator[str]):
    """A text that lies sealed; an empty one stays empty, so that what was blanked is seen to be.

    Args:
        purpose: "table.column".
    """

    impl = String
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal on the way in."""
        return value if not value else as_text(seal(_keys(dialect), value.encode(), self.purpose))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open on the way out."""
        if not value or not value.startswith(MARK):
            return value
        return unseal(_keys(dialect), as_bytes(value), self.purpose).decode()


class SealedVector(types.TypeDecorator[bytes]):
    """Numbers of a face, float32, turned by a secret rotation and sealed.

    Whoever gets at the sealed bytes, but not at the rotation, holds vectors that resemble nobody's elsewhere;
    another key means another rotation, which revokes all that was stolen before.

    Args:
        purpose: "table.column".
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Turn and seal on the way in."""
        if value is None:
            return None
        keys = _keys(dialect)
        number = keys.newest
        return seal(keys, turned(keys, number, value), self.purpose, number)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Open and turn back on the way out."""
        if value is None or not (number := number_of(value)):
            return value
        keys = _keys(dialect)
        return turned(keys, number, unseal(keys, value, self.purpose), back=True)


def turned(keys: Keys, number: int, vector: bytes, *, back: bool = False) -> bytes:
    """A vector turned by the rotation of a key, or back; lengths and angles between vectors stay.

    Args:
        keys: the deployment's keys.
        number: of the key.
        vector: float32, little endian.
        back: whether it is turned back.
    """
    import numpy as np  # noqa: PLC0415 - the web process, which has no vectors, does without it.

    numbers = np.frombuffer(vector, dtype="<f4").astype(np.float64)
    matrix = rotation(keys, number, numbers.size)
    return ((matrix.T if back else matrix) @ numbers).astype("<f4").tobytes()


def rotation(keys: Keys, number: int, size: int, purpose: str = "template rotation") -> NDArray[np.float64]:
    """The secret rotation of a key; its transpose turns back.

    Args:
        keys: the deployment's keys.
        number: of the key.
        size: numbers in a vector.
        purpose: what is turned; each purpose has a rotation of its own.

    Raises:
        Unsealable: there is no key of this number.
    """
    return _rotation(keys.ring_key(number, purpose), size)


def as_text(sealed: bytes) -> str:
    """Sealed bytes as a text column holds them."""
    return MARK + base64.b85encode(sealed).decode()


def as_bytes(text: str) -> bytes:
    """The sealed bytes of a text column.

    Raises:
        Unsealable: it was altered.
    """
    try:
        return base64.b85decode(text.removeprefix(MARK))
    except ValueError as error:
        raise Unsealable("a sealed text does not open") from error


@lru_cache(maxsize=32)
def _rotation(key: bytes, size: int) -> NDArray[np.float64]:
    """A rotation drawn evenly among all: QR of a Gaussian matrix whose signs are fixed (Mezzadri 2007)."""
    import numpy as np  # noqa: PLC0415 - as above.

    drawn = np.random.Generator(np.random.PCG64(int.from_bytes(key, "big"))).standard_normal((size, size))
    orthogonal, upper = np.linalg.qr(drawn)
    return np.asarray(orthogonal * np.sign(np.diag(upper)), dtype=np.float64)


def _keys(dialect: Dialect) -> Keys:
    keys: Any = getattr(dialect, "homeward_keys", None)
    if keys is None:
        msg = "this engine was given no keys for its sealed columns"
        raise RuntimeError(msg)
    return keys  # type: ignore[no-any-return]


def _wrap(keys: Keys, number: int, data_key: bytes) -> bytes:
    nonce = random(NONCE_BYTES)
    return nonce + bytes(_encrypt(data_key, b"wrap", nonce, keys.ring_key(number, "wrapping")))


def _unwrap(keys: Keys, number: int, wrapped: bytes) -> bytes:
    nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    return bytes(_decrypt(sealed, b"wrap", nonce, keys.ring_key(number, "wrapping")))
