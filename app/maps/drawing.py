"""From things with places to marks that lie apart: what the map draws and what its table says, in one."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.cases.models import CaseState
from app.jurisdictions import shapes
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.shapes import Frame, Outline
from app.maps.queries import Item, Kind
from app.tips.models import TipState

WIDTH: Final = 800.0
HEIGHT: Final = 600.0

STEP: Final = 38.0
"""Picture units from one mark to the next in a row; a mark is 32 wide, 24 pixels on the narrowest screen."""

CELL_WIDTH: Final = WIDTH / 6
CELL_HEIGHT: Final = HEIGHT / 12
ABOVE: Final = 17.0
BELOW: Final = 25.0
"""A row of marks, one of each kind, with its number below, always has room in its own cell of the grid."""

NAMED_FROM: Final = (44.0, 22.0)
"""Width and height of an area in the picture from which its name is written into it."""


class Stage(StrEnum):
    """How far the work on something has come, as a mark shows it."""

    WAITING = "waiting"  # Nobody has opened it.
    IN_WORK = "in_work"
    CLOSED = "closed"


WAITING: Final = frozenset(
    {
        TipState.RECEIVED,
        TipState.PROCESSING,
        TipState.ROUTED,
        TipState.ESCALATED,
        TipState.FAILED,
        CaseState.OPEN,
    }
)
CLOSED: Final = frozenset({TipState.DISPOSED, CaseState.CLOSED})


@dataclass(frozen=True)
class Mark:
    """All things of one kind in one place.

    Attributes:
        kind: what they are.
        x: picture units from the left.
        y: picture units from the top.
        items: the things, the latest first.
        stage: of the one that has come least far.
    """

    kind: Kind
    x: float
    y: float
    items: Sequence[Item]
    stage: Stage

    @property
    def states(self) -> list[tuple[TipState | CaseState, int]]:
        """How many stand in each state, the most frequent first; none for sightings."""
        return Counter(item.state for item in self.items if item.state is not None).most_common()


@dataclass(frozen=True)
class Place:
    """What lies close together: a row of marks in the map, and a row of the table.

    Attributes:
        number: in the map and in the table, from 1.
        x: of the number, picture units from the left.
        y: picture units from the top.
        marks: one for each kind that is there.
        area_codes: the areas the things belong to.
    """

    number: int
    x: float
    y: float
    marks: Sequence[Mark]
    area_codes: frozenset[str | None]

    @property
    def latest(self) -> datetime:
        """When the last of them was seen or opened."""
        return max(item.at for mark in self.marks for item in mark.items)

    def of(self, kind: Kind) -> Mark | None:
        """The mark of a kind."""
        return next((mark for mark in self.marks if mark.kind == kind), None)


@dataclass(frozen=True)
class Shown:
    """An area in the map.

    Attributes:
        area: the area.
        path: its outline as SVG path data; empty where it has no shape.
        name_at: where its name is written; None where there is no room.
    """

    area: Jurisdiction
    path: str
    name_at: tuple[float, float] | None


@dataclass(frozen=True)
class Drawing:
    """A map and its table.

    Attributes:
        own: the area itself.
        below: the areas right below it.
        places: what is on the map, from north to south.
        beside: what has no place in it: no coordinates, or ones outside the area.
        frame: how it was projected; None when there is nothing to draw.
    """

    own: Shown
    below: Sequence[Shown]
    places: Sequence[Place]
    beside: Sequence[Mark]
    frame: Frame | None

    @property
    def outlined(self) -> bool:
        """Whether any area has a shape."""
        return any(shown.path for shown in (self.own, *self.below))

    def total(self, kind: Kind) -> int:
        """How many there are of a kind, on the map and beside it."""
        marks = [mark for place in self.places for mark in place.marks]
        return sum(len(mark.items) for mark in (*marks, *self.beside) if mark.kind == kind)


def draw(area: Jurisdiction, below: Sequence[Jurisdiction], items: Sequence[Item]) -> Drawing:
    """Draw an area with those below it and what happened there; the items are the latest first."""
    digests = {each.code: shapes.digest_of(each.shape) for each in (area, *below) if each.shape}
    bounds = [shapes.bounds_of(digests[each.code], each.shape) for each in (area, *below) if each.shape]
    placed = [
        (item.latitude, item.longitude)
        for item in items
        if item.latitude is not None and item.longitude is not None
    ]
    frame = shapes.frame_of(bounds, placed, WIDTH, HEIGHT)
    if frame is None:
        return Drawing(
            Shown(area, "", None), [Shown(each, "", None) for each in below], [], _marks(items), None
        )
    own, *others = (
        _shown(each, shapes.outline(frame, digests[each.code], each.shape) if each.shape else None)
        for each in (area, *below)
    )
    cells: dict[tuple[int, int], list[tuple[Item, float, float]]] = {}
    beside = []
    for item in items:
        at = _at(frame, item)
        if at is None:
            beside.append(item)
        else:
            cells.setdefault(_cell(*at), []).append((item, *at))
    places = [
        _place(number, row, column, held)
        for number, ((row, column), held) in enumerate(sorted(cells.items(), key=lambda cell: cell[0]), 1)
    ]
    return Drawing(own, others, places, _marks(beside), frame)


def path_of(rings: Iterable[shapes.Ring]) -> str:
    """Rings as SVG path data."""
    return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in ring) + "Z" for ring in rings)


def _cell(x: float, y: float) -> tuple[int, int]:
    """Row and column of the grid; the lower and the right edge belong to the last ones."""
    row, column = min(y, HEIGHT - 1) // CELL_HEIGHT, min(x, WIDTH - 1) // CELL_WIDTH
    return int(row), int(column)


def _at(frame: Frame, item: Item) -> tuple[float, float] | None:
    if item.latitude is None or item.longitude is None:
        return None
    return frame.place(item.latitude, item.longitude)


def _shown(area: Jurisdiction, outline: Outline | None) -> Shown:
    if outline is None:
        return Shown(area, "", None)
    xs, ys = zip(*outline.rings[0], strict=True)
    roomy = max(xs) - min(xs) >= NAMED_FROM[0] and max(ys) - min(ys) >= NAMED_FROM[1]
    middle = (round(outline.middle[0], 1), round(outline.middle[1], 1))
    return Shown(area, path_of(outline.rings), middle if roomy else None)


def _place(number: int, row: int, column: int, held: Sequence[tuple[Item, float, float]]) -> Place:
    """A row of marks at the middle of its things, moved by as little as keeps it in its cell."""
    kinds = [kind for kind in Kind if any(item.kind == kind for item, _, _ in held)]
    half = len(kinds) * STEP / 2
    left, top = column * CELL_WIDTH, row * CELL_HEIGHT
    x = _between(left + half, sum(x for _, x, _ in held) / len(held), left + CELL_WIDTH - half)
    y = _between(top + ABOVE, sum(y for _, _, y in held) / len(held), top + CELL_HEIGHT - BELOW)
    marks = [
        _mark(
            kind,
            [item for item, _, _ in held if item.kind == kind],
            round(x - half + (at + 0.5) * STEP, 1),
            round(y, 1),
        )
        for at, kind in enumerate(kinds)
    ]
    return Place(number, round(x, 1), round(y, 1), marks, frozenset(item.area_code for item, _, _ in held))


def _between(least: float, value: float, most: float) -> float:
    return min(max(value, least), most)


def _marks(items: Sequence[Item]) -> list[Mark]:
    """Marks of things that have no place, one for each kind."""
    kinds = [kind for kind in Kind if any(item.kind == kind for item in items)]
    return [_mark(kind, [item for item in items if item.kind == kind], 0.0, 0.0) for kind in kinds]


def _mark(kind: Kind, items: Sequence[Item], x: float, y: float) -> Mark:
    stages = {_stage(item) for item in items}
    return Mark(kind, x, y, items, next(stage for stage in Stage if stage in stages))


def _stage(item: Item) -> Stage:
    if item.state in WAITING:
        return Stage.WAITING
    return Stage.CLOSED if item.state in CLOSED else Stage.IN_WORK
