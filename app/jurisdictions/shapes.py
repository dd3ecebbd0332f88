"""Areas and places as a picture: GeoJSON in WGS 84 brought to the units of a map or a sketch.

Equirectangular at the middle latitude: a city's shape is true to less than a line's width, and a province's
looks as people know it. Nothing is fetched from outside.
"""

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

Ring = tuple[tuple[float, float], ...]

METRES_PER_DEGREE: Final = 111_195.0
"""Of latitude, on a sphere of 6,371 km."""

MARGIN: Final = 0.04
"""Share of the picture that is left free around the areas."""

SMALLEST_SPAN: Final = 0.005
"""Degrees that a picture shows at least, about 500 m: one place alone needs something around it."""

FINEST: Final = 1.0
"""Picture units by which a simplified line may lie beside the true one."""

SMALLEST_RING: Final = 2.0
"""Square picture units below which an island is not drawn, unless it is all there is."""

KEPT_SHAPES: Final = 2_000
"""Simplified shapes kept in memory: a few kilobytes each."""


@dataclass(frozen=True)
class Frame:
    """What part of the earth a picture shows, and how.

    Attributes:
        west: degrees at the left edge.
        north: degrees at the upper edge.
        narrowing: width of a degree of longitude, in degrees of latitude.
        scale: picture units of a degree of latitude.
        width: of the picture, in its units.
        height: of the picture, in its units.
    """

    west: float
    north: float
    narrowing: float
    scale: float
    width: float
    height: float

    @classmethod
    def around(cls, bounds: tuple[float, float, float, float], width: float, height: float) -> Self:
        """Fit a part of the earth into a picture, in its middle.

        Args:
            bounds: west, south, east, north; degrees.
            width: of the picture, in its units.
            height: of the picture, in its units.
        """
        west, south, east, north = bounds
        middle_longitude, middle = (west + east) / 2, (south + north) / 2
        narrowing = max(math.cos(math.radians(middle)), 0.01)
        across = max((east - west) * narrowing, SMALLEST_SPAN)
        down = max(north - south, SMALLEST_SPAN)
        scale = (1 - 2 * MARGIN) * min(width / across, height / down)
        return cls(
            west=middle_longitude - width / scale / narrowing / 2,
            north=middle + height / scale / 2,
            narrowing=narrowing,
            scale=scale,
            width=width,
            height=height,
        )

    def place(self, latitude: float, longitude: float) -> tuple[float, float] | None:
        """Where a place is in the picture, from its upper left corner; None outside of it."""
        x, y = self.at(latitude, longitude)
        return (x, y) if 0 <= x <= self.width and 0 <= y <= self.height else None

    def at(self, latitude: float, longitude: float) -> tuple[float, float]:
        """The same for any place, wherever it lies."""
        return (
            (longitude - self.west) * self.narrowing * self.scale,
            (self.north - latitude) * self.scale,
        )

    @property
    def metres_per_unit(self) -> float:
        """Metres that a picture unit stands for, for a scale bar."""
        return METRES_PER_DEGREE / self.scale

    @property
    def bar(self) -> tuple[float, int]:
        """A scale bar of at most a quarter of the width: its length in picture units, and in metres."""
        longest = self.width / 4 * self.metres_per_unit
        step = 10 ** math.floor(math.log10(longest))
        metres = max(factor * step for factor in (1, 2, 5) if factor * step <= longest)
        return metres / self.metres_per_unit, int(metres)


@dataclass(frozen=True)
class Outline:
    """An area in a picture.

    Attributes:
        rings: closed lines in picture units from the upper left corner; the first point is not repeated.
        middle: a point inside its largest part, for its name.
    """

    rings: tuple[Ring, ...]
    middle: tuple[float, float]


@dataclass(frozen=True)
class Sketch:
    """A small map, ready to be drawn: all lengths in picture units, from the upper left corner.

    Attributes:
        frame: how it was projected; `frame.bar` is its scale bar.
        outlines: an outline for each shape given; None where none was known.
        points: a point for each place given; None for one outside the picture.
    """

    frame: Frame
    outlines: tuple[Outline | None, ...]
    points: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class _Simplified:
    """A shape as it is kept: rings of (longitude, latitude), and a point inside."""

    rings: tuple[Ring, ...]
    middle: tuple[float, float]


_kept: "OrderedDict[tuple[bytes, int | None], _Simplified | None]" = OrderedDict()


