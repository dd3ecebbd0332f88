"""The encoder of the package `face_recognition`, as the package runs it."""

import importlib.metadata
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from matching.dlib_package import hog_box, load_face_recognition
from matching.encoders import Templates
from matching.faces import FoundFace
from matching.photo import Pixels
from matching.rendition import Box
from matching.weights import DLIB, available, network

_CHIP_SIDE: Final = 150
_CHIP_PADDING: Final = 0.25
"""As `face_recognition` cuts its chips."""


class FaceRecognitionEncoder:
    """dlib's ResNet exactly as `face_recognition` gives it: its own five points, one sample, 128 numbers.

    Templates are not of unit length; their comparison score is 1 - L2 distance. Kept for deployments that
    began with it, as the peer that figures are compared with, and for the contract test of the network.
    """

    name: Final = "face_recognition"
    dimensions: Final = 128

    @property
    def version(self) -> str:
        """Versions of the code and of the models, such as 1.3.0+models-0.3.0."""
        return _version()

    def encode(self, pixels: Pixels, faces: Sequence[FoundFace]) -> Templates:
        """Encode faces; see `Encoder`."""
        return self.encode_boxes(pixels, [hog_box(face.box) for face in faces])

    def encode_boxes(self, pixels: Pixels, boxes: Sequence[Box]) -> Templates:
        """Encode what lies in boxes as dlib's HOG detector draws them.

        Args:
            pixels: (height, width, 3) uint8 sRGB.
            boxes: n faces; they may reach beyond the border, not lie outside.

        Returns:
            (n, 128) float32, finite: the package's own numbers to 1e-6, from ONNX Runtime where the network
            was converted and from dlib itself, about thirty times slower, where it was not.

        Raises:
            ValueError: a box does not touch the picture. dlib would give a template all the same.
        """
        height, width = pixels.shape[:2]
        if not all(_touches(box, width, height) for box in boxes):
            raise ValueError("a face's box must touch the picture")
        if not boxes:
            return np.empty((0, self.dimensions), np.float32)
        api = load_face_recognition().api
        # Its shape model wants an array that could be written to.
        pixels = np.require(pixels, np.uint8, ["C", "W"])
        places = [(box.top, box.left + box.width, box.top + box.height, box.left) for box in boxes]
        marks = api._raw_face_landmarks(pixels, places, model="small")  # noqa: SLF001 - as its encoder does.
        if not available(DLIB):
            encoded = [api.face_encoder.compute_face_descriptor(pixels, mark, 1) for mark in marks]
            return np.asarray(encoded, dtype=np.float32)
        chips = [api.dlib.get_face_chip(pixels, mark, _CHIP_SIDE, _CHIP_PADDING) for mark in marks]
        return network(DLIB).run(np.stack(chips).transpose(0, 3, 1, 2).astype(np.float32))[0]


def _touches(box: Box, width: int, height: int) -> bool:
    return (
        box.width > 0
        and box.height > 0
        and box.left < width
        and box.top < height
        and box.left + box.width > 0
        and box.top + box.height > 0
    )


@cache
def _version() -> str:
    code = importlib.metadata.version("face-recognition")
    models = importlib.metadata.version("face-recognition-models")
    return f"{code}+models-{models}"
