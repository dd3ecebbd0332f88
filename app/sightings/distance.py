"""How far apart two places are."""

import math
from typing import Final

EARTH_M: Final = 6_371_000.0
"""Mean radius of the earth."""


def metres_between(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance of two places, degrees in WGS 84, by the haversine formula."""
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    half = math.sin((other_north - north) / 2) ** 2
    half += math.cos(north) * math.cos(other_north) * math.sin(across / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def box_around(latitude: float, longitude: float, metres: float) -> tuple[float, float, float, float]:
    """Degrees between which everything within a distance lies: south, north, west, east.

    Near a pole or the date line the box is wider than it had to be, never narrower.
    """
    reach = math.degrees(metres / EARTH_M)
    south, north = latitude - reach, latitude + reach
    narrowest = math.cos(math.radians(min(89.0, max(abs(south), abs(north)))))
    across = reach / narrowest
    if longitude - across < -180 or longitude + across > 180:  # noqa: PLR2004 - the date line.
        return south, north, -180.0, 180.0
    return south, north, longitude - across, longitude + across
