"""Which picture format some bytes claim to be, by their first bytes alone; nothing is decoded here.

This module imports neither Pillow nor NumPy, so that the process that takes photos in may use it.
"""

from enum import StrEnum
from typing import Final

ALLOWED_FORMATS: Final = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")
"""What is read. A phone's MPO (two JPEGs in one file) arrives as JPEG; its first picture is used."""

_HEIF_BRANDS: Final = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF_BRANDS: Final = frozenset((b"avif", b"avis"))
_GENERIC_BRANDS: Final = frozenset((b"mif1", b"msf1"))
_LONGEST_BRAND_BOX: Final = 256
"""Bytes of the `ftyp` box that are looked at; real ones are 20 to 60 bytes long (ISO/IEC 14496-12)."""

_REFUSED_STARTS: Final = (
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"%!PS",
    b"%PDF",
    b"\xc5\xd0\xd3\xc6",
    b"8BPS",
    b"\x00\x00\x00\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"\x00\x00\x01\x00",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cJXL ",
    b"qoif",
)
"""First bytes of GIF, BMP, TIFF, EPS, PDF, PSD, JPEG 2000, ICO, JPEG XL and QOI files."""


class UnreadableReason(StrEnum):
    """Why a photo cannot be shown; the sealed original is kept all the same."""

    NOT_AN_IMAGE = "not_an_image"  # The first bytes are those of no picture format known here.
    FORMAT_NOT_ALLOWED = "format_not_allowed"  # It is a picture, or a drawing, of a format that is not read.
    DAMAGED = "damaged"  # The format is right but the picture ends early or contradicts itself.
    TOO_SMALL = "too_small"  # A side is too short to show anything.
    TOO_LARGE = "too_large"  # A side, the number of pixels or the memory needed is beyond the limits.
    SUSPICIOUS_STRUCTURE = "suspicious_structure"  # Built so that decoding would take very long.


class UnreadablePhoto(Exception):
    """A photo that is refused before or while it is decoded.

    Args:
        reason: why.
    """

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def sniff(data: bytes) -> str | None:
    """Tell the format by the first bytes, whatever the file is called.

    Args:
        data: the file, or at least its first 256 bytes.

    Returns:
        One of `ALLOWED_FORMATS`, or None for anything else. That the rest of the file is sound is not said.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _sniff_brands(data)
    return None


def refusal_of(data: bytes) -> UnreadableReason:
    """Say why bytes that `sniff` does not know are refused: another kind of picture, or none at all."""
    if data.startswith(_REFUSED_STARTS) or data[4:8] == b"ftyp" or data[:4] == b"RIFF":
        return UnreadableReason.FORMAT_NOT_ALLOWED
    if b"<svg" in data[:1024].lower():
        return UnreadableReason.FORMAT_NOT_ALLOWED
    return UnreadableReason.NOT_AN_IMAGE


def _sniff_brands(data: bytes) -> str | None:
    """Read the brands of an ISO base media file: the major one, then the compatible ones."""
    end = min(int.from_bytes(data[:4], "big"), _LONGEST_BRAND_BOX, len(data))
    major = data[8:12]
    compatible = {data[at : at + 4] for at in range(16, end - 3, 4)}
    if major in _AVIF_BRANDS:
        return "AVIF"
    if major in _HEIF_BRANDS:
        return "HEIF"
    if major in _GENERIC_BRANDS:
        if compatible & _AVIF_BRANDS:
            return "AVIF"
        if compatible & _HEIF_BRANDS:
            return "HEIF"
    return None
