"""Finding faces, and saying honestly how much each one can carry."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matching.encoders import load_face_recognition
from matching.photo import Pixels
from matching.rendition import Box

WORKING_SIDE: Final = 1280
"""Pixels of the longer side of the copy in which faces are looked for."""

MOST_FACES: Final = 32
"""Faces kept of one photo, largest first: each costs 138 ms to encode, and a crowd is nobody's clue."""

LEAST_EYE_DISTANCE: Final = 12.0
"""Pixels between the eyes below which a face carries almost nothing and is not searched.

Source:
    FG-NET, ages 4 to 16, shrunk and compressed (JPEG 80), dlib: true accept rate at a false match rate of 1 %
    is 51 % at 40 pixels, 48 at 24, 38 at 16, 27 at 12, 10 at 8.
"""

GOOD_EYE_DISTANCE: Final = 20.0
"""Pixels between the eyes below which a reviewer is warned; source as for `LEAST_EYE_DISTANCE`."""

LEAST_SHARPNESS: Final = 20.0
"""Variance of the Laplacian of the grey face at 96 pixels, below which it is called blurred.

Source:
    Synthetic set: 47 to 388 as they are; at most 7 after a Gaussian blur of 2 % of the box's width, which
    moves a template by a distance of 0.31, as far as another face of the same person.
"""

DARKEST, BRIGHTEST = 40.0, 225.0
"""Mean grey level, 0 to 255, beyond which hardly any contrast is left in a face."""

_SHARPNESS_SIDE: Final = 96
_MOST_TURNED: Final = 0.35
"""Offset of the nose from the middle of the eyes, in eye distances: about 30 degrees of yaw."""
_SAME_FACE_OVERLAP: Final = 0.3


FAINT_FACE_SCORE: Final = -0.2
"""Detector score that still counts where a photo shows no better face: on the synthetic set 1 more tip and 3
more portraits are found, and nothing that is no face; real streets will have some."""

POSSIBLE_FACE_SCORE: Final = -0.4
"""Detector score down to which a rectangle is hidden in redacted scenes, just in case."""


