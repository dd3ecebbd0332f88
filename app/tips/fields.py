"""A tip's fields: from texts to values, each with a refusal that names the field and repeats nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import eviltransform

from app.core.clock import now
from app.core.errors import Invalid
from app.tips.models import CoordinateSystem

LONGEST_PLACE = 300
LONGEST_DESCRIPTION = 4_000
LONGEST_CONTACT = 300
LONGEST_ID = 200
LONGEST_URL = 2_000
LARGEST_ACCURACY_M = 100_000.0
EARLIEST_YEAR = 2000
CLOCK_SLACK = timedelta(hours=24)
"""A sender's clock or zone may be wrong by this much before a time counts as the future."""


@dataclass(frozen=True)
class Place:
    """Where something was seen; coordinates in degrees, WGS 84."""

    text: str
    latitude: float | None
    longitude: float | None
    accuracy_m: float | None
    system: CoordinateSystem | None


def text(texts: Mapping[str, str], name: str, longest: int) -> str:
    """A text of bounded length; missing is empty.

    Raises:
        Invalid: too long.
    """
    value = texts.get(name, "")
    if len(value) > longest:
        raise Invalid("This text is too long: at most %(longest)s characters.", field=name, longest=longest)
    return value


def number(texts: Mapping[str, str], name: str, lowest: float, highest: float) -> float | None:
    """A finite number in a range; missing or empty is None.

    Raises:
        Invalid: no number, not finite, or out of range.
    """
    value = texts.get(name, "")
    if value == "":
        return None
    try:
        found = float(value) if value.isascii() and "_" not in value else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or not lowest <= found <= highest:
        raise Invalid("This is not a number in the range that is possible here.", field=name)
    return found


def flag(texts: Mapping[str, str], name: str) -> bool:
    """A yes or no; missing is no.

    Raises:
        Invalid: anything but the usual words.
    """
    value = texts.get(name, "").lower()
    if value not in {"", "on", "true", "1", "yes", "off", "false", "0", "no"}:
        raise Invalid("This takes yes or no.", field=name)
    return value in {"on", "true", "1", "yes"}


def moment(texts: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    """A time, ISO 8601; without an offset it is a time of `zone`.

    Raises:
        Invalid: no time, before 2000, or in the future.
    """
    value = texts.get(name, "")
    if value == "":
        return None
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("This is not a date and time.", field=name) from error
    if found.year < EARLIEST_YEAR or found > now() + CLOCK_SLACK:
        raise Invalid("This time lies in the future or too far back.", field=name)
    return found


def system(texts: Mapping[str, str], name: str) -> CoordinateSystem:
    """The datum of coordinates; WGS 84 if none is named.

    Raises:
        Invalid: an unknown one.
    """
    try:
        return CoordinateSystem(texts.get(name) or CoordinateSystem.WGS84)
    except ValueError as error:
        raise Invalid("Use wgs84, gcj02 or bd09.", field=name) from error


def place(texts: Mapping[str, str]) -> Place:
    """Where it was: a text, coordinates, or both.

    Raises:
        Invalid: neither, half a coordinate, or one that is out of range.
    """
    described = text(texts, "place_text", LONGEST_PLACE)
    latitude = number(texts, "latitude", -90, 90)
    longitude = number(texts, "longitude", -180, 180)
    accuracy = number(texts, "accuracy_m", 0, LARGEST_ACCURACY_M)
    datum = system(texts, "coordinate_system")
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise Invalid("Latitude and longitude go together.", field=missing)
    if latitude is None or longitude is None:
        if not described:
            raise Invalid("Say where it was: a street, a station, a shop.", field="place_text")
        return Place(described, None, None, None, None)
    latitude, longitude = _to_wgs84(latitude, longitude, datum)
    return Place(described, latitude, longitude, accuracy, datum)


def url(texts: Mapping[str, str], name: str) -> str | None:
    """A web address, kept as text and never fetched.

    Raises:
        Invalid: not http or https, or without a host.
    """
    value = text(texts, name, LONGEST_URL)
    if value == "":
        return None
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound or any(letter.isspace() for letter in value):
        raise Invalid("This is not a web address.", field=name)
    return value


def _to_wgs84(latitude: float, longitude: float, datum: CoordinateSystem) -> tuple[float, float]:
    """Chinese map datums to WGS 84; exact to about half a metre (eviltransform's iterative inverse)."""
    if datum == CoordinateSystem.BD09:
        latitude, longitude = eviltransform.bd2gcj(latitude, longitude)
    if datum != CoordinateSystem.WGS84:
        latitude, longitude = eviltransform.gcj2wgs_exact(latitude, longitude)
    return round(latitude, 7), round(longitude, 7)
