"""From the parts of a form to a tip that may be accepted: what each field means and which are needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import eviltransform
from fastapi import Request

from app.core.clock import now
from app.core.errors import Invalid
from app.tips import fields, flags
from app.tips.models import CoordinateSystem, FlagKind
from app.tips.parts import WAITED, WORK, NewPhoto, Parts, read_parts

LANGUAGES = ("zh", "en")
LONGEST_WAIT_S = 30 * 86_400
"""A tip that a device kept longer than this says itself when it was."""
SUBMISSION = "submission"

WEB_FIELDS = frozenset(
    {
        SUBMISSION,
        "place_text",
        "latitude",
        "longitude",
        "accuracy_m",
        "seen",
        "observed_time",
        "observed_at",
        "description",
        "danger_now",
        "contact",
        "marks",
        flags.TRAP,
        WAITED,
        WORK,
    }
)
PARTNER_FIELDS = frozenset(
    {
        "latitude",
        "longitude",
        "accuracy_m",
        "coordinate_system",
        "place_text",
        "observed_at",
        "description",
        "external_id",
        "source_url",
        "language",
        "danger_now",
    }
)
POSITION_FIELDS = ("latitude", "longitude", "accuracy_m")
TYPED_FIELDS = ("place_text", "description", "contact")
"""Texts that a person typed and gets back when the form is refused."""


class Seen(StrEnum):
    """When it was, as the form asks."""

    NOW = "now"
    TODAY = "today"  # Earlier today; the field `observed_time` says about when.
    OTHER = "other"  # At the moment in the field `observed_at`.


@dataclass(frozen=True)
class Place:
    """A position in WGS 84.

    Attributes:
        latitude: degrees, north is positive.
        longitude: degrees, east is positive.
        accuracy_m: radius in metres, None if not told.
        given_system: the datum that the sender's numbers were in.
    """

    latitude: float
    longitude: float
    accuracy_m: float | None
    given_system: CoordinateSystem


@dataclass(frozen=True)
class NewTip:
    """A tip that has passed every check but is not kept yet.

    Attributes:
        photos: one to six, in the order they were sent.
        language: "zh" or "en", the sender's.
        place_text: where it was, in words; empty if only the position is known.
        place: the position, if it is known.
        observed_at: when it was seen, None if the sender did not tell.
        description: what was seen.
        danger_now: a child is in danger at this moment.
        contact: how to reach the tipster; sealed as soon as it is kept.
        external_id: a partner's own number.
        source_url: where a partner found it; kept, never opened.
        key: the sender's own key for this request, None without one.
        digest: what tells a repeated request from another one under the same key.
        marks: where the sender pointed at the child in each photo, as shares of the upright picture's
            width and height; empty when nobody pointed.
        flags: what speaks for nobody having filled in the form by hand; it changes no answer.
    """

    photos: tuple[NewPhoto, ...]
    language: str
    place_text: str
    place: Place | None
    observed_at: datetime | None
    description: str
    danger_now: bool
    contact: str
    external_id: str | None
    source_url: str | None
    key: str | None
    digest: str
    marks: tuple[tuple[float, float] | None, ...] = ()
    flags: frozenset[FlagKind] = frozenset()


async def web_parts(request: Request) -> Parts:
    """Read the citizens' form; a dependency, since only reading the body has to wait."""
    return await read_parts(request, WEB_FIELDS)


async def partner_parts(request: Request) -> Parts:
    """Read a partner's form."""
    return await read_parts(request, PARTNER_FIELDS)


def web_tip(parts: Parts, language: str, zone: ZoneInfo) -> NewTip:
    """Check the citizens' form.

    Args:
        parts: what was sent.
        language: the reader's.
        zone: zone of a time that was typed.

    Returns:
        The tip; seen just now when nothing else was said.

    Raises:
        Refusal: a field breaks its rule, a photo or the place is missing.
    """
    texts = parts.texts
    new = NewTip(
        photos=parts.photos,
        language=language,
        place_text=fields.text(texts, "place_text"),
        place=_place(texts, CoordinateSystem.WGS84),
        observed_at=_seen(texts, zone),
        description=fields.text(texts, "description"),
        danger_now=fields.flag(texts, "danger_now"),
        contact=fields.text(texts, "contact"),
        external_id=None,
        source_url=None,
        key=fields.sender_key(texts.get(SUBMISSION), SUBMISSION),
        digest=parts.digest,
        marks=() if parts.problem else fields.marks(texts, "marks", len(parts.photos)),
        flags=flags.of_form(texts.get(flags.TRAP, ""), texts.get(SUBMISSION, "")),
    )
    return _complete(parts, new)


