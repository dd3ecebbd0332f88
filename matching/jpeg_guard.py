"""A walk over a JPEG's markers: finds files made to keep a decoder busy before any decoder opens them."""

import re
from typing import Final

from matching.formats import UnreadablePhoto, UnreadableReason

MOST_SCANS: Final = 100
"""Scans a JPEG may have. Cameras write 1, progressive encoders about 10; with 5,000 a 25-megapixel file keeps
libjpeg busy for 54 s (measured with libjpeg-turbo through Pillow)."""

LONGEST_PADDING: Final = 1024
"""Bytes of junk or 0xFF fill between two markers. 20 MB of fill keep Pillow's parser busy for 41 to 59 s."""

LATEST_FRAME_HEADER: Final = 1024 * 1024
"""Offset in bytes at which the start of frame must have come; metadata before it is at most some 100 kB."""

_STANDALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a length: TEM, RST0 to RST7, SOI."""
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)


def check_jpeg_structure(data: bytes) -> None:
    """Refuse a JPEG whose markers are laid out to take very long.

    A file that simply ends early passes: the decoder will say that it is damaged.

    Args:
        data: the whole file, beginning with the start-of-image marker.

    Raises:
        UnreadablePhoto: suspicious_structure, for too many scans, too much padding or a late frame header.

    Source:
        Markers: ITU-T T.81, annex B.
    """
    at, scans, framed = 2, 0, False
    while (marker := _next_marker(data, at)) is not None:
        code, at = marker
        if code == _END_OF_IMAGE:
            return
        if code in _STANDALONE:
            continue
        framed = framed or code in _FRAME_HEADERS
        if not framed and at > LATEST_FRAME_HEADER:
            raise UnreadablePhoto(UnreadableReason.SUSPICIOUS_STRUCTURE)
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        if code == _START_OF_SCAN:
            scans += 1
            if scans > MOST_SCANS or not framed:
                raise UnreadablePhoto(UnreadableReason.SUSPICIOUS_STRUCTURE)
            found = _MARKER_IN_SCAN.search(data, at)
            at = found.start() if found else len(data)


def _next_marker(data: bytes, at: int) -> tuple[int, int] | None:
    """Find the next marker: its code and the offset after it; None at the end of the data."""
    found = _MARKER.search(data, at, at + LONGEST_PADDING + 2)
    if found is not None:
        return data[found.start() + 1], found.end()
    if len(data) - at > LONGEST_PADDING:
        raise UnreadablePhoto(UnreadableReason.SUSPICIOUS_STRUCTURE)
    return None
