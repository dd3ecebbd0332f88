"""The fields of a tip: each is checked here, for the form and for the API. No refusal repeats a value."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from app.core.clock import now
from app.core.errors import Invalid, message
from app.core.text import legible

LONGEST = {
    "place_text": 300,
    "description": 4000,
    "contact": 300,
    "external_id": 200,
    "source_url": 2000,
    "text": 2000,
}
"""Characters of each text."""

LINES = frozenset({"description", "text"})
"""Texts that may have several lines."""

FARTHEST_ACCURACY_M = 100_000.0
"""Metres; a position less certain than a province is none."""

EARLIEST_YEAR = 2000
CLOCK_SKEW = timedelta(minutes=10)
"""How far a sender's clock may be ahead."""

NO_TIME = message("Give date and time.")
NO_OFFSET = message("Give date and time with offset, as 2026-02-03T14:05:00+08:00.")

_NUMBER = re.compile(r"[+-]?[0-9]{1,6}(\.[0-9]{1,20})?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_SHARE = r"(?:0(?:\.[0-9]{1,9})?|1(?:\.0{1,9})?)"
_MARK = rf"(?:null|\[{_SHARE},{_SHARE}\])"
_MARKS = re.compile(rf"\[{_MARK}(?:,{_MARK}){{0,19}}\]")
_KEY = re.compile(r"[!-~]{8,200}")
_FLAGS = {"": False, "0": False, "false": False, "off": False, "1": True, "true": True, "on": True}


def text(texts: Mapping[str, str], name: str) -> str:
    """A text without surrounding space; empty when it was not sent.

    Raises:
        Invalid: too long, or it holds characters that nobody types.
    """
    value = texts.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(value) > LONGEST[name]:
        raise Invalid("This text is too long: at most %(most)s characters.", field=name, most=LONGEST[name])
    allowed = "\n\t" if name in LINES else "\t"
    if value and not legible(value):
        return ""  # Invisible signs alone say nothing.
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in allowed for sign in value):
        raise Invalid("This text holds characters that cannot be saved. Type it again.", field=name)
    return value


def typed(value: str) -> str:
    """A message that comes back with its refusal; nothing when it holds what nobody types."""
    try:
        return text({"text": value}, "text")
    except Invalid:
        return ""


def flag(texts: Mapping[str, str], name: str) -> bool:
    """A switch; off when it was not sent.

    Raises:
        Invalid: neither on nor off.
    """
    try:
        return _FLAGS[texts.get(name, "").strip().lower()]
    except KeyError:
        raise Invalid("This is either true or false.", field=name) from None


def number(texts: Mapping[str, str], name: str, least: float, most: float) -> float | None:
    """A decimal number; None when it was not sent.

    Raises:
        Invalid: no plain decimal number, or out of range.
    """
    value = texts.get(name, "").strip()
    if not value:
        return None
    if not _NUMBER.fullmatch(value) or not least <= float(value) <= most:
        raise Invalid(
            "This must be a number from %(least)s to %(most)s.", field=name, least=int(least), most=int(most)
        )
    return float(value)


def position(texts: Mapping[str, str]) -> tuple[float, float, float | None] | None:
    """Latitude and longitude in degrees and accuracy in metres; None when no position was sent.

    Raises:
        Invalid: a number is no number or out of range, or one of the two is missing.
    """
    latitude = number(texts, "latitude", -90, 90)
    longitude = number(texts, "longitude", -180, 180)
    accuracy = number(texts, "accuracy_m", 0, FARTHEST_ACCURACY_M)
    if latitude is None and longitude is None and accuracy is None:
        return None
    if latitude is None or longitude is None:
        missing = "latitude" if latitude is None else "longitude"
        raise Invalid("A position needs both latitude and longitude.", field=missing)
    return latitude, longitude, accuracy


def moment(texts: Mapping[str, str], name: str, zone: ZoneInfo | None) -> datetime | None:
    """A date and time, in UTC; None when it was not sent.

    Args:
        texts: what was sent.
        name: the field.
        zone: zone of a time that people typed; without one the time has to name its own offset.

    Raises:
        Invalid: no date and time, before 2000, or in the future.
    """
    value = texts.get(name, "").strip()
    if not value:
        return None
    try:
        given = datetime.fromisoformat(value) if _MOMENT.fullmatch(value) else None
    except ValueError:
        given = None
    if given is None or (given.tzinfo is None) == (zone is None):
        raise Invalid(
            NO_TIME if zone else NO_OFFSET,
            field=name,
        )
    if not EARLIEST_YEAR <= given.year <= now().year + 1:
        raise Invalid("The time must lie between the year 2000 and now.", field=name)
    at = (given if zone is None else given.replace(tzinfo=zone)).astimezone(UTC)
    if at > now() + CLOCK_SKEW or at.year < EARLIEST_YEAR:
        raise Invalid("The time must lie between the year 2000 and now.", field=name)
    return at


def hour(texts: Mapping[str, str], name: str) -> str:
    """An hour of the day that was typed, as 14:05; empty when it was not sent.

    Raises:
        Invalid: no hour of a day.
    """
    value = texts.get(name, "").strip()
    if value and not _HOUR.fullmatch(value):
        raise Invalid("Give the time as 14:05.", field=name)
    return value


def marks(texts: Mapping[str, str], name: str, photos: int) -> tuple[tuple[float, float] | None, ...]:
    """Where the sender pointed at the child in each photo; empty when nothing was sent.

    Args:
        texts: what was sent; the field is a JSON list with null or [x, y] for each photo.
        name: the field.
        photos: how many photos came with it.

    Returns:
        None or shares of the upright picture's width and height, 0 to 1, in the order of the photos.

    Raises:
        Invalid: written otherwise, or not one for each photo.
    """
    value = texts.get(name, "").strip()
    if not value:
        return ()
    # The shape is known before the parser runs: it recurses, and a hostile text could be deep.
    given = json.loads(value) if _MARKS.fullmatch(value) else []
    if len(given) != photos:
        raise Invalid("The marks on the photos could not be read. Set them again.", field=name)
    return tuple(None if mark is None else (float(mark[0]), float(mark[1])) for mark in given)


def web_address(texts: Mapping[str, str], name: str) -> str | None:
    """An http or https address, kept and never opened; None when it was not sent.

    Raises:
        Invalid: another kind of address, or none.
    """
    value = text(texts, name)
    if not value:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        good = False
    if not good or not value.isprintable() or any(sign.isspace() for sign in value):
        raise Invalid("Give an address that begins with http:// or https://.", field=name)
    return value


def sender_key(value: str | None, name: str) -> str | None:
    """A sender's own key for a request; None when it gave none.

    Raises:
        Invalid: shorter than 8, longer than 200, or not plain ASCII without spaces.
    """
    if not value:
        return None
    if not _KEY.fullmatch(value):
        raise Invalid("This key must be 8 to 200 plain ASCII characters without spaces.", field=name)
    return value
