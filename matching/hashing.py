"""Perceptual hashes: whether two photos are the same picture, resized or compressed again.

They do not survive crops, frames, mirrors or turns; those need keypoints.
"""

from dataclasses import dataclass
from typing import Final

import imagehash
import numpy as np
from PIL import Image

from matching.photo import Pixels

HASH_BITS: Final = 64
VERIFICATION_BITS: Final = 256
BAND_BITS: Final = 16

SAME_PICTURE_DISTANCE: Final = 7
"""Bits of 64 that may differ; the most for which four bands and one flipped bit find every neighbour.

Source:
    213 synthetic pictures (tests/faces/README.md says what they are): copies at 0.25 to 1.5 times the size
    and JPEG quality 20 to 70 differ by at most 4 bits; the nearest of 22,578 different pairs by 6.
"""

SAME_PICTURE_VERIFICATION: Final = 18
"""Bits of 256 that may differ: halfway between the copies' most and the different pictures' least.

Source:
    As above: copies differ by at most 10 bits, different pictures by at least 28 (portraits before one plain
    ground) or 80 (street scenes). tests/matching/test_hashing.py repeats both on the pictures it carries.
"""

LEAST_DETAIL: Final = 4.0
"""Grey levels (standard deviation of the picture at 32 x 32) below which a hash says nothing.

Source:
    Flat pictures have 0, flat ones with heavy sensor noise 0.5, the flattest synthetic portrait 15. The hash
    of any flat picture is 0000... or 8000..., so without this gate all of them would be "the same".
"""

_DETAIL_SIDE: Final = 32
_EMPTY_HASHES: Final = (0, 1 << (HASH_BITS - 1))


@dataclass(frozen=True, slots=True)
class PictureHash:
    """What is remembered of a picture in order to know it again."""

    phash: int
    """64 bits, unsigned."""
    verification: bytes
    """256 bits that confirm what the 64 suggest; 32 bytes."""
    detail: float
    """Standard deviation of the picture at 32 x 32, in grey levels, 0 to 127.5."""

    @property
    def usable(self) -> bool:
        """Whether the picture has enough detail for its hash to mean anything."""
        return self.detail >= LEAST_DETAIL and self.phash not in _EMPTY_HASHES


def picture_hash(pixels: Pixels) -> PictureHash:
    """Hash a picture by the signs of its lowest cosine frequencies.

    Args:
        pixels: (height, width, 3) uint8 sRGB.

    Returns:
        The hash; ask `usable` before comparing it with others.

    Source:
        pHash as implemented by the package imagehash, hash_size 8 and 16.
    """
    grey = Image.fromarray(pixels).convert("L")
    small = np.asarray(grey.resize((_DETAIL_SIDE, _DETAIL_SIDE), Image.Resampling.LANCZOS), np.float64)
    short = np.packbits(imagehash.phash(grey, hash_size=8).hash.ravel()).tobytes()
    long = np.packbits(imagehash.phash(grey, hash_size=16).hash.ravel()).tobytes()
    return PictureHash(int.from_bytes(short, "big"), long, float(small.std()))


def hash_distance(one: int, other: int) -> int:
    """Count the bits in which two hashes of the same length differ."""
    return (one ^ other).bit_count()


def verification_distance(one: bytes, other: bytes) -> int:
    """Count the bits in which two 256-bit verifications differ.

    Raises:
        ValueError: one of them is not 32 bytes long.
    """
    if len(one) * 8 != VERIFICATION_BITS or len(other) * 8 != VERIFICATION_BITS:
        raise ValueError("a verification is 32 bytes long")
    return hash_distance(int.from_bytes(one, "big"), int.from_bytes(other, "big"))


def same_picture(one: PictureHash, other: PictureHash) -> bool:
    """Tell whether two photos are copies of one picture.

    - No, if either has too little detail to say.
    - No, if more than `SAME_PICTURE_DISTANCE` of 64 bits differ.
    - Yes, if at most `SAME_PICTURE_VERIFICATION` of 256 bits differ.
    """
    return (
        one.usable
        and other.usable
        and hash_distance(one.phash, other.phash) <= SAME_PICTURE_DISTANCE
        and verification_distance(one.verification, other.verification) <= SAME_PICTURE_VERIFICATION
    )


def bands(phash: int) -> tuple[int, int, int, int]:
    """Split a 64-bit hash into its four 16-bit quarters, highest first."""
    mask = (1 << BAND_BITS) - 1
    return (phash >> 48) & mask, (phash >> 32) & mask, (phash >> 16) & mask, phash & mask


def band_keys(phash: int) -> tuple[tuple[int, ...], ...]:
    """List, for each band, the values a near hash may have there.

    `band0 IN keys[0] OR band1 IN keys[1] OR ...` finds every hash within distance 7, and some beyond: of 7
    flipped bits in 4 bands, one band has at most 1 (pigeonhole).

    Args:
        phash: 64 bits, unsigned.

    Returns:
        Four tuples of 17 keys: the band itself, then each of its bits flipped.

    Source:
        Norouzi, Punjani and Fleet 2012, Fast Search in Hamming Space with Multi-Index Hashing.
    """
    return tuple((band, *(band ^ (1 << bit) for bit in range(BAND_BITS))) for band in bands(phash))


def to_signed(phash: int) -> int:
    """Turn 64 unsigned bits into the signed number that SQL's BIGINT stores."""
    return phash - (1 << HASH_BITS) if phash >> (HASH_BITS - 1) else phash


def from_signed(stored: int) -> int:
    """Undo `to_signed`."""
    return stored & ((1 << HASH_BITS) - 1)
