"""Questions about the copies of a picture: what one is of another, who sent it first, where claims differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select
from sqlmodel import Session, col, select

from app.officers.models import Officer
from app.photos import queries as photos
from app.photos.models import KnownList, KnownPicture, Photo, PhotoLink
from app.tips import queries as tips
from app.tips.models import Tip

APART_KM = 1.0
"""Kilometres from which two stated places of one picture contradict each other; phones are right to 0.1."""

APART_DAYS = 1.0
"""Days from which two stated times contradict each other; forms and cameras mistake hours and zones."""

_DIRECTIONS = 72
"""In which the outermost of many places are sought; the greatest distance is then right to 0.1 %."""

_EARTH_KM = 6371.0
"""Mean radius (IUGG)."""


@dataclass(frozen=True)
class Explained:
    """Why a photo is the same picture as another."""

    link: PhotoLink
    tip: Tip | None
    """The other photo's tip; None if it is not the officer's to see."""
    together: bool
    """Whether the two stand in one cluster; an officer may have taken the other out since."""


@dataclass(frozen=True)
class Copies:
    """What is known of all copies of one picture that the officer may see."""

    count: int
    first: Tip
    """The tip that came first."""
    largest: Photo
    largest_tip: Tip
    apart_km: float | None
    """The greatest distance between two stated places; None if they do not contradict each other."""
    apart_days: float | None
    """The longest time between two stated times; None likewise."""


def explained(session: Session, officer: Officer, found: Sequence[Photo]) -> dict[UUID, list[Explained]]:
    """By photo, what it is of others."""
    links = photos.links_of(session, [photo.id for photo in found])
    others = {link.other_id for items in links.values() for link in items}
    visible = dict(
        session.exec(
            select(Photo.id, Tip)
            .join(Tip, col(Tip.id) == col(Photo.tip_id))
            .where(col(Photo.id).in_(others), col(Tip.id).in_(mine(officer)))
        ).all()
    )
    stands = dict(session.exec(select(Photo.id, Photo.cluster_id).where(col(Photo.id).in_(others))).all())
    stands |= {photo.id: photo.cluster_id for photo in found}
    return {
        photo_id: [
            Explained(
                link,
                visible.get(link.other_id),
                link.joined and stands[photo_id] == stands.get(link.other_id),
            )
            for link in items
        ]
        for photo_id, items in links.items()
    }


def listed(
    session: Session, tip_ids: Sequence[UUID]
) -> dict[UUID, dict[UUID, list[tuple[KnownList, KnownPicture]]]]:
    """By tip and photo, the lists of known pictures that the photo is on."""
    of_tip = dict(session.exec(select(Photo.id, Photo.tip_id).where(col(Photo.tip_id).in_(tip_ids))).all())
    found: dict[UUID, dict[UUID, list[tuple[KnownList, KnownPicture]]]] = {}
    for photo_id, lists in photos.lists_of(session, list(of_tip)).items():
        tip_id = of_tip[photo_id]
        if tip_id is not None:
            found.setdefault(tip_id, {})[photo_id] = lists
    return found


def mine(officer: Officer) -> Select[tuple[UUID]]:
    """The ids of the tips that the officer sees."""
    return tips.visible_to(officer).with_only_columns(col(Tip.id))


def facts(members: Sequence[tuple[Photo, Tip]]) -> Copies:
    """What is known of copies together, the first sent first."""
    largest, largest_tip = max(members, key=lambda pair: (pair[0].width or 0) * (pair[0].height or 0))
    places = {
        (latitude, longitude)
        for photo, tip in members
        for latitude, longitude in (
            (photo.claimed_latitude, photo.claimed_longitude),
            (tip.latitude, tip.longitude),
        )
        if latitude is not None and longitude is not None
    }
    times = [
        moment
        for photo, tip in members
        for moment in (moment_of(photo.claimed_taken_at), tip.observed_at)
        if moment is not None
    ]
    outermost = _outermost(places)
    apart = max((kilometres(one, other) for one in outermost for other in outermost), default=0.0)
    days = (max(times) - min(times)).total_seconds() / 86_400 if times else 0.0
    return Copies(
        len(members),
        members[0][1],
        largest,
        largest_tip,
        apart if apart >= APART_KM else None,
        days if days >= APART_DAYS else None,
    )


def _outermost(places: set[tuple[float, float]]) -> set[tuple[float, float]]:
    """Those of many places that lie furthest out: a flood of copies is not compared each with each."""
    if len(places) <= _DIRECTIONS:
        return places
    angles = [math.tau * step / _DIRECTIONS for step in range(_DIRECTIONS)]
    return {
        max(places, key=lambda place: place[0] * math.sin(angle) + place[1] * math.cos(angle))
        for angle in angles
    }


def moment_of(claimed: str | None) -> datetime | None:
    """What a file claims, taken for UTC where it names no zone; None if it is no moment."""
    try:
        moment = datetime.fromisoformat(claimed or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance of two places in degrees (haversine)."""
    (first, west), (second, east) = (tuple(map(math.radians, place)) for place in (one, other))
    half = math.sin((second - first) / 2) ** 2
    half += math.cos(first) * math.cos(second) * math.sin((east - west) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))