def sketch(
    area_shapes: Sequence[str | None],
    points: Sequence[tuple[float, float]],
    width: float,
    height: float,
) -> Sketch | None:
    """Draw areas and places into a picture of a given size.

    The picture is fitted to the areas; without a known shape, to the places.

    Args:
        area_shapes: GeoJSON geometries in WGS 84, as `Jurisdiction.shape` holds them; None for unknown ones.
        points: (latitude, longitude), degrees, WGS 84.
        width: of the picture, in its units.
        height: of the picture, in its units.

    Returns:
        The sketch; None when there is neither a shape nor a place.
    """
    known = [(digest_of(shape), shape) for shape in area_shapes if shape]
    frame = frame_of([bounds_of(*each) for each in known], points, width, height)
    if frame is None:
        return None
    return Sketch(
        frame,
        tuple(outline(frame, digest_of(shape), shape) if shape else None for shape in area_shapes),
        tuple(frame.place(*point) for point in points),
    )


def frame_of(
    bounds: Iterable[tuple[float, float, float, float] | None],
    points: Iterable[tuple[float, float]],
    width: float,
    height: float,
) -> Frame | None:
    """A frame around areas, or around places where no area has a shape; None without either."""
    boxes = [each for each in bounds if each is not None]
    boxes = boxes or [(longitude, latitude, longitude, latitude) for latitude, longitude in points]
    if not boxes:
        return None
    wests, souths, easts, norths = zip(*boxes, strict=True)
    return Frame.around((min(wests), min(souths), max(easts), max(norths)), width, height)


def digest_of(shape: str) -> bytes:
    """What a shape is kept under: it changes when an import changes the shape."""
    return hashlib.sha256(shape.encode()).digest()


def bounds_of(digest: bytes, shape: str) -> tuple[float, float, float, float] | None:
    """West, south, east and north of a shape; None for an empty one."""
    coarse = _simplified(digest, shape, None)
    if coarse is None:
        return None
    longitudes, latitudes = zip(*(point for ring in coarse.rings for point in ring), strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def outline(frame: Frame, digest: bytes, shape: str) -> Outline | None:
    """An area's outline in a frame, no finer than the picture shows; None for an empty shape.

    Args:
        frame: the picture's.
        digest: `digest_of(shape)`.
        shape: GeoJSON geometry in WGS 84.
    """
    # Halving steps of fineness: maps of one size share what was simplified.
    found = _simplified(digest, shape, math.floor(math.log2(FINEST / frame.scale)))
    if found is None:
        return None
    rings = [_projected(frame, ring) for ring in found.rings]
    drawn = [ring for ring in rings if abs(_area(ring)) >= SMALLEST_RING] or rings[:1]
    return Outline(tuple(drawn), frame.at(found.middle[1], found.middle[0]))


def _projected(frame: Frame, ring: Ring) -> Ring:
    """A ring in picture units, to a tenth; neighbours that fall on one point are one."""
    points: list[tuple[float, float]] = []
    for longitude, latitude in ring:
        x, y = frame.at(latitude, longitude)
        point = (round(x, 1), round(y, 1))
        if not points or points[-1] != point:
            points.append(point)
    return tuple(points)


def _area(ring: Ring) -> float:
    turned = (*ring[1:], ring[0])
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(ring, turned, strict=True)) / 2


def _simplified(digest: bytes, shape: str, fineness: int | None) -> _Simplified | None:
    """A shape with no more points than needed, largest part first; kept for the next picture.

    Args:
        digest: what it is kept under.
        shape: GeoJSON geometry.
        fineness: power of two, in degrees, by which a line may lie beside the true one; None for what
            bounds need, about 100 m.
    """
    key = (digest, fineness)
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    found = _simplify(shape, 0.001 if fineness is None else 2.0**fineness)
    _kept[key] = found
    while len(_kept) > KEPT_SHAPES:
        _kept.popitem(last=False)
    return found


def _simplify(text: str, tolerance: float) -> _Simplified | None:
    # Loaded with the first map only: the web process starts without numpy, which shapely brings.
    from shapely.geometry import shape  # noqa: PLC0415

    geometry = shape(json.loads(text)).simplify(tolerance)
    parts = [part for part in getattr(geometry, "geoms", [geometry]) if part.geom_type == "Polygon"]
    parts = sorted((part for part in parts if not part.is_empty), key=lambda part: -part.area)
    if not parts:
        return None
    inside = parts[0].representative_point()
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return _Simplified(
        tuple(tuple((float(x), float(y)) for x, y, *_ in ring.coords[:-1]) for ring in rings),
        (float(inside.x), float(inside.y)),
    )
