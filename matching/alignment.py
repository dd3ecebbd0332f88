"""Turning and scaling a face so that its eyes, nose and mouth lie where an encoder expects them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from matching.photo import Pixels

Points = NDArray[np.float32]
"""(5, 2): (x, y) of the eye further left in the picture, the other eye, the nose, the mouth's two corners."""

ARCFACE_POINTS: Final[Points] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
"""Where the five points lie in a chip of 112 pixels; the usage of ArcFace and its family."""

DLIB_POINTS: Final[Points] = np.array(
    [[47.7, 45.3], [103.4, 45.4], [75.2, 79.0], [50.5, 101.3], [101.7, 101.1]], np.float32
)
"""Where they lie in dlib's chip of 150 pixels: detector points carried through dlib's own chips, averaged."""


def similarity(points: Points, template: Points) -> NDArray[np.float64]:
    """The turn, scale and shift that bring points nearest to a template.

    Args:
        points: (n, 2); points that are NaN are left out.
        template: (n, 2).

    Returns:
        (2, 3) matrix that maps the picture to the chip.

    Raises:
        ValueError: fewer than two points are known, or all lie in one place.

    Source:
        Least squares over similarity transforms, solved in the complex plane (Umeyama 1991, no reflection).
    """
    known = np.isfinite(points).all(1)
    source = points[known].astype(np.float64) @ [1, 1j]
    target = template[known].astype(np.float64) @ [1, 1j]
    if len(source) < 2 or not np.ptp(source.real) + np.ptp(source.imag) > 0:  # noqa: PLR2004 - a line.
        raise ValueError("a face needs two points in different places")
    centred = source - source.mean()
    turn = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def face_chip(pixels: Pixels, points: Points, template: Points, side: int) -> Pixels:
    """Cut a face out, upright and at the size that an encoder takes.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        points: (5, 2), pixels of the picture.
        template: (5, 2), pixels of the chip.
        side: pixels of the chip.

    Returns:
        (side, side, 3) uint8; what lies beyond the picture's border is black.

    Raises:
        ValueError: as `similarity`.
    """
    matrix = similarity(points, template)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:  # noqa: PLR2004 - two pixels in, one out: interpolation alone would skip pixels.
        pixels, matrix = _shrunk(pixels, matrix, scale, side)
    return np.asarray(cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def _shrunk(
    pixels: Pixels, matrix: NDArray[np.float64], scale: float, side: int
) -> tuple[Pixels, NDArray[np.float64]]:
    """The part of the picture that the chip needs, averaged down to about the chip's scale."""
    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64) - matrix[:, 2]
    around = corners @ inverse.T
    height, width = pixels.shape[:2]
    left, top = np.clip(np.floor(around.min(0)) - 2, 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(around.max(0)) + 2, [left + 1, top + 1], [width, height]).astype(int)
    part = pixels[top:bottom, left:right]
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    factors = np.array([(right - left) / size[0], (bottom - top) / size[1]])
    # A pixel's middle lies half a pixel inside it, at either scale.
    shifted = matrix[:, :2] @ (np.array([left, top]) + factors / 2 - 0.5) + matrix[:, 2]
    return np.asarray(small, np.uint8), np.column_stack([matrix[:, :2] * factors, shifted])
