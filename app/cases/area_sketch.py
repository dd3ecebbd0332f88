"""A small map for paper: an area's outline and the places of a case, drawn from what the database holds."""

import math
from collections.abc import Sequence
from typing import Any

from app.cases.paper import WIDTH, font
from app.jurisdictions import shapes

HEIGHT = 230.0
"""Points."""
ONE_DOT = 11.0
"""Points; places nearer than this share a dot, so that their letters can be read."""
MOST_LETTERS = 6
"""Letters beside one dot; the table of places has them all."""


def letter(number: int) -> str:
    """What a place is called: A to Z, then AA and on."""
    high, low = divmod(number, 26)
    return (letter(high - 1) if high else "") + chr(ord("A") + low)


def drawing(shape: str | None, places: Sequence[tuple[str, float, float]]) -> tuple[Any, list[str]] | None:
    """Draw an area and places.

    Args:
        shape: GeoJSON geometry of the area, WGS 84; None for an area known by name only.
        places: letter, latitude and longitude in degrees of each.

    Returns:
        A drawing for paper, and the letters of places outside of it; None without a shape and a place.
    """
    from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String  # noqa: PLC0415
    from reportlab.lib import colors  # noqa: PLC0415

    made = shapes.sketch([shape], [place[1:] for place in places], WIDTH, HEIGHT)
    if made is None:
        return None
    sheet = Drawing(WIDTH, HEIGHT)
    for outline in made.outlines:
        for ring in outline.rings if outline else ():
            flat = [part for x, y in (*ring, ring[0]) for part in (x, HEIGHT - y)]
            sheet.add(PolyLine(flat, strokeColor=colors.dimgrey, strokeWidth=0.8))
    named = [(place[0], point) for place, point in zip(places, made.points, strict=True)]
    for letters, x, y in _dots([(name, point) for name, point in named if point]):
        sheet.add(Circle(x, HEIGHT - y, 3.2, fillColor=colors.black))
        words = " ".join(letters[:MOST_LETTERS]) + (" …" if len(letters) > MOST_LETTERS else "")
        right = x < WIDTH - 70  # Letters at the right edge stand left of their dot.
        sheet.add(
            String(
                x + (6 if right else -6),
                HEIGHT - y - 3.5,
                words,
                fontName=font(),
                fontSize=10,
                textAnchor="start" if right else "end",
            )
        )
    length, metres = made.frame.bar
    sheet.add(Line(0, 3, length, 3, strokeWidth=1.5))
    told = f"{metres // 1000} km" if metres >= 1000 else f"{metres} m"  # noqa: PLR2004
    sheet.add(String(length + 5, 1, told, fontName=font(), fontSize=8))
    sheet.add(Line(WIDTH - 10, HEIGHT - 30, WIDTH - 10, HEIGHT - 12, strokeWidth=1))
    sheet.add(
        PolyLine([WIDTH - 13, HEIGHT - 17, WIDTH - 10, HEIGHT - 12, WIDTH - 7, HEIGHT - 17], strokeWidth=1)
    )
    sheet.add(String(WIDTH - 10, HEIGHT - 9, "N", fontName=font(), fontSize=8, textAnchor="middle"))
    return sheet, [name for name, point in named if point is None]


def _dots(places: Sequence[tuple[str, tuple[float, float]]]) -> list[tuple[list[str], float, float]]:
    dots: list[tuple[list[str], float, float]] = []
    for name, (x, y) in places:
        near = next((dot for dot in dots if math.dist(dot[1:], (x, y)) < ONE_DOT), None)
        if near:
            near[0].append(name)
        else:
            dots.append(([name], x, y))
    return dots
