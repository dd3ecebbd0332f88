"""YuNet, if the operator brings it: a detector that finds faces and their points in one look.

OpenCV reads the file and decodes what it gives. No published weights were at hand when this was written: it
was tried with a small network that gives random faces in YuNet's layout, decoded once more by hand.

Source:
    Wu, Peng and Yu 2023, YuNet: A Tiny Millisecond-level Face Detector. Layout: OpenCV's FaceDetectorYN.
"""

import threading
from functools import cache
from typing import Final

import cv2
import numpy as np

from matching.encoders.card import ModelCard, OperatorModelRefused
from matching.faces import FoundFaces, found_faces
from matching.mtcnn import Detections
from matching.orientation import set_upright, turned_back
from matching.photo import Pixels
from matching.weights import MTCNN, Network, available

WORKING_SIDE: Final = 1600
"""Pixels of the longer side of the copy that is searched."""
SURE: Final = 0.8
"""Score of a face: between OpenCV's own example, 0.9, and what is only hidden."""
FAINT: Final = 0.5
"""Score of what is hidden in redacted scenes."""

_OVERLAP: Final = 0.3
_MOST: Final = 1500
_OUTPUTS: Final = {
    f"{kind}_{stride}": (stride, numbers)
    for kind, numbers in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    for stride in (8, 16, 32)
}
"""What YuNet gives: for each cell of 8, 16 and 32 pixels two shares, a box and five points."""
_TRIAL_SIZE: Final = (96, 64)
_ROW: Final = 15


class YunetDetector:
    """YuNet on the picture as it is, and turned by quarters where nothing is found."""

    def __init__(self, card: ModelCard, content: bytes) -> None:
        self.name: Final = f"yunet-{card.name}-{card.sha256[:12]}"
        buffer, nothing = np.frombuffer(content, np.uint8), np.empty(0, np.uint8)
        self._network = cv2.FaceDetectorYN.create(
            "onnx", buffer, nothing, _TRIAL_SIZE, FAINT, _OVERLAP, _MOST
        )
        self._lock = threading.Lock()

    def find(self, pixels: Pixels) -> FoundFaces:
        """Find faces; see `Detector`."""
        upright = self.detect(pixels)
        if (upright.scores >= SURE).any():
            return found_faces(pixels, self._set_upright(pixels, upright), SURE)
        for quarters in (1, 3, 2):
            turned = np.ascontiguousarray(np.rot90(pixels, quarters))
            lying = self.detect(turned)
            if (lying.scores >= SURE).any():
                lying = turned_back(self._set_upright(turned, lying), quarters, pixels.shape)
                return found_faces(pixels, lying, SURE)
        return found_faces(pixels, upright, FAINT)

    def detect(self, pixels: Pixels) -> Detections:
        """Find upright faces, sure and faint ones.

        Args:
            pixels: (height, width, 3) uint8 sRGB.
        """
        height, width = pixels.shape[:2]
        factor = min(1.0, WORKING_SIDE / max(height, width))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        copy = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        with self._lock:
            self._network.setInputSize(size)
            _, rows = self._network.detect(copy)
        found = np.empty((0, _ROW), np.float32) if rows is None else np.asarray(rows, np.float32)
        found[:, :-1] /= np.float32(factor)
        boxes = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], 1)
        return Detections(boxes, found[:, 4:14].reshape(-1, 5, 2), found[:, 14])

    def _set_upright(self, pixels: Pixels, found: Detections) -> Detections:
        return set_upright(pixels, found, SURE, self.detect) if available(MTCNN[2]) else found


def yunet(card: ModelCard) -> YunetDetector:
    """Make the detector that a card describes, after a trial run.

    Raises:
        OperatorModelRefused: the file is not the one of the card, or gives something else than YuNet.
    """
    try:
        about = card.file.stat()
    except OSError as error:
        raise OperatorModelRefused(f"{card.file.name} cannot be read") from error
    return _tried(card, (about.st_size, about.st_mtime_ns))


@cache
def _tried(card: ModelCard, _file: tuple[int, int]) -> YunetDetector:
    """Make the detector; once for each state of the file."""
    content = card.content()
    width, height = _TRIAL_SIZE
    try:
        # OpenCV would read numbers from files beside it, ONNX Runtime is kept from that and refuses.
        Network(content)
    except Exception as error:  # Its errors have no common class.
        raise OperatorModelRefused(f"{card.file.name} cannot be loaded") from error
    try:
        network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        network.setInput(np.zeros((1, 3, height, width), np.float32))
        given = network.forward(list(_OUTPUTS))
    except cv2.error as error:
        raise OperatorModelRefused(f"{card.file.name} is no YuNet that OpenCV can run") from error
    for output, (name, (stride, numbers)) in zip(given, _OUTPUTS.items(), strict=True):
        cells = (width // stride) * (height // stride)
        if output.shape != (1, cells, numbers) or not np.isfinite(output).all():
            raise OperatorModelRefused(f"{card.file.name} gives {output.shape} as {name}, unlike YuNet")
    return YunetDetector(card, content)
