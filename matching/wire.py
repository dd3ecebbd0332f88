"""Reading what a sandboxed child sent: its answer is as hostile as the photo it was given.

A message is the magic number, the header's length, the header (JSON) and the blobs that the header announces.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAGIC: Final = b"HWX1"
_LENGTH_BYTES: Final = 4
LONGEST_HEADER: Final = 64 * 1024
"""Bytes of the JSON header; one with 32 faces has about 10 kB."""
LARGEST_BLOB: Final = 8 * 1024 * 1024
"""Bytes of one blob; a scene of 1600 x 1600 pixels of noise has 2.5 MB."""
LARGEST_MESSAGE: Final = 24 * 1024 * 1024
"""Bytes of a message: two scenes, 32 crops and the header, and room to spare."""


class MalformedMessage(ValueError):
    """The bytes are no examination."""


def pack(header: Mapping[str, Any], blobs: Sequence[bytes]) -> bytes:
    """Put a header and its blobs into one message; the header must announce each blob's length."""
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    return b"".join((MAGIC, len(text).to_bytes(_LENGTH_BYTES, "big"), text, *blobs))


def unpack(message: bytes) -> tuple["Fields", "Blobs"]:
    """Take a message apart; nothing in the header has been checked yet.

    Raises:
        MalformedMessage: the frame is wrong, too large, or its header is no JSON object.
    """
    start = len(MAGIC) + _LENGTH_BYTES
    if len(message) > LARGEST_MESSAGE or not message.startswith(MAGIC) or len(message) < start:
        raise MalformedMessage("not a message")
    length = int.from_bytes(message[len(MAGIC) : start], "big")
    if length > LONGEST_HEADER or start + length > len(message):
        raise MalformedMessage("header length")
    try:
        header = json.loads(message[start : start + length].decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("header is no JSON") from error
    return Fields(header), Blobs(message, start + length)


def _refuse_constant(name: str) -> float:
    raise MalformedMessage(f"{name} is no JSON")


class Blobs:
    """The bytes after the header, taken one after the other."""

    def __init__(self, message: bytes, start: int) -> None:
        self._message, self._at = message, start

    def take(self, length: int) -> bytes:
        """Take the next blob of `length` bytes."""
        if not 0 < length <= LARGEST_BLOB or self._at + length > len(self._message):
            raise MalformedMessage("blob length")
        self._at += length
        return self._message[self._at - length : self._at]

    def take_jpeg(self, length: int) -> bytes:
        """Take the next blob, which must begin and end like a JPEG."""
        blob = self.take(length)
        if not blob.startswith(b"\xff\xd8\xff") or not blob.endswith(b"\xff\xd9"):
            raise MalformedMessage("no JPEG")
        return blob

    def finish(self) -> None:
        """Refuse anything left over."""
        if self._at != len(self._message):
            raise MalformedMessage("bytes left over")


class Fields:
    """A JSON object that is read once, field by field, each with its range; unknown fields are refused."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise MalformedMessage("no object")
        self._left = dict(value)

    def _pop(self, name: str) -> Any:
        if name not in self._left:
            raise MalformedMessage(f"{name} is missing")
        return self._left.pop(name)

    def whole(self, name: str, low: int, high: int) -> int:
        """Read a whole number from low to high."""
        return _whole(self._pop(name), name, low, high)

    def number(self, name: str, low: float, high: float) -> float:
        """Read a finite number from low to high."""
        return _number(self._pop(name), name, low, high)

    def optional_number(self, name: str, low: float, high: float) -> float | None:
        """Read a finite number from low to high, or null."""
        value = self._pop(name)
        return None if value is None else _number(value, name, low, high)

    def wholes(self, name: str, count: int, low: int, high: int) -> list[int]:
        """Read a list of exactly `count` whole numbers from low to high."""
        return [_whole(value, name, low, high) for value in self._list(name, count, count)]

    def some_wholes(self, name: str, most: int, low: int, high: int) -> list[int]:
        """Read a list of at most `most` whole numbers from low to high."""
        return [_whole(value, name, low, high) for value in self._list(name, 0, most)]

    def numbers(self, name: str, count: int, low: float, high: float) -> list[float]:
        """Read a list of exactly `count` finite numbers from low to high."""
        return [_number(value, name, low, high) for value in self._list(name, count, count)]

    def text(self, name: str, pattern: str) -> str:
        """Read a text that a regular expression describes wholly."""
        return _text(self._pop(name), name, pattern)

    def optional_text(self, name: str, pattern: str) -> str | None:
        """Read such a text, or null."""
        value = self._pop(name)
        return None if value is None else _text(value, name, pattern)

    def texts(self, name: str, most: int, pattern: str) -> list[str]:
        """Read a list of at most `most` such texts."""
        return [_text(value, name, pattern) for value in self._list(name, 0, most)]

    def object(self, name: str) -> "Fields":
        """Read an object."""
        return Fields(self._pop(name))

    def objects(self, name: str, most: int) -> list["Fields"]:
        """Read a list of at most `most` objects."""
        return [Fields(value) for value in self._list(name, 0, most)]

    def finish(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._left:
            raise MalformedMessage("unknown fields")

    def _list(self, name: str, fewest: int, most: int) -> list[Any]:
        value = self._pop(name)
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            raise MalformedMessage(f"{name} is no list of the right length")
        return value


def _whole(value: object, name: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise MalformedMessage(f"{name} is no whole number in its range")
    return value


def _number(value: object, name: str, low: float, high: float) -> float:
    if type(value) not in {int, float} or not isinstance(value, int | float):
        raise MalformedMessage(f"{name} is no number")
    if not low <= value <= high or not math.isfinite(value):
        raise MalformedMessage(f"{name} is not in its range")
    return float(value)


def _text(value: object, name: str, pattern: str) -> str:
    if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
        raise MalformedMessage(f"{name} is no such text")
    return value
