"""What a photo's own metadata claims about time, place and orientation: read with distrust, range-checked."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from PIL import Image

_ORIENTATION, _EXIF, _GPS = 0x0112, 0x8769, 0x8825
_TAKEN_AT = ((0x9003, 0x9011), (0x9004, 0x9012))
"""(time, its offset) of the original and of the digitised picture (CIPA DC-008)."""
_EARLIEST_YEAR: Final = 1990
"""No digital camera wrote EXIF before; the format is of 1995."""
_LATEST_YEAR: Final = 2100
_OFFSET: Final = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
_TRANSPOSITIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PLACE_DECIMALS: Final = 6
"""Decimals of a degree that are kept: about 0.1 m."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the metadata says, as far as it is possible at all."""

    taken_at: str | None = None
    """ISO 8601; with an offset only if the camera wrote one."""
    latitude: float | None = None
    """Degrees, WGS 84, -90 to 90."""
    longitude: float | None = None
    """Degrees, WGS 84, -180 to 180."""
    transposition: Image.Transpose | None = None
    """How the picture must be turned to stand upright; None if it already does."""


def read_claims(image: Image.Image) -> Claims:
    """Read the few metadata fields that are used; everything else is dropped with the original.

    Args:
        image: an opened picture, not necessarily decoded.

    Returns:
        The claims; impossible values are None, never an error.
    """
    try:
        exif = image.getexif()
        upright = _TRANSPOSITIONS.get(_as_int(exif.get(_ORIENTATION)))
        details, gps = exif.get_ifd(_EXIF), exif.get_ifd(_GPS)
    except Exception:  # noqa: BLE001 - metadata parsers raise anything; a photo is worth more than its metadata.
        return Claims()
    latitude = _degrees(gps, 1, 90.0, {"N": 1, "S": -1})
    longitude = _degrees(gps, 3, 180.0, {"E": 1, "W": -1})
    # Cameras without a fix write zeros, and half a place is none.
    if latitude is None or longitude is None or latitude == longitude == 0:
        latitude = longitude = None
    return Claims(_taken_at(details), latitude, longitude, upright)


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _taken_at(details: Mapping[int, Any]) -> str | None:
    """The first credible time of taking, as ISO 8601."""
    for time_tag, offset_tag in _TAKEN_AT:
        text, offset = details.get(time_tag), details.get(offset_tag)
        if not isinstance(text, str):
            continue
        try:
            moment = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF has no zone.
        except ValueError:
            continue
        if _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
            zone = offset if isinstance(offset, str) and _OFFSET.fullmatch(offset) else ""
            return moment.isoformat() + zone
    return None


def _degrees(
    gps: Mapping[int, Any], reference_tag: int, limit: float, signs: Mapping[str, int]
) -> float | None:
    """Degrees from (degrees, minutes, seconds) and a letter; None if anything about them is impossible."""
    reference, parts = gps.get(reference_tag), gps.get(reference_tag + 1)
    sign = signs.get(reference.strip("\0 ").upper()) if isinstance(reference, str) else None
    try:
        degrees, minutes, seconds = (float(part) for part in parts or ())
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if sign is None or not all(map(math.isfinite, (degrees, minutes, seconds))):
        return None
    if degrees < 0 or not 0 <= minutes < 60 or not 0 <= seconds < 60:  # noqa: PLR2004 - sixty to the hour.
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return round(sign * value, _PLACE_DECIMALS) if value <= limit else None
