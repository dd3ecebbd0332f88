"""What two answers may differ in without telling anything: random words, numbers and moments."""

import re
from collections.abc import Iterable

FORM_KEY = re.compile(rb"\b[0-9a-f]{8,9}\.[A-Za-z0-9_-]{24}(?![A-Za-z0-9_-])")
"""A moment in hexadecimal, whose letters nothing else takes, and a token: see `app.tips.flags.form_key`."""
LONG_WORD = re.compile(rb"[A-Za-z0-9_=+/-]{16,}")
NUMBER = re.compile(rb"[0-9]+")
DRAWING = re.compile(rb"<svg.*?</svg>", re.DOTALL)
FILLING = re.compile(rb"<!--[0-9a-f]*-->")
LENGTH = "content-length"


def masked(body: bytes) -> bytes:
    """A body in which codes, keys, tokens, numbers and drawings of codes all look alike."""
    for pattern, instead in (
        (DRAWING, b"<svg/>"),
        (FILLING, b""),
        (FORM_KEY, b"word"),
        (LONG_WORD, b"word"),
        (NUMBER, b"0"),
    ):
        body = pattern.sub(instead, body)
    return body


def masked_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers likewise; the length stays out, since the drawing of a code is as long as its code makes it."""
    return tuple((name, masked(value.encode()).decode()) for name, value in headers if name != LENGTH)
