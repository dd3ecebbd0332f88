"""Keypoints: places in a picture that are found again after a crop, a turn, a frame or a mirror."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matching.photo import Pixels

MOST_KEYPOINTS: Final = 160
"""Keypoints kept of a picture.

Source:
    34 synthetic pictures, 20 edits each: with 160 of a copy of 400 pixels every edit kept 13 or more in
    agreement, with 128 of 512 pixels a crop to a quarter kept 6. ORB on 1024 pixels lost 97 of 100
    screenshots and half of the captions to their sharp letters.
"""

CODE_BYTES: Final = 16
CODE_BITS: Final = 128

_LOOKED_AT_SIDE: Final = 400
"""Pixels of the longer side of the copy that keypoints are looked for in: 35 ms of processor time."""
_LEAST_CONTRAST: Final = 0.02
"""OpenCV's default is 0.04; faint pictures then have too few keypoints."""
_CELLS: Final = 6
"""Cells across and down, of each of which the strongest keypoints are kept in turn."""
_PLACES: Final = 65_535
_ANGLES: Final = 256
_SIZE_STEPS: Final = 16.0
"""Steps of a keypoint's stored size per doubling."""
_LEAST_SIZE: Final = 2.0**-10
"""Smallest stored size, in longer sides of the picture."""
_ROW: Final = np.dtype(
    [("x", ">u2"), ("y", ">u2"), ("size", "u1"), ("angle", "u1"), ("code", "u1", (CODE_BYTES,))]
)
KEYPOINT_BYTES: Final = _ROW.itemsize

_mirror = np.arange(CODE_BITS).reshape(4, 4, 8)[::-1][..., -np.arange(8) % 8]
MIRRORED_BITS: Final[NDArray[np.intp]] = _mirror.ravel()
"""Which bit of a code stands at each place of the mirrored picture's code: the descriptor's 4 rows run the
other way, and so do its 8 directions."""


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Keypoints of one picture; lengths are in longer sides of the picture, so that 1.0 is its length."""

    places: NDArray[np.complex128]
    """(n,) x + iy, from the upper left corner."""
    sizes: NDArray[np.float64]
    """(n,) diameter of what was described."""
    angles: NDArray[np.float64]
    """(n,) radians, clockwise from the right."""
    codes: NDArray[np.uint8]
    """(n, 128) of 0 and 1: which of the descriptor's 128 numbers exceed their median."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.places)

    def mirrored(self, width: float) -> Self:
        """The keypoints that the picture would have, flipped left to right.

        Args:
            width: of the picture, in longer sides.
        """
        return type(self)(
            width - self.places.conj(), self.sizes, np.pi - self.angles, self.codes[:, MIRRORED_BITS]
        )

    def to_bytes(self) -> bytes:
        """Write them down, 22 bytes each."""
        rows = np.zeros(len(self), _ROW)
        rows["x"] = np.clip(np.rint(self.places.real * _PLACES), 0, _PLACES)
        rows["y"] = np.clip(np.rint(self.places.imag * _PLACES), 0, _PLACES)
        steps = np.rint(np.log2(np.maximum(self.sizes, _LEAST_SIZE) / _LEAST_SIZE) * _SIZE_STEPS)
        rows["size"] = np.clip(steps, 0, 255)
        rows["angle"] = np.rint(self.angles / (2 * np.pi) * _ANGLES).astype(np.int64) % _ANGLES
        rows["code"] = np.packbits(self.codes, axis=1)
        return rows.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; any bytes of a right length are keypoints.

        Raises:
            ValueError: the length is no multiple of `KEYPOINT_BYTES`, or there are too many.
        """
        if len(data) % KEYPOINT_BYTES or len(data) > MOST_KEYPOINTS * KEYPOINT_BYTES:
            raise ValueError("keypoints have 22 bytes each")
        rows = np.frombuffer(data, _ROW)
        places = np.empty(len(rows), np.complex128)
        places.real, places.imag = rows["x"] / _PLACES, rows["y"] / _PLACES
        return cls(
            places,
            _LEAST_SIZE * 2 ** (rows["size"] / _SIZE_STEPS),
            rows["angle"] * (2 * np.pi / _ANGLES),
            np.unpackbits(rows["code"].reshape(-1, CODE_BYTES), axis=1),
        )


def find_keypoints(pixels: Pixels) -> Keypoints:
    """Find keypoints all over a picture and describe them.

    Args:
        pixels: (height, width, 3) uint8 sRGB.

    Returns:
        At most `MOST_KEYPOINTS`, rounded as `Keypoints.to_bytes` does; none in a flat picture.

    Source:
        Lowe 2004, Distinctive Image Features from Scale-Invariant Keypoints (SIFT, patent expired in 2020),
        as implemented by OpenCV. One bit for each number of a descriptor, whether it exceeds their median: on
        edited copies it finds as many keypoints again as the numbers do, in an eighth of the bytes.
    """
    cv2.setNumThreads(1)
    image = Image.fromarray(pixels).convert("L")
    image.thumbnail((_LOOKED_AT_SIDE, _LOOKED_AT_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    grey = np.asarray(image)
    sift = cv2.SIFT.create(contrastThreshold=_LEAST_CONTRAST)
    found, descriptors = sift.compute(grey, _spread(sift.detect(grey, None), grey.shape))
    if descriptors is None or not len(found):
        return Keypoints.from_bytes(b"")
    side = float(max(grey.shape))
    keypoints = Keypoints(
        np.array([complex(*point.pt) for point in found], np.complex128) / side,
        np.array([point.size for point in found]) / side,
        np.array([math.radians(point.angle) for point in found]),
        (descriptors > np.median(descriptors, axis=1, keepdims=True)).astype(np.uint8),
    )
    return Keypoints.from_bytes(keypoints.to_bytes())


def _spread(found: "Sequence[cv2.KeyPoint]", shape: tuple[int, ...]) -> "list[cv2.KeyPoint]":
    """The strongest of each part of the picture in turn, so that every large crop has some."""
    height, width = shape[:2]
    ranks: dict[tuple[int, int], int] = {}
    ordered: list[tuple[int, float, int, cv2.KeyPoint]] = []
    for point in sorted(found, key=lambda point: (-point.response, point.pt, point.angle)):
        cell = (int(point.pt[0] * _CELLS / width), int(point.pt[1] * _CELLS / height))
        ranks[cell] = ranks.get(cell, 0) + 1
        ordered.append((ranks[cell], -point.response, len(ordered), point))
    ordered.sort(key=lambda placed: placed[:3])
    return [point for *_, point in ordered[:MOST_KEYPOINTS]]