def partner_tip(parts: Parts, key: str | None, default_language: str) -> NewTip:
    """Check a partner's form.

    Args:
        parts: what was sent.
        key: value of the header Idempotency-Key.
        default_language: language of the sender when none is named.

    Returns:
        The tip.

    Raises:
        Refusal: a field breaks its rule, a photo or the place is missing.
    """
    texts = parts.texts
    language = texts.get("language", "").strip() or default_language
    if language not in LANGUAGES:
        raise Invalid("The language is zh or en.", field="language")
    try:
        system = CoordinateSystem(texts.get("coordinate_system", "").strip() or CoordinateSystem.WGS84)
    except ValueError:
        raise Invalid("The coordinate system is wgs84, gcj02 or bd09.", field="coordinate_system") from None
    new = NewTip(
        photos=parts.photos,
        language=language,
        place_text=fields.text(texts, "place_text"),
        place=_place(texts, system),
        observed_at=fields.moment(texts, "observed_at", None),
        description=fields.text(texts, "description"),
        danger_now=fields.flag(texts, "danger_now"),
        contact="",
        external_id=fields.text(texts, "external_id") or None,
        source_url=fields.web_address(texts, "source_url"),
        key=fields.sender_key(key, "Idempotency-Key"),
        digest=parts.digest,
    )
    return _complete(parts, new)


def typed(parts: Parts, zone: ZoneInfo) -> dict[str, str]:
    """What a person typed, for the form that comes back; values that break their rule are left out."""
    texts = parts.texts
    kept = {name: texts[name] for name in TYPED_FIELDS if _is_sound(fields.text, texts, name)}
    if _is_sound(fields.position, texts):
        kept |= {name: texts.get(name, "") for name in POSITION_FIELDS}
    if _is_sound(fields.moment, texts, "observed_at", zone):
        kept["observed_at"] = texts["observed_at"]
    if _is_sound(fields.hour, texts, "observed_time"):
        kept["observed_time"] = texts["observed_time"]
    if texts.get("seen") in set(Seen):
        kept["seen"] = texts["seen"]
    kept["danger_now"] = "on" if texts.get("danger_now") == "on" else ""
    return kept


def _seen(texts: Mapping[str, str], zone: ZoneInfo) -> datetime | None:
    """When it was; None when the sender says that it was earlier and not when."""
    try:
        seen = Seen(texts.get("seen", "").strip() or (Seen.OTHER if texts.get("observed_at") else Seen.NOW))
    except ValueError:
        raise Invalid("Say when it was: just now, earlier today or another time.", field="seen") from None
    waited_s = fields.number(texts, WAITED, 0, LONGEST_WAIT_S) or 0.0
    pressed = now() - timedelta(seconds=waited_s)
    if seen == Seen.NOW:
        return pressed
    if seen == Seen.OTHER:
        return fields.moment(texts, "observed_at", zone)
    hour = fields.hour(texts, "observed_time")
    today = pressed.astimezone(zone).date()
    return fields.moment({"observed_time": f"{today}T{hour}"}, "observed_time", zone) if hour else None


def _complete(parts: Parts, new: NewTip) -> NewTip:
    """Photos are asked for last: a browser drops them when the form comes back."""
    if not new.place_text and new.place is None:
        raise Invalid("Say where it was: a street, a shop, a station exit.", field="place_text")
    if parts.problem is not None:
        raise parts.problem
    return new


def _place(texts: Mapping[str, str], system: CoordinateSystem) -> Place | None:
    given = fields.position(texts)
    if given is None:
        return None
    latitude, longitude, accuracy = given
    if system == CoordinateSystem.BD09:
        latitude, longitude = eviltransform.bd2gcj(latitude, longitude)
    if system != CoordinateSystem.WGS84:
        latitude, longitude = eviltransform.gcj2wgs_exact(latitude, longitude)
    return Place(latitude, longitude, accuracy, system)


def _is_sound(check: Callable[..., object], *arguments: object) -> bool:
    try:
        return bool(check(*arguments))
    except Invalid:
        return False