class QualityReason(StrEnum):
    """Why a face carries less than a good one."""

    TOO_SMALL = "too_small"  # So few pixels between the eyes that it is not searched.
    SMALL = "small"  # Few pixels between the eyes: the right record may well be missed.
    BLURRED = "blurred"  # Out of focus or moved.
    DARK = "dark"  # Hardly any light on the face.
    OVEREXPOSED = "overexposed"  # Hardly any contrast left in the light.
    TURNED = "turned"  # Turned aside so far that one half of the face is missing.
    AT_THE_EDGE = "at_the_edge"  # Touches the border of the picture and may be cut off.


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What can be said of a face without knowing whose it is."""

    size: int
    """Height of the box in pixels of the scene."""
    eye_distance: float
    """Pixels of the scene between the middles of the eyes."""
    sharpness: float
    """Variance of the Laplacian of the grey face at 96 pixels; >= 0."""
    reasons: tuple[QualityReason, ...] = ()
    """What lowers the face's worth; empty for a good one."""

    @property
    def searchable(self) -> bool:
        """Whether a search with this face is worth anybody's time."""
        return QualityReason.TOO_SMALL not in self.reasons


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face observed in a picture; lengths and places are pixels of that picture."""

    box: Box
    eyes: tuple[tuple[float, float], tuple[float, float]]
    """(x, y) of the eye further left in the picture, then of the other."""
    nose: tuple[float, float]
    quality: FaceQuality


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """What a look at a picture brought up."""

    faces: tuple[FoundFace, ...]
    """Largest first, at most `MOST_FACES`."""
    to_hide: tuple[Box, ...]
    """Every face, and what is only perhaps one: hidden in redacted scenes, where too much is right."""


def find_faces(pixels: Pixels) -> FoundFaces:
    """Find faces with dlib's HOG detector, as `face_recognition` does.

    - Looked for in a copy of at most `WORKING_SIDE` pixels, as it is and at twice the size: the first look
      finds large faces that the second misses, the second finds small ones.
    - Every rectangle that scores at least 0, dlib's own limit, is a face.
    - Only if there is none, those down to `FAINT_FACE_SCORE` are.

    Args:
        pixels: (height, width, 3) uint8 sRGB, upright. Faces turned by 90 degrees are not found.

    Returns:
        Faces with boxes inside the picture.

    Source:
        Heights of faces found, 24 of each: without enlarging 17 % at 64 pixels and 92 % at 80; enlarged
        once 96 % at 48. Synthetic set, 1024-pixel scenes: as it is 112 of 120 tips for 83 ms of processor
        time, enlarged once 108 for 337 ms, both looks with faint faces 113 (and 40 of 42 bystanders, and 89
        of 93 portraits, 86 without faint ones) for 420 ms, and nothing that is no face.
    """
    height, width = pixels.shape[:2]
    factor = min(1.0, WORKING_SIDE / max(height, width))
    copy = pixels
    if factor < 1:
        size = (round(width * factor), round(height * factor))
        copy = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    detector = load_face_recognition().api.face_detector
    seen: list[tuple[Box, float]] = []
    for enlargements in (0, 1):
        rectangles, scores, _ = detector.run(copy, enlargements, POSSIBLE_FACE_SCORE)
        for rectangle, score in zip(rectangles, scores, strict=True):
            box = _scaled(rectangle, factor, width, height)
            if box is not None:
                seen.append((box, score))
    distinct = _without_repeats(seen)
    boxes = [box for box, score in distinct if score >= 0]
    boxes = boxes or [box for box, score in distinct if score >= FAINT_FACE_SCORE]
    boxes = sorted(boxes, key=lambda box: box.width * box.height, reverse=True)[:MOST_FACES]
    places = [(box.top, box.left + box.width, box.top + box.height, box.left) for box in boxes]
    landmarks = load_face_recognition().face_landmarks(pixels, places, model="small") if places else []
    faces = (_face(pixels, box, points) for box, points in zip(boxes, landmarks, strict=True))
    return FoundFaces(tuple(faces), tuple(box for box, _ in seen))


def _without_repeats(seen: list[tuple[Box, float]]) -> list[tuple[Box, float]]:
    """Keep the best-scored of boxes that show the same face."""
    kept: list[tuple[Box, float]] = []
    for box, score in sorted(seen, key=lambda pair: pair[1], reverse=True):
        if all(_overlap(box, other) < _SAME_FACE_OVERLAP for other, _ in kept):
            kept.append((box, score))
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Shared area over united area, 0 to 1."""
    across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(0, across) * max(0, down)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _scaled(rectangle: Any, factor: float, width: int, height: int) -> Box | None:
    """Bring a dlib rectangle to the picture's own pixels, cut off at the border; None if nothing is left."""
    left = max(0, round(rectangle.left() / factor))
    top = max(0, round(rectangle.top() / factor))
    right = min(width, round(rectangle.right() / factor))
    bottom = min(height, round(rectangle.bottom() / factor))
    box = Box(left, top, right - left, bottom - top)
    return box if box.lies_in(width, height) else None


def _face(pixels: Pixels, box: Box, points: dict[str, list[tuple[int, int]]]) -> FoundFace:
    first, second = sorted((_middle(points["left_eye"]), _middle(points["right_eye"])))
    nose = _middle(points["nose_tip"])
    return FoundFace(box, (first, second), nose, _quality(pixels, box, (first, second), nose))


def _middle(points: list[tuple[int, int]]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _quality(
    pixels: Pixels, box: Box, eyes: tuple[tuple[float, float], tuple[float, float]], nose: tuple[float, float]
) -> FaceQuality:
    """Judge a face by its size, focus, light and pose."""
    distance = math.dist(*eyes)
    region = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    grey = Image.fromarray(np.ascontiguousarray(region)).convert("L")
    levels = np.asarray(
        grey.resize((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BILINEAR), dtype=np.float64
    )
    sharpness, light = _laplacian_variance(levels), float(levels.mean())
    # The nose, projected on the line between the eyes, lies in their middle when a face looks ahead.
    along = np.subtract(eyes[1], eyes[0]) / max(distance, 1.0)
    turn = abs(float(np.dot(np.subtract(nose, np.add(*eyes) / 2), along))) / max(distance, 1.0)
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
        QualityReason.TURNED: turn > _MOST_TURNED,
        QualityReason.AT_THE_EDGE: at_edge,
    }
    reasons = tuple(reason for reason, applies in found.items() if applies)
    return FaceQuality(box.height, round(distance, 2), round(sharpness, 2), reasons)


def _laplacian_variance(levels: NDArray[np.float64]) -> float:
    """How much fine structure there is (Pech-Pacheco et al. 2000)."""
    middle = levels[1:-1, 1:-1]
    laplacian = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:] - 4 * middle
    return float(laplacian.var())
