"""Face encoders: from a face in a picture to its template.

Templates of two encoders, or of two versions of one, are never compared; each is kept with both names.
Importing this module loads no model.
"""

import importlib.metadata
import warnings
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from matching.photo import Pixels
from matching.rendition import Box

Templates = NDArray[np.float32]
"""(faces, dimensions) float32."""


class Encoder(Protocol):
    """Whatever turns faces into templates."""

    @property
    def name(self) -> str:
        """The encoder's name, as stored with each template."""

    @property
    def version(self) -> str:
        """What decides the numbers: package and model versions."""

    @property
    def dimensions(self) -> int:
        """Numbers in a template."""

    def encode(self, pixels: Pixels, boxes: Sequence[Box]) -> Templates:
        """Encode faces.

        Args:
            pixels: (height, width, 3) uint8 sRGB.
            boxes: n faces, in pixels of this picture.

        Returns:
            (n, dimensions) float32, finite.
        """


@cache
def load_face_recognition() -> ModuleType:
    """Import `face_recognition` without what the import does to the process.

    Returns:
        The module; about 0.5 s and 160 MB the first time.

    Raises:
        ImportError: the package, its models or `pkg_resources` are missing. The package itself would print a
            hint and end the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            import face_recognition  # noqa: PLC0415 - loads dlib and 120 MB of models.
        except SystemExit as error:
            raise ImportError("face_recognition_models, or setuptools below 82, is missing") from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    module: ModuleType = face_recognition
    return module


class FaceRecognitionEncoder:
    """dlib's ResNet by way of `face_recognition`: 5-point alignment, one sample a face, 128 numbers.

    A model of adults: among small children its distances are short between strangers too, which is why
    `matching.policy` has a threshold for each age band and never the package's own 0.6.
    """

    name: Final = "face_recognition"
    dimensions: Final = 128

    @property
    def version(self) -> str:
        """Versions of the code and of the models, such as 1.3.0+models-0.3.0."""
        return _version()

    def encode(self, pixels: Pixels, boxes: Sequence[Box]) -> Templates:
        """Encode faces; 138 ms of processor time each (dlib-bin without BLAS, measured).

        Args:
            pixels: (height, width, 3) uint8 sRGB.
            boxes: n faces, in pixels of this picture.

        Returns:
            (n, 128) float32, finite.

        Raises:
            ValueError: a box does not lie in the picture. dlib would give a template all the same.
        """
        height, width = pixels.shape[:2]
        if not all(box.lies_in(width, height) for box in boxes):
            raise ValueError("a face's box must lie in the picture")
        places = [(box.top, box.left + box.width, box.top + box.height, box.left) for box in boxes]
        templates = load_face_recognition().face_encodings(pixels, places, num_jitters=1, model="small")
        return np.asarray(templates, dtype=np.float32).reshape(len(boxes), self.dimensions)


@cache
def _version() -> str:
    code = importlib.metadata.version("face-recognition")
    models = importlib.metadata.version("face-recognition-models")
    return f"{code}+models-{models}"
