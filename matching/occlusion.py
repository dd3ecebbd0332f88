"""Whether one half of a face shows nothing, asked of the network that confirms faces.

The detector's score does not tell: of synthetic faces with one half covered, half of those that are still
found score 0.98 and more, as plain ones do. But a half that is hidden can be painted over without the network
minding, and then everything hangs on the other half.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.alignment import ARCFACE_POINTS, Points, face_chip
from matching.photo import Pixels
from matching.weights import MTCNN, available, network

SIDE: Final = 48
"""Pixels of the square that the network looks at."""

MOST_UNEVEN_SIDES: Final = 6.3
"""Log odds of a face without its left half, less those without its right half, whichever is larger.

Source:
    Synthetic, 191 plain faces: median 1.7, 5 % above 4.9, 1 % above 6.5. Coverings painted over a half, flat
    and patterned, 809 of which the detector still found: the limits here tell 69 and 61 % of those right and
    left, 49 % above, 47 % below, 5 to 10 % of covered eyes and chins, and 3 % of plain faces.
"""

LOWER_MINUS_UPPER: Final = (-6.0, 10.2)
"""Log odds without the lower half, less those without the upper half; source as above, plain median 4.0."""

_TEMPLATE: Final[Points] = ARCFACE_POINTS * np.float32(SIDE / 112)
_FACE: Final = slice(9, 43), slice(9, 39)
"""Rows and columns of the square that lie on any face."""
_MIDDLE, _WAIST = 24, 27
"""Column between the eyes, and row of the nose's bridge below which nose, mouth and chin lie."""
_LEAST_SHARE: Final = 1e-6


def half_covered(pixels: Pixels, points: Points) -> bool:
    """Whether the left, right, upper or lower half of a face seems covered.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        points: (5, 2), all known.

    Returns:
        False also where the network was not converted.

    Raises:
        ValueError: the points lie in one place.
    """
    if not available(MTCNN[2]):
        return False
    sides, down = unevenness(pixels, points)
    least, most = LOWER_MINUS_UPPER
    return sides > MOST_UNEVEN_SIDES or not least <= down <= most


def unevenness(pixels: Pixels, points: Points) -> tuple[float, float]:
    """How unequally the halves of a face speak for it.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        points: (5, 2), all known.

    Returns:
        Left against right, >= 0; then lower against upper, positive where the upper half speaks more. Both in
        natural log odds.
    """
    chip = face_chip(pixels, points, _TEMPLATE, SIDE)
    painted = np.repeat(chip[None], 4, axis=0)
    colour = chip[_FACE].reshape(-1, 3).mean(0).astype(np.uint8)
    for picture, half in zip(painted, _HALVES, strict=True):
        picture[half] = colour
    levels = (painted.transpose(0, 3, 1, 2).astype(np.float32) - np.float32(127.5)) * np.float32(1 / 128)
    shares: NDArray[np.float64] = network(MTCNN[2]).run(levels)[0][:, 1].astype(np.float64)
    shares = np.clip(shares, _LEAST_SHARE, 1 - _LEAST_SHARE)
    without_left, without_right, without_upper, without_lower = np.log(shares / (1 - shares)).tolist()
    return abs(without_left - without_right), without_lower - without_upper


_HALVES: Final = (
    np.s_[:, :_MIDDLE],
    np.s_[:, _MIDDLE:],
    np.s_[:_WAIST],
    np.s_[_WAIST:],
)
