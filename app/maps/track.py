"""The track of one child: a sighting's faces in the order of their times, and the way between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col

from app.cases import queries as case_queries
from app.cases.models import Case, CaseTip
from app.jurisdictions import queries as areas
from app.jurisdictions import shapes
from app.jurisdictions.models import Jurisdiction
from app.maps.drawing import HEIGHT, WIDTH, path_of
from app.officers.models import Officer, Role
from app.sightings import pairs, queries
from app.sightings.distance import metres_between
from app.sightings.models import Sighting
from app.sightings.pairs import Side

SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True)
class Stop:
    """A face of the track.

    Attributes:
        number: in the order of times, from 1.
        side: the face, where and when.
        distance_m: metres from the stop before; None for the first, or where one has no place.
        hours: hours since the stop before; None for the first.
        at: picture units from the upper left corner; None without a place in the map.
        cases: cases that hold its tip, as far as the officer may see them.
    """

    number: int
    side: Side
    distance_m: float | None
    hours: float | None
    at: tuple[float, float] | None
    cases: Sequence[Case]


@dataclass(frozen=True)
class Track:
    """A sighting as its page shows it.

    Attributes:
        sighting: the sighting.
        area: the smallest that holds the stops.
        stops: faces of tips that the officer may see.
        elsewhere: how many others there are.
        taken_out: faces that were taken out, and may be put back.
        doubted: pairs of its faces that somebody declined.
        outline: the area's outline as SVG path data; empty where it has no shape.
        frame: how it was projected; None when there is nothing to draw.
    """

    sighting: Sighting
    area: Jurisdiction | None
    stops: Sequence[Stop]
    elsewhere: int
    taken_out: Sequence[Side]
    doubted: int
    outline: str
    frame: shapes.Frame | None

    @property
    def line(self) -> str:
        """The way from stop to stop, as points of an SVG polyline."""
        return " ".join(f"{stop.at[0]:.1f},{stop.at[1]:.1f}" for stop in self.stops if stop.at)


def track(session: Session, officer: Officer, sighting_id: UUID) -> Track:
    """A sighting with what the officer may see of it.

    Raises:
        NotFound: no such sighting among those the officer may see.
    """
    sighting = queries.get_visible(session, officer, sighting_id)
    rows = queries.rows_of(session, [sighting_id])
    held = [row for row in rows if row.removed_at is None]
    seen = queries.visible_tip_ids(session, officer, {row.tip_id for row in rows})
    sides = pairs.sides_of(session, {row.face_id for row in rows if row.tip_id in seen})
    standing = {row.face_id for row in held}
    shown = sorted(
        (sides[face] for face in standing if face in sides), key=lambda side: (side.at, side.face.id)
    )
    out = {row.face_id for row in rows} - standing
    area = areas.get(session, pairs.area_of(session, shown))
    drawn = shapes.sketch([area.shape if area else None], _places(shown), WIDTH, HEIGHT)
    return Track(
        sighting,
        area,
        _stops(shown, drawn, cases_holding(session, officer, {side.tip.id for side in shown})),
        len(held) - len(shown),
        [sides[face] for face in sorted(out) if face in sides],
        queries.doubted(session, [side.face.id for side in shown]),
        path_of(drawn.outlines[0].rings) if drawn and drawn.outlines[0] else "",
        drawn.frame if drawn else None,
    )


def cases_holding(session: Session, officer: Officer, tip_ids: set[UUID]) -> dict[UUID, list[Case]]:
    """By tip, the cases that hold it; none for officers who do not run cases."""
    if not tip_ids or not officer.has(Role.INVESTIGATOR, Role.SUPERVISOR):
        return {}
    question = (
        case_queries.visible_to(officer)
        .join(CaseTip, col(CaseTip.case_id) == col(Case.id))
        .where(col(CaseTip.tip_id).in_(tip_ids))
        .order_by(col(Case.opened_at))
        .add_columns(col(CaseTip.tip_id))
    )
    found: dict[UUID, list[Case]] = {}
    for case, tip_id in session.execute(question):
        found.setdefault(tip_id, []).append(case)
    return found


def _places(sides: Sequence[Side]) -> list[tuple[float, float]]:
    return [
        (side.tip.latitude, side.tip.longitude)
        for side in sides
        if side.tip.latitude is not None and side.tip.longitude is not None
    ]


def _stops(sides: Sequence[Side], drawn: shapes.Sketch | None, cases: dict[UUID, list[Case]]) -> list[Stop]:
    stops = []
    for number, side in enumerate(sides, 1):
        before = sides[number - 2] if number > 1 else None
        hours = (side.at - before.at).total_seconds() / SECONDS_PER_HOUR if before else None
        place = _places([side])
        at = drawn.frame.place(*place[0]) if drawn and place else None
        apart = (
            metres_between(*_places([before])[0], *place[0])
            if before and place and _places([before])
            else None
        )
        stops.append(Stop(number, side, apart, hours, at, cases.get(side.tip.id, [])))
    return stops
