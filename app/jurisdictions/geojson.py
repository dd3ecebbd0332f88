"""Areas as others' programs read them: a list, and shapes as GeoJSON. Nothing in them is secret.

Shapes are given as they are stored: WGS 84, outer rings counter-clockwise (RFC 7946), six decimals.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy
from sqlmodel import Session, col, select

from app.core.errors import NotFound
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.shapes import METRES_PER_DEGREE, digest_of

STEPS: Final = tuple(factor * 10**power for power in range(1, 5) for factor in (1, 2, 5))
"""Metres by which a line may lie beside the true one: what is asked for is brought down to one of these."""
COARSEST: Final = STEPS[-1]
DECIMALS: Final = 6
MOST_BYTES: Final = 64 * 2**20
"""Bytes of drawn shapes kept in memory."""

_kept: "OrderedDict[tuple[bytes, int], Any]" = OrderedDict()
_sizes: dict[tuple[bytes, int], int] = {}
_drawing = threading.Lock()


def areas(session: Session) -> list[dict[str, Any]]:
    """All areas without their shapes, from the nation down."""
    rows = session.execute(
        sqlalchemy.select(
            col(Jurisdiction.code),
            col(Jurisdiction.name),
            col(Jurisdiction.name_en),
            col(Jurisdiction.level),
            col(Jurisdiction.parent_code),
            col(Jurisdiction.authority).is_not(None),
            col(Jurisdiction.shape).is_not(None),
        ).order_by(Jurisdiction.path)
    )
    names = ("code", "name", "name_en", "level", "parent", "has_authority", "has_shape")
    return [dict(zip(names, row, strict=True)) for row in rows]


def feature(session: Session, code: str, metres: int = 0) -> dict[str, Any]:
    """One area with its shape; the geometry is null where none is known.

    Args:
        session: any session.
        code: the area's.
        metres: by which a line may lie beside the true one; 0 leaves it as it is.

    Raises:
        NotFound: no such area.
    """
    area = session.get(Jurisdiction, code)
    if area is None:
        raise NotFound
    return _feature(area, metres)


def children(session: Session, code: str, metres: int = 0) -> dict[str, Any]:
    """The areas right below one, with their shapes.

    Raises:
        NotFound: no such area.
    """
    if session.get(Jurisdiction, code) is None:
        raise NotFound
    below = session.exec(
        select(Jurisdiction).where(Jurisdiction.parent_code == code).order_by(Jurisdiction.code)
    )
    return {"type": "FeatureCollection", "features": [_feature(area, metres) for area in below]}


def _feature(area: Jurisdiction, metres: int) -> dict[str, Any]:
    geometry, bounds = _geometry(area.shape, metres) if area.shape else (None, None)
    made: dict[str, Any] = {
        "type": "Feature",
        "id": area.code,
        "properties": {
            "code": area.code,
            "name": area.name,
            "name_en": area.name_en,
            "level": area.level.value,
            "parent": area.parent_code,
            "has_authority": area.authority is not None,
        },
        "geometry": geometry,
    }
    return made | ({"bbox": bounds} if bounds else {})


def _geometry(shape: str, metres: int) -> tuple[dict[str, Any], list[float]]:
    """A stored shape as it is given, kept for the next who asks."""
    step = max((each for each in STEPS if each <= metres), default=0)
    key = (digest_of(shape), step)
    with _drawing:  # One at a time: strangers ask, and a province takes much memory to read.
        if key not in _kept:
            _kept[key] = _drawn(shape, step)
            _sizes[key] = len(shape)
        _kept.move_to_end(key)
        found: tuple[dict[str, Any], list[float]] = _kept[key]
        while sum(_sizes.values()) > MOST_BYTES and len(_kept) > 1:
            oldest, _ = _kept.popitem(last=False)
            del _sizes[oldest]
    return found


def _drawn(text: str, step: int) -> tuple[dict[str, Any], list[float]]:
    # Loaded with the first shape only: the web process starts without numpy, which shapely brings.
    import shapely  # noqa: PLC0415
    from shapely.geometry import mapping, shape  # noqa: PLC0415

    known = shapely.force_2d(shape(json.loads(text)))
    if step:
        known = known.simplify(step / METRES_PER_DEGREE, preserve_topology=True)
    turned = shapely.orient_polygons(shapely.transform(known, lambda points: points.round(DECIMALS)))
    return _plain(mapping(turned)), [float(each) for each in turned.bounds]


def _plain(geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": geometry["type"], "coordinates": _listed(geometry["coordinates"])}


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, Sequence) else float(value)
