"""What the page of suggestions shows: two faces side by side, never how alike a machine finds them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from app.jurisdictions import queries as areas
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.photos.models import Face, Photo
from app.sightings import queries
from app.sightings.models import Sighting, SightingSuggestion, SuggestionState
from app.tips.models import Tip


@dataclass(frozen=True)
class Side:
    """A face with where and when it was seen."""

    face: Face
    photo: Photo
    tip: Tip
    area: Jurisdiction | None

    @property
    def at(self) -> datetime:
        """When it was seen; where nobody said, when the tip came in."""
        return self.tip.observed_at or self.tip.received_at


@dataclass(frozen=True)
class Pair:
    """A suggestion as it is shown.

    Attributes:
        id: the suggestion's.
        earlier: the face that was seen first.
        later: the other one.
        distance_m: metres between the places.
        hours_apart: hours between the times.
        state: what became of it.
        decided_at: when.
        sighting_id: the sighting that holds both faces now, if one does.
    """

    id: UUID
    earlier: Side
    later: Side
    distance_m: float
    hours_apart: float
    state: SuggestionState
    decided_at: datetime | None
    sighting_id: UUID | None


@dataclass(frozen=True)
class SightingLine:
    """A sighting in the list.

    Attributes:
        sighting: the sighting.
        area: the smallest that holds the faces shown.
        sides: its faces that the officer may see, in the order of their times.
        elsewhere: how many others there are.
    """

    sighting: Sighting
    area: Jurisdiction | None
    sides: list[Side]
    elsewhere: int


def shown(session: Session, suggestions: Sequence[SightingSuggestion]) -> list[Pair]:
    """Suggestions with their faces, in the order given; all of them are the officer's to see."""
    faces = {face for each in suggestions for face in (each.face_id, each.other_id)}
    sides = sides_of(session, faces)
    pairs = []
    for each in suggestions:
        earlier, later = sorted((sides[each.face_id], sides[each.other_id]), key=lambda side: side.at)
        rows = [queries.standing_row(session, face) for face in (each.face_id, each.other_id)]
        held = {row.sighting_id if row else None for row in rows}
        pairs.append(
            Pair(
                each.id,
                earlier,
                later,
                each.distance_m,
                each.hours_apart,
                each.state,
                each.decided_at,
                held.pop() if len(held) == 1 else None,
            )
        )
    return pairs


def lines(session: Session, officer: Officer, sightings: Sequence[Sighting]) -> list[SightingLine]:
    """Sightings with what the officer may see of them, in the order given."""
    rows = [
        row for row in queries.rows_of(session, [each.id for each in sightings]) if row.removed_at is None
    ]
    seen = queries.visible_tip_ids(session, officer, {row.tip_id for row in rows})
    sides = sides_of(session, {row.face_id for row in rows if row.tip_id in seen})
    found = []
    for sighting in sightings:
        held = [row.face_id for row in rows if row.sighting_id == sighting.id]
        own = sorted((sides[face] for face in held if face in sides), key=lambda side: side.at)
        area = areas.get(session, area_of(session, own))
        found.append(SightingLine(sighting, area, own, len(held) - len(own)))
    return found


def of_tips(session: Session, officer: Officer, tip_ids: Collection[UUID]) -> list[SightingLine]:
    """The sightings that stand and hold faces of tips, for the pages of tips and cases; the newest first."""
    return lines(session, officer, queries.of_tips(session, officer, tip_ids))


def sides_of(session: Session, face_ids: set[UUID]) -> dict[UUID, Side]:
    """Faces with their places, by their ids; only for faces that the officer may see."""
    found = queries.faces_shown(session, face_ids)
    codes = {tip.jurisdiction_code for _, _, tip in found.values() if tip.jurisdiction_code}
    named = {code: areas.get(session, code) for code in codes}
    return {
        face_id: Side(face, photo, tip, named.get(tip.jurisdiction_code or ""))
        for face_id, (face, photo, tip) in found.items()
    }


def area_of(session: Session, sides: Sequence[Side]) -> str:
    """The code of the smallest area that holds faces."""
    return queries.common_area(session, {side.tip.jurisdiction_code for side in sides})
