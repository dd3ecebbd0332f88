"""Hostile WebP, HEIC and AVIF files, and files of formats that are not read at all."""

import gzip
import io
import struct
import zipfile
from collections.abc import Iterator

import numpy as np
import pillow_heif
from PIL import Image

from tests.attacks.hostile_jpeg import LAUGHS, MARKER, Maker, good
from tests.matching.pictures import face_file

pillow_heif.register_heif_opener()


def _picture(width: int = 320, height: int = 240) -> Image.Image:
    return Image.open(io.BytesIO(good((width, height))))


def _saved(form: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture or _picture()).save(buffer, form, **options)
    return buffer.getvalue()


def _coarse(width: int, height: int) -> Image.Image:
    return _picture().resize((width, height), Image.Resampling.BICUBIC)


_CROWDS = (
    *(("JPEG", "RGB", 350), ("JPEG", "CMYK", 350), ("PNG", "RGBA", 350), ("PNG", "LA", 350)),
    *(("WEBP", "RGBA", 220), ("HEIF", "RGB", 350), ("AVIF", "RGBA", 315)),
)


def _crowd(across: int, side: int) -> Image.Image:
    """One face in rows and columns."""
    face = Image.open(io.BytesIO(face_file("p0040-portrait0"))).convert("RGB").resize((side, side))
    crowd = Image.new("RGB", (across * side, across * side))
    for number in range(across**2):
        crowd.paste(face, (number % across * side, number // across * side))
    return crowd


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _says(data: bytes, width: int, height: int) -> bytes:
    """The same with another size in each box that says one (`ispe`)."""
    changed, at = bytearray(data), data.find(b"ispe")
    while at >= 0:
        changed[at + 8 : at + 16] = struct.pack(">II", width, height)
        at = data.find(b"ispe", at + 4)
    return bytes(changed)


def _located(data: bytes, offset: int) -> bytes:
    """The same with its pixels said to lie elsewhere (`iloc`)."""
    at = data.index(b"iloc")
    changed = bytearray(data)
    changed[at + 14 : at + 26] = struct.pack(">III", offset, offset, offset)
    return bytes(changed)


def _box(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", len(body) + 8 if size is None else size) + kind + body


FTYP = _box(b"ftyp", b"heic\0\0\0\0mif1heic")


def _deep(levels: int) -> bytes:
    body = b""
    for _ in range(levels):
        body = _box(b"meta", b"\0\0\0\0" + body)
    return FTYP + body


def _riff(body: bytes, size: int | None = None) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4 if size is None else size) + b"WEBP" + body


def _canvas(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _riff(b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + sides + _saved("WEBP")[12:])


def _moving(count: int) -> bytes:
    frames = [Image.new("RGB", (64, 64), (n % 256, 9, 9)) for n in range(count)]
    return _saved("WEBP", frames[0], save_all=True, append_images=frames[1:])


def kinds() -> Iterator[tuple[str, Maker]]:
    """Each with its name: those of formats that are read, then the others."""
    yield "webp: cut in half", lambda: _half(_saved("WEBP"))
    yield "webp: a head alone", lambda: _saved("WEBP")[:12]
    yield "webp: a size that lies", lambda: _riff(_saved("WEBP")[12:], size=2**32 - 1)
    yield "webp: pixels of dice", lambda: _riff(b"VP8L" + struct.pack("<I", 4_000) + b"\x2f" + MARKER * 200)
    yield "webp: a canvas of 16 million squared", lambda: _canvas(2**24, 2**24)
    yield (
        "webp: 16,383 x 3,000 of one colour",
        lambda: _saved("WEBP", Image.new("RGB", (16_383, 3_000)), lossless=True),
    )
    yield (
        "webp: 30 megapixels, see-through",
        lambda: _saved("WEBP", Image.new("RGBA", (6_000, 5_000), (9, 9, 9, 90)), lossless=True),
    )
    yield "heif: 48 megapixels", lambda: _saved("HEIF", Image.new("RGB", (8_000, 6_000), (9, 90, 9)))
    yield (
        "avif: 48 megapixels",
        lambda: _saved("AVIF", Image.new("RGB", (8_000, 6_000), (9, 90, 9)), speed=10),
    )
    yield "webp: 200 frames", lambda: _moving(200)
    yield (
        "webp: exif that goes round",
        lambda: _saved("WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x08\0\0\0\x08"),
    )
    yield "webp: xmp that laughs", lambda: _saved("WEBP", xmp=LAUGHS)
    for form in ("HEIF", "AVIF"):
        low = form.lower()
        yield f"{low}: cut in half", lambda form=form: _half(_saved(form))  # type: ignore[misc]
        yield f"{low}: says 60,000 x 60,000", lambda form=form: _says(_saved(form), 60_000, 60_000)  # type: ignore[misc]
        yield f"{low}: says 0 x 0", lambda form=form: _says(_saved(form), 0, 0)  # type: ignore[misc]
        yield f"{low}: says 16 x 16", lambda form=form: _says(_saved(form), 16, 16)  # type: ignore[misc]
        yield f"{low}: pixels beyond its end", lambda form=form: _located(_saved(form), 2**31)  # type: ignore[misc]
        yield f"{low}: a bit in each hundred turned", lambda form=form: _turned(_saved(form))  # type: ignore[misc]
    for form in ("HEIF", "AVIF", "JPEG"):
        yield (
            f"{form.lower()}: 49 megapixels of noise",
            lambda form=form: _saved(form, _coarse(7_000, 7_000), quality=20),  # type: ignore[misc]
        )
    yield (
        "jpeg: 49 megapixels, progressive, CMYK",
        lambda: _saved("JPEG", Image.new("CMYK", (7_000, 7_000), (9, 99, 9, 0)), progressive=True),
    )
    for form, mode, side in _CROWDS:
        yield (
            f"{form.lower()}: {(20 * side) ** 2 // 1_000_000} megapixels of {mode} with 400 faces",
            lambda form=form, mode=mode, side=side: _saved(  # type: ignore[misc]
                form, _crowd(20, side).convert(mode)
            ),
        )
    yield "png: a crowd of 900", lambda: _saved("PNG", _crowd(30, 64))
    yield "webp: 19 megapixels of noise", lambda: _saved("WEBP", _coarse(4_400, 4_400), quality=20, method=0)
    yield "heif: brands alone", lambda: FTYP
    yield "heif: a box of size 1 without more", lambda: FTYP + _box(b"meta", b"", size=1)
    yield "heif: a box of 4 GB", lambda: FTYP + _box(b"meta", MARKER, size=2**32 - 1)
    yield "heif: a box that never ends", lambda: FTYP + _box(b"meta", MARKER, size=0)
    yield "heif: 10,000 boxes in each other", lambda: _deep(10_000)
    yield "heif: ten pictures", lambda: _saved("HEIF", save_all=True, append_images=[_picture()] * 9)
    for form in ("GIF", "BMP", "TIFF", "ICO", "TGA", "DDS", "PPM", "PCX", "JPEG2000", "EPS", "PDF", "SGI"):
        yield f"other: {form}", lambda form=form: _saved(form)  # type: ignore[misc]
    yield (
        "other: svg that reads a file",
        lambda: b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><svg>&f;</svg>',
    )
    yield "other: svg with a script", lambda: b"<svg onload='alert(1)'>" + MARKER + b"</svg>"
    yield "other: svg in sixteen bits", lambda: "<svg><script/></svg>".encode("utf-16")
    yield "other: a page", lambda: b"<!doctype html><script>" + MARKER + b"</script>"
    yield "other: drawing commands", lambda: b"push graphic-context\nimage over 0,0 0,0 'https://x/'\n"
    yield "other: photoshop", lambda: b"8BPS\0\1" + b"\0" * 6 + b"\0\3\0\0\0\x40\0\0\0\x40\0\x08\0\3" + MARKER
    yield "other: jpeg xl", lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + MARKER
    yield "other: a film", lambda: _box(b"ftyp", b"isom\0\0\2\0mp41") + _box(b"mdat", MARKER * 50)
    yield "other: sound", lambda: b"RIFF\x24\0\0\0WAVEfmt " + MARKER
    yield "other: an archive", _zipped
    yield "other: a squeezed gigabyte", lambda: gzip.compress(b"\0" * 50_000_000)
    yield "other: a program", lambda: b"\x7fELF\2\1\1" + b"\0" * 100 + MARKER
    yield "other: one byte", lambda: b"\xff"
    yield "other: ten zeros", lambda: b"\0" * 10
    yield "other: words", lambda: MARKER * 10
    yield "other: 12 megabytes of dice", lambda: np.random.default_rng(1).bytes(12_000_000)
    yield "other: an empty file", lambda: b""


def _turned(data: bytes) -> bytes:
    changed = bytearray(data)
    for at in range(60, len(changed), 100):
        changed[at] ^= 4
    return bytes(changed)


def _zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../etc/passwd", MARKER)
    return buffer.getvalue()
