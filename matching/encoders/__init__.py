"""Face encoders: from a face in a picture to its template.

A template is one float32 vector of unit length; the comparison score of two is their dot product. Templates
of two encoders, or of two versions of one, are never compared; each is kept with both names. Importing this
package loads no network.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from matching.faces import FoundFace
from matching.photo import Pixels

Templates = NDArray[np.float32]
"""(faces, dimensions) float32."""

LARGEST_TEMPLATE: Final = 1024
"""Numbers in the longest template that is made, stored or believed: the built-in networks and one of the
operator's have at most 832."""


class Encoder(Protocol):
    """Whatever turns faces into templates."""

    @property
    def name(self) -> str:
        """The encoder's name, as stored with each template."""

    @property
    def version(self) -> str:
        """What decides the numbers: weights, alignment and preprocessing."""

    @property
    def dimensions(self) -> int:
        """Numbers in a template."""

    def encode(self, pixels: Pixels, faces: Sequence[FoundFace]) -> Templates:
        """Encode faces.

        Args:
            pixels: (height, width, 3) uint8 sRGB.
            faces: n faces, in pixels of this picture.

        Returns:
            (n, dimensions) float32, finite; of unit length, except for the encoder named face_recognition.
        """


def unit_rows(vectors: Templates) -> Templates:
    """Bring each row to unit length; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Templates = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return units
