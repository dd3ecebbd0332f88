"""A small sketch of an area with the places of a case, for paper."""

import json
import math
from collections.abc import Sequence

from app.cases.paper import SKETCH_SIDE

SIMPLIFIED_TO = 1 / 400
"""Share of the sketch's width below which a bend of the outline is left out."""
EDGE = 14.0
"""Points kept free around the outline, for letters."""

Line = list[tuple[float, float]]


def sketch(
    geometry: str, places: Sequence[tuple[float, float]]
) -> tuple[list[Line], list[tuple[float, float]]]:
    """Project an outline and places onto the sketch.

    Args:
        geometry: GeoJSON geometry of the area, WGS 84.
        places: (latitude, longitude) in degrees; places outside the area widen the sketch.

    Returns:
        Outlines and places, in points from the lower left corner.
    """
    from shapely import Polygon, transform  # noqa: PLC0415 - it loads arrays, which the web process starts without
    from shapely.geometry import shape  # noqa: PLC0415

    outline = shape(json.loads(geometry))
    # A degree of longitude is shorter than one of latitude.
    narrow = math.cos(math.radians((outline.bounds[1] + outline.bounds[3]) / 2))
    area = transform(outline, lambda degrees: degrees * (narrow, 1.0))
    points = [(longitude * narrow, latitude) for latitude, longitude in places]
    xs = [area.bounds[0], area.bounds[2], *(x for x, _ in points)]
    ys = [area.bounds[1], area.bounds[3], *(y for _, y in points)]
    span = max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0
    scale = (SKETCH_SIDE - 2 * EDGE) / span

    def place(x: float, y: float) -> tuple[float, float]:
        return EDGE + (x - min(xs)) * scale, EDGE + (y - min(ys)) * scale

    simple = area.simplify(span * SIMPLIFIED_TO)
    polygons = [part for part in getattr(simple, "geoms", [simple]) if isinstance(part, Polygon)]
    outlines = [[place(x, y) for x, y in polygon.exterior.coords] for polygon in polygons]
    return outlines, [place(x, y) for x, y in points]
