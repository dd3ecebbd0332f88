"""All that is remembered of a picture in order to know it again, in about 14 kB."""

import struct
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from PIL import Image

from matching.photo import Pixels
from matching.pictures.borders import unframed
from matching.pictures.keypoints import KEYPOINT_BYTES, MOST_KEYPOINTS, Keypoints, find_keypoints
from matching.pictures.overlap import Miniature
from matching.pictures.pdq import PDQ_BYTES, Pdq, PdqViews, pdq_views

MINIATURE_SIDE: Final = 96
"""Pixels of a miniature's longer side.

Source:
    64 synthetic pictures, 20 edits each: at 96 pixels the blocks of shrunk copies and of crops to a quarter
    correlate as well as those of plain copies, at 64 pixels as badly as two portraits with one hairstyle.
"""

LEAST_DETAIL: Final = 4.0
"""Grey levels (standard deviation of the miniature) below which a picture is like any other flat one."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BHHHHBBB")
"""Version; width and height of the whole; left and top of the content; sides of the miniature; keypoints."""
_SIDES: Final = struct.Struct(">HH")
_HASH: Final = struct.Struct(f">{PDQ_BYTES}sB")
_VIEWS: Final = 8
LONGEST: Final = (
    _HEAD.size + _SIDES.size + (2 + _VIEWS) * _HASH.size + MINIATURE_SIDE**2 + MOST_KEYPOINTS * KEYPOINT_BYTES
)
"""Bytes of the largest fingerprint."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is remembered of a picture. Its content is what a plain frame leaves of it, or all of it."""

    width: int
    """Pixels of the whole picture."""
    height: int
    left: int
    """Pixels of the whole picture: where its content begins."""
    top: int
    content_width: int
    content_height: int
    whole: Pdq
    """The hash that is exchanged with others."""
    whole_mirrored: Pdq
    views: PdqViews
    """Hashes of the content, turned and mirrored."""
    miniature: Miniature
    """The content in grey, longer side `MINIATURE_SIDE`."""
    keypoints: Keypoints
    """Of the content."""

    @property
    def usable(self) -> bool:
        """Whether there is enough in the picture for it to be known again."""
        return float(self.miniature.std()) >= LEAST_DETAIL

    @property
    def framed(self) -> bool:
        """Whether something plain surrounds the content: a frame, a caption, or a plain sky."""
        return (self.content_width, self.content_height) != (self.width, self.height)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Write the fingerprint down."""
        head = _HEAD.pack(
            _VERSION,
            self.width,
            self.height,
            self.left,
            self.top,
            self.miniature.shape[1],
            self.miniature.shape[0],
            len(self.keypoints),
        )
        views = (self.views.plain, *self.views.turned, *self.views.mirrored)
        hashes = (_HASH.pack(pdq.bits, pdq.quality) for pdq in (self.whole, self.whole_mirrored, *views))
        sides = _SIDES.pack(self.content_width, self.content_height)
        return b"".join((head, sides, *hashes, self.miniature.tobytes(), self.keypoints.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a fingerprint, trusting nothing in it.

        Raises:
            ValueError: it is none.
        """
        try:
            version, width, height, left, top, across, down, count = _HEAD.unpack_from(data)
            content_width, content_height = _SIDES.unpack_from(data, _HEAD.size)
            at = _HEAD.size + _SIDES.size
            hashes = [Pdq(*_HASH.unpack_from(data, at + place * _HASH.size)) for place in range(2 + _VIEWS)]
        except struct.error as error:
            raise ValueError("a fingerprint is longer") from error
        at += len(hashes) * _HASH.size
        if version != _VERSION or not (0 < across <= MINIATURE_SIDE and 0 < down <= MINIATURE_SIDE):
            raise ValueError("a fingerprint of another kind")
        if len(data) != at + across * down + count * KEYPOINT_BYTES:
            raise ValueError("a fingerprint has another length")
        if not (0 < content_width <= width - left and 0 < content_height <= height - top):
            raise ValueError("the content lies outside the picture")
        miniature = np.frombuffer(data, np.uint8, across * down, at).reshape(down, across)
        whole, whole_mirrored, plain, *others = hashes
        return cls(
            width,
            height,
            left,
            top,
            content_width,
            content_height,
            whole,
            whole_mirrored,
            PdqViews(plain, (others[0], others[1], others[2]), (others[3], others[4], others[5], others[6])),
            miniature,
            Keypoints.from_bytes(data[at + across * down :]),
        )


def fingerprint(pixels: Pixels) -> Fingerprint:
    """Take the fingerprint of a picture.

    Args:
        pixels: (height, width, 3) uint8 sRGB, at most 65,535 pixels a side.

    Returns:
        The fingerprint; ask `usable` before comparing it with others.
    """
    whole = pdq_views(pixels)
    left, top, content = unframed(pixels)
    views = whole if content.shape == pixels.shape else pdq_views(content)
    small = Image.fromarray(content).convert("L")
    small.thumbnail((MINIATURE_SIDE, MINIATURE_SIDE), Image.Resampling.BOX)
    return Fingerprint(
        width=pixels.shape[1],
        height=pixels.shape[0],
        left=left,
        top=top,
        content_width=content.shape[1],
        content_height=content.shape[0],
        whole=whole.plain,
        whole_mirrored=whole.mirrored[0],
        views=views,
        miniature=np.asarray(small),
        keypoints=find_keypoints(content),
    )
