"""What a record is made of, and the rules its parts keep, wherever they come from."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from app.core.clock import now
from app.core.errors import Invalid, TooLarge, UnsupportedPhoto
from app.records.models import Record, Reference, Sex
from matching.formats import sniff

DAYS_IN_YEAR = 365.2425
LARGEST_PHOTO = 20 * 2**20
"""Bytes of one photo."""

MOST_PHOTOS = 10
"""Photos of one record."""

HIGHEST_AGE = 100.0
EARLIEST = date(1900, 1, 1)
ZONE_FURTHEST_AHEAD = timedelta(hours=14)
"""UTC+14: what is tomorrow here may be today where the record comes from."""

LONGEST = {"number": 60, "name": 80, "missing_place": 200, "features": 2000}
"""Characters of each text."""


NO_TEXT = frozenset({"Cc", "Cs"})
"""Unicode's control signs and lone surrogates: no keyboard makes them, and databases differ on them."""


@dataclass(frozen=True)
class RecordFields:
    """A record's own words, without its photos."""

    number: str
    name: str
    missing_since: date
    jurisdiction_code: str
    sex: Sex = Sex.UNKNOWN
    born_on: date | None = None
    missing_place: str = ""
    features: str = ""


@dataclass(frozen=True)
class PhotoAge:
    """When a photo was taken, or how old the child is in it.

    Attributes:
        taken_on: the day, if known.
        age_years: age in years, if stated; a stated age goes before a computed one.
    """

    taken_on: date | None = None
    age_years: float | None = None


@dataclass(frozen=True)
class ReferenceFile:
    """A photo to be added to a record."""

    content: bytes
    age: PhotoAge = PhotoAge()


def fields_of(record: Record) -> RecordFields:
    """A stored record's own words."""
    return RecordFields(
        number=record.number,
        name=record.name,
        missing_since=record.missing_since,
        jurisdiction_code=record.jurisdiction_code,
        sex=record.sex,
        born_on=record.born_on,
        missing_place=record.missing_place,
        features=record.features,
    )


def cleaned(fields: RecordFields) -> RecordFields:
    """Bring texts into one form and hold them against the rules.

    Args:
        fields: as given.

    Returns:
        The same without stray blanks.

    Raises:
        Invalid: a text is missing or too long, or the dates contradict each other.
    """
    clean = replace(
        fields,
        number=one_line(fields.number),
        name=one_line(fields.name),
        missing_place=one_line(fields.missing_place),
        features=unicodedata.normalize("NFC", fields.features).replace("\r\n", "\n").expandtabs().strip(),
        jurisdiction_code=fields.jurisdiction_code.strip(),
    )
    for field in (*LONGEST, "jurisdiction_code"):
        if any(unicodedata.category(sign) in NO_TEXT for sign in getattr(clean, field).replace("\n", " ")):
            raise Invalid("There are signs here that belong in no text.", field=field)
    for field in ("number", "name"):
        if not getattr(clean, field):
            raise Invalid("This field is needed.", field=field)
    for field, most in LONGEST.items():
        if len(getattr(clean, field)) > most:
            raise Invalid("At most %(most)s characters fit here.", field=field, most=most)
    _check_day(clean.missing_since, "missing_since")
    if clean.born_on is not None:
        _check_day(clean.born_on, "born_on")
        if clean.born_on > clean.missing_since:
            raise Invalid("A child is born before it goes missing. Check both dates.", field="born_on")
    return clean


def one_line(text: str) -> str:
    """A text in one form, on one line and without stray blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def check_photos(photos: Sequence[ReferenceFile]) -> None:
    """Hold photos against the limits, by their first bytes and their length.

    Raises:
        TooLarge: a file beyond 20 MB.
        UnsupportedPhoto: no photo of a kind we read.
        Invalid: more than a record takes.
    """
    if len(photos) > MOST_PHOTOS:
        raise _too_many()
    for photo in photos:
        if len(photo.content) > LARGEST_PHOTO:
            raise TooLarge("A photo is larger than 20 MB. Send a smaller copy.", field="photos")
        if sniff(photo.content) is None:
            raise UnsupportedPhoto(
                "A file is no photo we can read. Send JPEG, PNG, WebP, HEIC or AVIF.", field="photos"
            )


def check_count(photos: int) -> None:
    """Refuse more photos than a record takes.

    Raises:
        Invalid: too many.
    """
    if photos > MOST_PHOTOS:
        raise _too_many()


def age_years(age: PhotoAge, born_on: date | None) -> float | None:
    """The child's age in a photo: as stated, else computed from both dates.

    Args:
        age: what is known about the photo.
        born_on: the child's birth date, if known.

    Returns:
        Years, to two places; None when nothing tells.

    Raises:
        Invalid: a day to come, a photo older than the child, or an age nobody has.
    """
    if age.taken_on is not None:
        _check_day(age.taken_on, "photos")
        if born_on is not None and age.taken_on < born_on:
            raise Invalid("A photo cannot be older than the child. Check its date.", field="photos")
    if age.age_years is not None:
        if not 0 <= age.age_years <= HIGHEST_AGE:
            raise Invalid("An age lies between 0 and 100 years.", field="photos")
        return round(age.age_years, 2)
    return computed_age(age.taken_on, born_on)


def computed_age(taken_on: date | None, born_on: date | None) -> float | None:
    """Years between two dates, to two places; None when one is unknown."""
    if taken_on is None or born_on is None:
        return None
    return round((taken_on - born_on).days / DAYS_IN_YEAR, 2)


def known_age(record: Record, reference: Reference) -> PhotoAge:
    """What was stated about a stored photo: its age only if it was not computed from the dates."""
    computed = computed_age(reference.taken_on, record.born_on)
    stated = None if reference.age_years == computed else reference.age_years
    return PhotoAge(reference.taken_on, stated)


def latest_day() -> date:
    """The last day that is not in the future anywhere."""
    return (now() + ZONE_FURTHEST_AHEAD).date()


def _check_day(day: date, field: str) -> None:
    if day > latest_day():
        raise Invalid("This day is still to come.", field=field)
    if day < EARLIEST:
        raise Invalid("This day is too long ago. Check the year.", field=field)


def _too_many() -> Invalid:
    return Invalid("A record takes at most %(most)s photos.", field="photos", most=MOST_PHOTOS)
