"""How much a face can carry, in numbers and in named reasons."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matching.alignment import Points
from matching.occlusion import half_covered
from matching.photo import Pixels
from matching.rendition import Box

LEAST_EYE_DISTANCE: Final = 12.0
"""Pixels between the eyes below which a face carries almost nothing and is not searched.

Source:
    FG-NET, ages 4 to 16, shrunk and compressed (JPEG 80), true accept rate at a false match rate of 1 %: dlib
    51 % at 40 pixels, 48 at 24, 38 at 16, 27 at 12, 10 at 8; MobileFaceNet 59, 56, 50, 38, 13.
"""

GOOD_EYE_DISTANCE: Final = 20.0
"""Pixels between the eyes below which a reviewer is warned; source as for `LEAST_EYE_DISTANCE`."""

LEAST_SHARPNESS: Final = 20.0
"""Variance of the Laplacian of the grey face at 96 pixels, below which it is called blurred.

Source:
    Synthetic set: 47 to 388 as they are; at most 7 after a Gaussian blur of 2 % of the box's width, which
    moves a template of dlib by a distance of 0.31, as far as another face of the same person.
"""

DARKEST, BRIGHTEST = 40.0, 225.0
"""Mean grey level, 0 to 255, beyond which hardly any contrast is left in a face."""

LEAST_SCORE: Final = 0.9
"""Score of MTCNN below which a face is called covered or unclear.

Source:
    Synthetic: 1 % of plain faces, and of those still found with a half covered 18 to 36 %. `half_covered`
    tells of others; together 4 % of plain faces, 65 to 84 % with a half covered, 29 % with covered eyes.
"""

MOST_YAW: Final = 0.35
"""Offset of the nose from the middle of the eyes, in eye distances: about 30 degrees of yaw."""

PITCH_RANGE: Final = (0.3, 0.8)
"""Place of the nose between the eyes (0) and the mouth (1); 0.6 looks straight ahead, beyond these it looks
up or down by about 30 degrees."""

MOST_ROLL: Final = 35.0
"""Degrees between the line of the eyes and the picture's: turned back before encoding, rarely well lit."""

_SHARPNESS_SIDE: Final = 96


class QualityReason(StrEnum):
    """Why a face carries less than a good one."""

    TOO_SMALL = "too_small"  # So few pixels between the eyes that it is not searched.
    SMALL = "small"  # Few pixels between the eyes: the right record may well be missed.
    BLURRED = "blurred"  # Out of focus or moved.
    DARK = "dark"  # Hardly any light on the face.
    OVEREXPOSED = "overexposed"  # Hardly any contrast left in the light.
    TURNED = "turned"  # Turned aside so far that one half of the face is missing.
    LOOKING_AWAY = "looking_away"  # Looks up or down so far that chin or brow is missing.
    TILTED = "tilted"  # The head lies on its side in the picture.
    UNCLEAR = "unclear"  # Partly covered, or hardly to be told from the background.
    AT_THE_EDGE = "at_the_edge"  # Touches the border of the picture and may be cut off.


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What can be said of a face without knowing whose it is."""

    size: int
    """Height of the box in pixels of the picture that was encoded."""
    eye_distance: float
    """Pixels of that picture between the middles of the eyes."""
    sharpness: float
    """Variance of the Laplacian of the grey face at 96 pixels; >= 0."""
    reasons: tuple[QualityReason, ...] = ()
    """What lowers the face's worth; empty for a good one."""

    @property
    def searchable(self) -> bool:
        """Whether a search with this face is worth anybody's time."""
        return QualityReason.TOO_SMALL not in self.reasons


def judge(pixels: Pixels, box: Box, points: Points, score: float) -> FaceQuality:
    """Judge a face by its size, focus, light, pose and how sure the detector is.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        box: the face, inside the picture.
        points: (5, 2): eyes, nose, corners of the mouth (NaN where unknown).
        score: the detector's, 0 to 1.

    Returns:
        The numbers and every reason that applies.
    """
    eyes, nose = points[:2].astype(np.float64), points[2].astype(np.float64)
    between = eyes[1] - eyes[0]
    distance = float(np.hypot(*between))
    region = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    grey = Image.fromarray(np.ascontiguousarray(region)).convert("L")
    levels = np.asarray(
        grey.resize((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BILINEAR), dtype=np.float64
    )
    sharpness, light = _laplacian_variance(levels), float(levels.mean())
    # The nose, projected on the line between the eyes, lies in their middle when a face looks ahead.
    along = between / max(distance, 1.0)
    turn = abs(float((nose - eyes.mean(0)) @ along)) / max(distance, 1.0)
    at_edge = (
        min(box.left, box.top) == 0
        or box.left + box.width == pixels.shape[1]
        or box.top + box.height == pixels.shape[0]
    )
    found = {
        QualityReason.TOO_SMALL: distance < LEAST_EYE_DISTANCE,
        QualityReason.SMALL: LEAST_EYE_DISTANCE <= distance < GOOD_EYE_DISTANCE,
        QualityReason.BLURRED: sharpness < LEAST_SHARPNESS,
        QualityReason.DARK: light < DARKEST,
        QualityReason.OVEREXPOSED: light > BRIGHTEST,
        QualityReason.TURNED: turn > MOST_YAW,
        QualityReason.LOOKING_AWAY: _looks_away(points, along),
        QualityReason.TILTED: abs(math.degrees(math.atan2(between[1], between[0]))) > MOST_ROLL,
        QualityReason.UNCLEAR: bool(np.isfinite(points).all())
        and (score < LEAST_SCORE or (distance >= LEAST_EYE_DISTANCE and half_covered(pixels, points))),
        QualityReason.AT_THE_EDGE: at_edge,
    }
    reasons = tuple(reason for reason, applies in found.items() if applies)
    return FaceQuality(box.height, round(distance, 2), round(sharpness, 2), reasons)


def _looks_away(points: Points, along: NDArray[np.float64]) -> bool:
    """Whether the nose lies too near the eyes or the mouth; unknown mouths never do."""
    down = np.array([-along[1], along[0]])
    eyes, nose, mouth = points[:2].mean(0) @ down, points[2] @ down, points[3:].mean(0) @ down
    if not np.isfinite(mouth) or mouth - eyes < 1:
        return False
    least, most = PITCH_RANGE
    return not least <= (nose - eyes) / (mouth - eyes) <= most


def _laplacian_variance(levels: NDArray[np.float64]) -> float:
    """How much fine structure there is (Pech-Pacheco et al. 2000)."""
    middle = levels[1:-1, 1:-1]
    laplacian = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:] - 4 * middle
    return float(laplacian.var())
