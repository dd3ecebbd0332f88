"""Areas as small drawings, for people who point at a place on a map of shapes. Nothing in them is secret."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from sqlmodel import Session, col, select

from app.core.errors import NotFound
from app.jurisdictions import shapes
from app.jurisdictions.models import Jurisdiction

WIDTH, HEIGHT = 600, 450
"""Picture units of a drawing."""

TOP = "top"
"""Stands for the area that no other holds."""

FRESH_S = 24 * 3600
"""Seconds for which a drawing is kept, here and in browsers: shapes change with an import, once in years."""

KEPT = 400
"""Drawings kept in memory: tens of kilobytes each."""

_kept: "OrderedDict[tuple[str, str], tuple[float, bytes]]" = OrderedDict()
_drawing = threading.Lock()


def of_area(session: Session, deployment: str, code: str) -> bytes:
    """An area and the areas right below it; a smallest area is drawn alone.

    Args:
        session: any session.
        deployment: what tells this database from another one in the same process.
        code: the area's, or "top".

    Returns:
        JSON: names, the frame by which a point of the picture is brought back to degrees, and for each area
        its SVG path and whether it can be looked into.

    Raises:
        NotFound: no such area, or no shape is known in it.
    """
    key = (deployment, code)
    with _drawing:  # One at a time: a nation's shapes take a second and much memory to read.
        made, body = _kept.get(key, (0.0, b""))
        if not body or time.monotonic() - made > FRESH_S:
            body = _drawn(session, code)
            _kept[key] = (time.monotonic(), body)
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return body


def _drawn(session: Session, code: str) -> bytes:
    wanted = col(Jurisdiction.parent_code).is_(None) if code == TOP else Jurisdiction.code == code
    area = session.exec(select(Jurisdiction).where(wanted)).first()
    if area is None:
        raise NotFound
    below = session.exec(
        select(Jurisdiction).where(Jurisdiction.parent_code == area.code).order_by(Jurisdiction.code)
    )
    shown = [each for each in below if each.shape] or ([area] if area.shape else [])
    sketch = shapes.sketch([each.shape for each in shown], [], WIDTH, HEIGHT)
    if sketch is None:
        raise NotFound
    frame = sketch.frame
    body = {
        "code": area.code,
        "name": area.name,
        "name_en": area.name_en,
        "above": area.parent_code,
        "frame": {
            "width": WIDTH,
            "height": HEIGHT,
            "west": frame.west,
            "north": frame.north,
            "narrowing": frame.narrowing,
            "scale": frame.scale,
            "metres": frame.metres_per_unit,
        },
        "areas": [
            {
                "code": each.code,
                "name": each.name,
                "name_en": each.name_en,
                "opens": each.code != area.code,
                "path": _path(outline.rings),
            }
            for each, outline in zip(shown, sketch.outlines, strict=True)
            if outline is not None
        ],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _path(rings: Sequence[shapes.Ring]) -> str:
    """Rings as SVG path data."""
    return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in ring) + "Z" for ring in rings)
