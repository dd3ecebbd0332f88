"""PDQ: the 256-bit picture hash that platforms and hotlines exchange.

It survives recompression, resizing and filters; crops, frames and small turns need keypoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pdqhash  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from matching.photo import Pixels

PDQ_BYTES: Final = 32
PDQ_BITS: Final = 256

SAME_PDQ: Final = 31
"""Bits of 256 that may differ between copies.

Source:
    Facebook 2019, The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm; it is also what
    the ThreatExchange tools compare with.
"""

LEAST_QUALITY: Final = 50
"""Quality (0-100) below which a PDQ hash says nothing; source as for `SAME_PDQ`."""

BAND_BITS: Final = 16
BANDS: Final = PDQ_BITS // BAND_BITS

_HASHED_SIDE: Final = 512
"""Pixels of the longer side that is hashed: PDQ's authors shrink to it first. Moves a hash by 6 bits against
1024 pixels, and costs 3.5 ms of processor time instead of 25."""
_MIRRORED: Final = 5
"""Where `pdqhash` puts the hash of the picture flipped left to right."""


@dataclass(frozen=True, slots=True)
class Pdq:
    """A PDQ hash and how much it can be trusted."""

    bits: bytes
    """256 bits; 32 bytes."""
    quality: int
    """0 to 100: how much there is to see in the picture."""

    def __post_init__(self) -> None:
        if len(self.bits) != PDQ_BYTES or not 0 <= self.quality <= 100:  # noqa: PLR2004 - per cent.
            raise ValueError("a PDQ hash has 256 bits and a quality from 0 to 100")

    @property
    def usable(self) -> bool:
        """Whether the picture has enough detail for its hash to mean anything."""
        return self.quality >= LEAST_QUALITY

    @property
    def hexadecimal(self) -> str:
        """The hash as it is exchanged: 64 hexadecimal digits."""
        return self.bits.hex()

    @classmethod
    def from_hexadecimal(cls, text: str, quality: int = 100) -> Self:
        """Read an exchanged hash.

        Raises:
            ValueError: not 64 hexadecimal digits, or no quality.
        """
        return cls(bytes.fromhex(text), quality)


@dataclass(frozen=True, slots=True)
class PdqViews:
    """The hashes of a picture as it is and as it would be turned and mirrored."""

    plain: Pdq
    turned: tuple[Pdq, Pdq, Pdq]
    """By 90, 180 and 270 degrees."""
    mirrored: tuple[Pdq, Pdq, Pdq, Pdq]
    """Left to right, upside down, and along both diagonals."""


def pdq_views(pixels: Pixels) -> PdqViews:
    """Hash a picture in all eight views.

    Args:
        pixels: (height, width, 3) uint8 sRGB.

    Returns:
        The hashes. Those of turned and mirrored views differ by up to 22 bits from the hash of a picture that
        was really turned or mirrored, which is less than `SAME_PDQ`.

    Source:
        PDQ as implemented by its authors, in the package pdqhash.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((_HASHED_SIDE, _HASHED_SIDE), Image.Resampling.BOX)
    vectors, quality = pdqhash.compute_dihedral(np.asarray(image))
    views = [Pdq(np.packbits(np.asarray(vector, np.uint8)).tobytes(), int(quality)) for vector in vectors]
    first = views[_MIRRORED]
    upside_down, *diagonal = (view for place, view in enumerate(views[4:], start=4) if place != _MIRRORED)
    return PdqViews(views[0], (views[1], views[2], views[3]), (first, upside_down, diagonal[0], diagonal[1]))


def pdq_distance(one: Pdq, other: Pdq) -> int:
    """Count the bits, 0 to 256, in which two hashes differ."""
    return (int.from_bytes(one.bits, "big") ^ int.from_bytes(other.bits, "big")).bit_count()


def pdq_distances(sought: Sequence[Pdq], filed: Sequence[str]) -> NDArray[np.int64]:
    """How far each of many exchanged hashes is from the nearest of a few.

    Args:
        sought: the few.
        filed: 64 hexadecimal digits each; an empty one is far from everything.

    Returns:
        (n,) int64, 0 to 256.
    """
    far = "0" * 2 * PDQ_BYTES
    rows = np.frombuffer(bytes.fromhex("".join(text or far for text in filed)), np.uint64).reshape(-1, 4)
    nearest = np.full(len(filed), PDQ_BITS, np.int64)
    for pdq in sought:
        bits = np.bitwise_count(rows ^ np.frombuffer(pdq.bits, np.uint64)).sum(axis=1, dtype=np.int64)
        nearest = np.minimum(nearest, bits)
    return np.where([bool(text) for text in filed], nearest, PDQ_BITS)


def same_pdq(one: Pdq, other: Pdq) -> bool:
    """Tell whether two hashes are of one picture: both of good quality, at most `SAME_PDQ` bits apart."""
    return one.usable and other.usable and pdq_distance(one, other) <= SAME_PDQ


def band_words(pdq: Pdq) -> NDArray[np.int64]:
    """The hash in 16 words of 16 bits, each with the number of its band above it.

    Returns:
        (16,) int64, 0 to 2^20 - 1.
    """
    return _numbered(np.frombuffer(pdq.bits, ">u2").astype(np.int64))


def near_band_words(hashes: Sequence[Pdq]) -> NDArray[np.int64]:
    """Every word that a hash at most `SAME_PDQ` bits away must share at least one of.

    Of 31 flipped bits in 16 bands, one band has at most 1 (pigeonhole).

    Args:
        hashes: the hashes looked for.

    Returns:
        (n,) int64, each once: the words themselves and with each of their bits flipped; 272 for one hash.

    Source:
        Norouzi, Punjani and Fleet 2012, Fast Search in Hamming Space with Multi-Index Hashing.
    """
    flips = np.concatenate([[0], 1 << np.arange(BAND_BITS)]).astype(np.int64)
    words = [band_words(pdq)[:, None] ^ flips for pdq in hashes]
    return np.unique(np.concatenate([found.ravel() for found in words])) if words else np.empty(0, np.int64)


def _numbered(bands: NDArray[np.int64]) -> NDArray[np.int64]:
    return (np.arange(BANDS, dtype=np.int64) << BAND_BITS) | bands
