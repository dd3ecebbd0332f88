"""The track of one child: a sighting's faces in the order of their times, and the way between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlmodel import Session, col

from app.cases import queries as case_queries
from app.cases.models import Case, CaseTip
from app.jurisdictions import queries as areas
from app.jurisdictions import shapes
from app.jurisdictions.models import Jurisdiction
from app.maps import queries as map_queries
from app.maps.drawing import HEIGHT, WIDTH, path_of
from app.officers.models import Officer, Role
from app.sightings import pairs, queries
from app.sightings.distance import metres_between
from app.sightings.models import Sighting
from app.sightings.pairs import Side

SECONDS_PER_HOUR = 3_600

ROOM = 1.8
"""Width of the picture for each unit of width that the track takes."""

LEAST_M = 6_000
"""Metres across that are shown at least: nearer, no border would tell where the track is."""


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
class Named:
    """An area on the map of a track.

    Attributes:
        area: the area.
        path: its outline as SVG path data, to be moved by `Track.moved`.
        name_at: where its name is written; None where its middle is not in the picture.
    """

    area: Jurisdiction
    path: str
    name_at: tuple[float, float] | None


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
        outlines: of the area and of those right below it, as SVG path data with their names.
        moved: SVG transform that brings the outlines into the part of the area that is shown.
        frame: how that part was projected; None when there is nothing to draw.
    """

    sighting: Sighting
    area: Jurisdiction | None
    stops: Sequence[Stop]
    elsewhere: int
    taken_out: Sequence[Side]
    doubted: int
    outlines: Sequence[Named]
    moved: str
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
    frame, outlines, moved = _drawn(session, area, _places(shown))
    return Track(
        sighting,
        area,
        _stops(shown, frame, cases_holding(session, officer, {side.tip.id for side in shown})),
        len(held) - len(shown),
        [sides[face] for face in sorted(out) if face in sides],
        queries.doubted(session, [side.face.id for side in shown]),
        outlines,
        moved,
        frame,
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


def _drawn(
    session: Session, area: Jurisdiction | None, places: Sequence[tuple[float, float]]
) -> tuple[shapes.Frame | None, list[Named], str]:
    """The part of an area around places: its frame, outlines, and what moves these into it.

    Outlines are those of the whole area's map, enlarged: finer ones would weigh more than they say.
    """
    shown = [area, *map_queries.areas_below(session, area)] if area else []
    whole = shapes.sketch([each.shape for each in shown], places, WIDTH, HEIGHT)
    if whole is None or not places:
        return None, [], ""
    xs, ys = zip(*(whole.frame.at(*place) for place in places), strict=True)
    spread = max(max(xs) - min(xs), (max(ys) - min(ys)) * WIDTH / HEIGHT)
    share = min(1.0, max(spread * ROOM, LEAST_M / whole.frame.metres_per_unit) / WIDTH)
    left = (min(xs) + max(xs)) / 2 - WIDTH * share / 2
    upper = (min(ys) + max(ys)) / 2 - HEIGHT * share / 2
    if share == 1.0:
        left, upper = 0.0, 0.0
    frame = replace(
        whole.frame,
        west=whole.frame.west + left / whole.frame.scale / whole.frame.narrowing,
        north=whole.frame.north - upper / whole.frame.scale,
        scale=whole.frame.scale / share,
    )
    outlines = []
    for each, outline in zip(shown, whole.outlines, strict=True):
        if outline is not None:
            x, y = (outline.middle[0] - left) / share, (outline.middle[1] - upper) / share
            inside = 0 <= x <= WIDTH and 0 <= y <= HEIGHT and each is not area
            outlines.append(
                Named(each, path_of(outline.rings), (round(x, 1), round(y, 1)) if inside else None)
            )
    return frame, outlines, f"scale({1 / share:.4f}) translate({-left:.2f} {-upper:.2f})"


def _stops(sides: Sequence[Side], frame: shapes.Frame | None, cases: dict[UUID, list[Case]]) -> list[Stop]:
    stops = []
    for number, side in enumerate(sides, 1):
        before = sides[number - 2] if number > 1 else None
        hours = (side.at - before.at).total_seconds() / SECONDS_PER_HOUR if before else None
        place = _places([side])
        at = frame.place(*place[0]) if frame and place else None
        apart = (
            metres_between(*_places([before])[0], *place[0])
            if before and place and _places([before])
            else None
        )
        stops.append(Stop(number, side, apart, hours, at, cases.get(side.tip.id, [])))
    return stops
