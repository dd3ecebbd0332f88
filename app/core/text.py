"""Texts that people type: what may be stored, and how much of it can be read."""

import unicodedata

from app.core.errors import Invalid

DIRECTION_SIGNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible signs that make text read in another order than it is stored."""


def cleaned(text: str, field: str) -> str:
    """A text without the space around it.

    Raises:
        Invalid: it holds control or direction characters, which nobody types and which can mislead a reader.
    """
    body = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if any(
        (unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\t") or sign in DIRECTION_SIGNS
        for sign in body
    ):
        raise Invalid("This text holds characters that cannot be saved. Type it again.", field=field)
    return body


def legible(text: str) -> int:
    """How many letters, digits and other visible signs a text has; blanks and invisible ones do not count."""
    return sum(unicodedata.category(sign)[0] in "LNPS" for sign in text)
