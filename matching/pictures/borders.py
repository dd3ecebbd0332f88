"""Finding what was put around a picture: borders, caption bars, the frame of a screenshot."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matching.photo import Pixels

_LOOKED_AT_SIDE: Final = 512
"""Pixels of the longer side of the copy in which borders are looked for."""

_PLAIN: Final = 2
"""Grey levels within which a line's are counted as one: what is drawn stays even through JPEG, except beside
letters; what is photographed has grain."""

_PLAIN_SHARE: Final = 0.62
"""Share of a line that must have one grey for the line to be a frame's; letters and signs have the rest."""

_UNEVEN_LINES: Final = 0.07
"""Share of all lines that may in one go be too full of letters or signs before the frame counts as ended."""

_LEAST_LEFT: Final = 0.2
"""Share of width and of height that must remain; otherwise the picture itself is plain."""

_BINS: Final = 256


def unframed(pixels: Pixels) -> tuple[int, int, Pixels]:
    """Cut away plain borders and bars, with whatever is written in them.

    Args:
        pixels: (height, width, 3) uint8 sRGB.

    Returns:
        Left and top of the content in pixels, and a view of it; all of the picture if nothing is around it or
        hardly anything would be left.
    """
    height, width = pixels.shape[:2]
    factor = max(1.0, max(height, width) / _LOOKED_AT_SIDE)
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    # Single pixels are looked at, not their means, which have no grain left.
    grey = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST).convert("L"))
    top, bottom = _inside(grey)
    left, right = _inside(grey[top:bottom].T)
    # What stands beside the picture hides how plain the lines above and below are within the picture's width.
    again, last = _inside(grey[top:bottom, left:right])
    top, bottom = top + again, top + last
    if bottom - top < _LEAST_LEFT * grey.shape[0] or right - left < _LEAST_LEFT * grey.shape[1]:
        return 0, 0, pixels
    down, across = height / grey.shape[0], width / grey.shape[1]
    # JPEG and shrinking mix the line at the border with the frame's; the next one is the picture's own.
    first, start = _up(top, down), _up(left, across)
    end = _down(bottom, down, grey.shape[0], height)
    return start, first, pixels[first:end, start : _down(right, across, grey.shape[1], width)]


def _up(line: int, scale: float) -> int:
    return round((line + 1) * scale) if line else 0


def _down(line: int, scale: float, lines: int, length: int) -> int:
    return round((line - 1) * scale) if line < lines else length


def _inside(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """First line of the picture, and the first after it, between the bars at both ends."""
    lines, length = grey.shape
    numbered = grey + np.arange(lines)[:, None] * _BINS
    counts = np.bincount(numbered.ravel(), minlength=lines * _BINS).reshape(lines, _BINS)
    sums = np.concatenate([np.zeros((lines, 1), counts.dtype), counts.cumsum(axis=1)], axis=1)
    plain = (sums[:, _PLAIN + 1 :] - sums[:, : -_PLAIN - 1]).max(axis=1) >= _PLAIN_SHARE * length
    first, last = _bar(plain), lines - _bar(plain[::-1])
    return (first, last) if first < last else (0, lines)


def _bar(plain: NDArray[np.bool_]) -> int:
    """How many lines from the start on belong to bars."""
    end = 0
    for place in np.flatnonzero(plain):
        if place - end > _UNEVEN_LINES * len(plain):
            break
        end = int(place) + 1
    return end
