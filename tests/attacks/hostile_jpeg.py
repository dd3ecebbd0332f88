"""Hostile JPEGs, made from a small good one."""

import io
import struct
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

Maker = Callable[[], bytes]
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MARKER = b"HOSTILE-MARKER-5d1f"
"""Stands in texts and comments of the files: no answer may hold it."""


def good(size: tuple[int, int] = (320, 240), mode: str = "RGB", **options: object) -> bytes:
    """A good JPEG with something in it."""
    noise = np.random.default_rng(7).integers(0, 255, (size[1] // 8 + 1, size[0] // 8 + 1, 3), np.uint8)
    picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """Its segments up to the first scan, each with its marker; the scan and all behind it are the last."""
    found: list[tuple[int, bytes]] = []
    at = 2
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker == 0xDA:
            return [*found, (marker, jpeg[at:])]
        found.append((marker, jpeg[at : at + 2 + length]))
        at += 2 + length


def _find(jpeg: bytes, marker: int) -> int:
    at = 2
    while jpeg[at + 1] != marker:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _with(*inserted: bytes) -> bytes:
    jpeg = good()
    return SOI + b"".join(inserted) + jpeg[2:]


def _patched(marker: int, offset: int, new: bytes, **options: object) -> bytes:
    jpeg = bytearray(good(**options))  # type: ignore[arg-type]
    at = _find(bytes(jpeg), marker) + offset
    jpeg[at : at + len(new)] = new
    return bytes(jpeg)


def _sized(width: int, height: int) -> bytes:
    return _patched(0xC0, 5, struct.pack(">HH", height, width))


def _without(marker: int) -> bytes:
    return SOI + b"".join(body for each, body in segments(good()) if each != marker)


def _cut(marker: int) -> bytes:
    jpeg = good()
    return jpeg[: _find(jpeg, marker) + 6]


def _scans(count: int) -> bytes:
    """A progressive picture that says its first scan over and over."""
    jpeg = good(progressive=True)
    at = jpeg.index(b"\xff\xda")
    following = jpeg.index(b"\xff\xc4", at) if b"\xff\xc4" in jpeg[at:] else jpeg.index(b"\xff\xda", at + 2)
    return jpeg[:at] + jpeg[at:following] * count + jpeg[following:]


def _exif(body: bytes) -> bytes:
    return _with(_segment(0xE1, b"Exif\0\0" + body))


def _ifd(*entries: tuple[int, int, int, bytes], then: int = 0) -> bytes:
    """A big-endian TIFF head with one directory of entries: tag, type, count, value."""
    rows = b"".join(struct.pack(">HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"MM\0*" + struct.pack(">IH", 8, len(entries)) + rows + struct.pack(">I", then)


def _orientation(value: int) -> bytes:
    return _exif(_ifd((0x0112, 3, 1, struct.pack(">HH", value, 0))))


def _gps(numerator: int, denominator: int) -> bytes:
    directory = 8 + 2 + 12 + 4
    values = directory + 2 + 2 * 12 + 4
    rows = struct.pack(">HHI", 1, 2, 2) + b"X\0\0\0" + struct.pack(">HHII", 2, 5, 3, values)
    body = struct.pack(">H", 2) + rows + b"\0\0\0\0" + struct.pack(">II", numerator, denominator) * 3
    return _exif(_ifd((0x8825, 4, 1, struct.pack(">I", directory))) + body)


def _thumbnail(offset: int, length: int) -> bytes:
    """A directory that says where a thumbnail lies."""
    rows = ((0x0201, 4, 1, struct.pack(">I", offset)), (0x0202, 4, 1, struct.pack(">I", length)))
    return _ifd(*rows)[8:]


def _thumbnails(depth: int) -> bytes:
    jpeg = good((64, 64))
    for _ in range(depth):
        body = _ifd(then=14) + _thumbnail(14 + 30, len(jpeg)) + jpeg
        jpeg = _exif(body)
    return jpeg


def _icc(chunk: int, of: int, size: int) -> bytes:
    return _segment(0xE2, b"ICC_PROFILE\0" + bytes((chunk, of)) + b"\xa5" * size)


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "'
    + MARKER
    + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><x:xmpmeta xmlns:x='adobe:ns:meta/'>&j;</x:xmpmeta>"
)


def _truth(mode: str) -> Maker:
    return lambda: good(mode=mode)


def kinds() -> Iterator[tuple[str, Maker]]:
    """Each with its name."""
    yield "jpeg: two bytes", lambda: SOI
    yield "jpeg: three bytes", lambda: SOI + b"\xff"
    for marker, name in ((0xE0, "APP0"), (0xDB, "tables"), (0xC0, "frame"), (0xC4, "codes")):
        yield f"jpeg: cut in its {name}", lambda marker=marker: _cut(marker)  # type: ignore[misc]
    yield "jpeg: cut in the middle", lambda: good()[: len(good()) // 2]
    yield "jpeg: without an end", lambda: good()[:-2]
    yield "jpeg: a megabyte behind its end", lambda: good() + MARKER * 50_000
    yield "jpeg: an archive behind its end", lambda: good() + b"PK\x03\x04" + MARKER + b"\0" * 500
    yield "jpeg: a page in a comment", lambda: _with(_segment(0xFE, b"<html><script>" + MARKER))
    yield "jpeg: ten thousand comments", lambda: _with(_segment(0xFE, MARKER) * 10_000)
    yield "jpeg: 180 long segments", lambda: _with(_segment(0xE5, MARKER * 3_000) * 180)
    yield "jpeg: five megabytes of padding", lambda: SOI + b"\xff" * 5_000_000 + good()[2:]
    for width, height in ((65_500, 65_500), (65_500, 1), (1, 65_500), (0, 240), (320, 0), (60_000, 200)):
        yield f"jpeg: says {width} x {height}", lambda size=(width, height): _sized(*size)  # type: ignore[misc]
    yield "jpeg: is 16,000 x 40", lambda: good((16_000, 40))
    yield "jpeg: is 40 x 16,000", lambda: good((40, 16_000))
    yield "jpeg: 52 megapixels of one colour", lambda: _flat(7_300, 7_200)
    yield "jpeg: 49 megapixels of one colour", lambda: _flat(7_000, 7_000)
    yield "jpeg: 16 megapixels of noise", lambda: _noise(4_000, 4_000)
    yield "jpeg: 500 scans", lambda: _scans(500)
    yield "jpeg: 5,000 scans", lambda: _scans(5_000)
    yield "jpeg: progressive", lambda: good(progressive=True)
    for frame, name in ((0xC3, "lossless"), (0xC9, "arithmetic"), (0xC5, "differential"), (0xC7, "odd")):
        yield f"jpeg: {name} frame", lambda frame=frame: _patched(0xC0, 1, bytes((frame,)))  # type: ignore[misc]
    yield "jpeg: 12 bits a sample", lambda: _patched(0xC0, 4, b"\x0c")
    yield "jpeg: 200 components", lambda: _patched(0xC0, 9, b"\xc8")
    yield "jpeg: sampled 15 x 15", lambda: _patched(0xC0, 11, b"\xff")
    yield "jpeg: sampled 0 x 0", lambda: _patched(0xC0, 11, b"\x00")
    yield "jpeg: table of nowhere", lambda: _patched(0xC0, 12, b"\x09")
    yield "jpeg: no code tables", lambda: _without(0xC4)
    yield "jpeg: no quantisation", lambda: _without(0xDB)
    yield "jpeg: codes that cannot be", lambda: _patched(0xC4, 5, b"\xff" * 16)
    yield "jpeg: no frame", lambda: _without(0xC0)
    yield "jpeg: two frames", _two_frames
    yield "jpeg: restarts at every block", lambda: _with(_segment(0xDD, b"\0\1"))
    yield "jpeg: cmyk", _truth("CMYK")
    yield "jpeg: grey", _truth("L")
    yield "jpeg: thrown dice behind its head", lambda: SOI + b"\xff" + _dice(200_000)
    yield "jpeg: exif that goes round", lambda: _exif(_ifd((0x8769, 4, 1, struct.pack(">I", 8)), then=8))
    yield "jpeg: exif of 2^32 values", lambda: _exif(_ifd((0x010E, 2, 2**32 - 1, b"\xff\xff\xff\xff")))
    yield (
        "jpeg: exif of 5,000 tags",
        lambda: _exif(_ifd(*((0x9000 + n % 4_000, 3, 1, b"\0\1\0\0") for n in range(5_000)))),
    )
    yield "jpeg: exif cut short", lambda: _exif(b"MM\0*\0\0")
    yield "jpeg: exif with words", lambda: _exif(_ifd((0x010E, 2, 4, MARKER[:3] + b"\0")))
    for value in (0, 9, 65_535):
        yield f"jpeg: orientation {value}", lambda value=value: _orientation(value)  # type: ignore[misc]
    yield "jpeg: a thumbnail in a thumbnail in a thumbnail", lambda: _thumbnails(3)
    yield "jpeg: a thumbnail beyond the end", lambda: _exif(_ifd() + _thumbnail(2**31, 2**31))
    yield "jpeg: at 9,999 degrees", lambda: _gps(9_999, 1)
    yield "jpeg: at 0/0 degrees", lambda: _gps(0, 0)
    yield "jpeg: a megabyte of colour profile", lambda: _with(*(_icc(n, 16, 65_000) for n in range(1, 17)))
    yield "jpeg: a profile without its middle", lambda: _with(_icc(1, 3, 100), _icc(3, 3, 100))
    yield (
        "jpeg: xmp that laughs a billion times",
        lambda: _with(_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + LAUGHS)),
    )
    yield (
        "jpeg: two pictures, wrong offsets",
        lambda: _with(
            _segment(0xE2, b"MPF\0" + _ifd((0xB001, 4, 1, b"\0\0\0\x05"), (0xB002, 7, 80, b"\xff\xff\xff\0")))
        ),
    )


def _two_frames() -> bytes:
    jpeg = good()
    at = _find(jpeg, 0xC0)
    length = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[: at + length] + jpeg[at : at + length] + jpeg[at + length :]


def _flat(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 150)).save(buffer, "JPEG", quality=30)
    return buffer.getvalue()


def _noise(width: int, height: int) -> bytes:
    noise = np.random.default_rng(3).integers(0, 255, (height, width), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=40)
    return buffer.getvalue()


def _dice(count: int) -> bytes:
    return np.random.default_rng(5).integers(0, 255, count, np.uint8).tobytes()
