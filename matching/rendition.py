"""The pictures people look at: derived from pixels, so that nothing of the original file comes along."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from matching.framing import crop_square
from matching.photo import Pixels

SCENE_QUALITY: Final = 85
"""JPEG quality (libjpeg, 1-95) of scenes and crops: about 250 kB for a scene of 1600 pixels."""

CROP_SIDE: Final = 320
"""Pixels of a face crop's side: two stand side by side on a phone."""

REDACTION_MARGIN: Final = 0.35
"""How much of the box's longer side is hidden beyond the box: the detector's box ends at brows and chin."""

_BLOCKS_ACROSS: Final = 5
"""Blocks across a hidden face; eyes, nose and mouth fall into two or three of them."""
_NOISE_LEVELS: Final = 24
"""Standard deviation, grey levels, of the noise on each block, so that the blocks' own means are lost too."""
_PADDING: Final = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the scene; always inside the picture it was made for."""

    left: int
    top: int
    width: int
    height: int

    def lies_in(self, width: int, height: int) -> bool:
        """Whether the box has an area and lies wholly in a picture of this size (pixels)."""
        return (
            self.left >= 0
            and self.top >= 0
            and self.width > 0
            and self.height > 0
            and self.left + self.width <= width
            and self.top + self.height <= height
        )


def scene_jpeg(pixels: Pixels) -> bytes:
    """Write the scene as a JPEG without any metadata.

    Args:
        pixels: (height, width, 3) uint8 sRGB.

    Returns:
        The JPEG file: no EXIF, no comment, no colour profile, no thumbnail.
    """
    image = Image.fromarray(pixels)
    image.info.clear()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=SCENE_QUALITY)
    return buffer.getvalue()


def redact(pixels: Pixels, boxes: Sequence[Box]) -> Pixels:
    """Hide faces in the pixels themselves: coarse blocks with noise, nothing to be undone.

    Only faces that were found are hidden; the detector misses some, so a redacted scene is for officers too.

    Args:
        pixels: (height, width, 3) uint8 sRGB; left as it is.
        boxes: the faces, in pixels of this picture.

    Returns:
        A new array of the same shape.
    """
    hidden = pixels.copy()
    generator = np.random.default_rng(int.from_bytes(os.urandom(16), "big"))
    for box in boxes:
        margin = round(REDACTION_MARGIN * max(box.width, box.height))
        top, bottom = max(0, box.top - margin), min(pixels.shape[0], box.top + box.height + margin)
        left, right = max(0, box.left - margin), min(pixels.shape[1], box.left + box.width + margin)
        region = Image.fromarray(hidden[top:bottom, left:right])
        blocks = np.asarray(region.resize((_BLOCKS_ACROSS, _BLOCKS_ACROSS), Image.Resampling.BOX), np.float64)
        blocks += generator.normal(0, _NOISE_LEVELS, blocks.shape)
        coarse = Image.fromarray(np.clip(blocks, 0, 255).astype(np.uint8))
        hidden[top:bottom, left:right] = np.asarray(coarse.resize(region.size, Image.Resampling.NEAREST))
    return hidden


def crop_face(pixels: Pixels, box: Box) -> Pixels:
    """Cut out a face and a little around it.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        box: the face, in pixels of this picture.

    Returns:
        (`CROP_SIDE`, `CROP_SIDE`, 3) uint8; what lies beyond the picture is grey.
    """
    shown = crop_square(box.left, box.top, box.width, box.height)
    left, top, side = shown.left, shown.top, shown.side
    height, width = pixels.shape[:2]
    square = Image.new("RGB", (side, side), _PADDING)
    inside = pixels[max(0, top) : min(height, top + side), max(0, left) : min(width, left + side)]
    square.paste(Image.fromarray(np.ascontiguousarray(inside)), (max(0, -left), max(0, -top)))
    return np.asarray(square.resize((CROP_SIDE, CROP_SIDE), Image.Resampling.LANCZOS))
