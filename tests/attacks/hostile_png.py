"""Hostile PNGs, chunk by chunk."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.attacks.hostile_jpeg import LAUGHS, MARKER, Maker

HEAD = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, RGBA = 0, 2, 3, 6


def chunk(kind: bytes, body: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    """One chunk, whose length and checksum may lie."""
    right = zlib.crc32(kind + body)
    return (
        struct.pack(">I", len(body) if length is None else length)
        + kind
        + body
        + struct.pack(">I", right if crc is None else crc)
    )


def header(width: int, height: int, depth: int = 8, colour: int = RGB, interlaced: int = 0) -> bytes:
    """The first chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


END = chunk(b"IEND", b"")
ROWS = zlib.compress((b"\0" + bytes(range(192))) * 64)
"""64 rows of 64 RGB pixels."""


def _png(*chunks: bytes) -> bytes:
    return HEAD + b"".join(chunks) + END


def _good(*inserted: bytes) -> bytes:
    return _png(header(64, 64), *inserted, chunk(b"IDAT", ROWS))


def _zeros(count: int) -> bytes:
    """That many zeros, squeezed, without ever being in memory."""
    squeezing, piece = zlib.compressobj(9), b"\0" * 2**20
    out = [squeezing.compress(piece) for _ in range(count // len(piece))]
    out.append(squeezing.compress(piece[: count % len(piece)]))
    return b"".join((*out, squeezing.flush()))


def _flat(width: int, height: int) -> bytes:
    return _png(header(width, height, colour=GREY), chunk(b"IDAT", _zeros((width + 1) * height)))


def _sevens(mode: str) -> bytes:
    """49 megapixels of a mode that has to be turned into RGB."""
    return _saved(Image.new(mode, (7_000, 7_000)), compress_level=1)


def _interlaced(width: int, height: int) -> bytes:
    """RGBA in seven passes; the rows of all of them together, nothing but zeros."""
    count = 0
    for left, top, right, down in _PASSES:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        count += rows * (1 + 4 * columns)
    return _png(header(width, height, colour=RGBA, interlaced=1), chunk(b"IDAT", _zeros(count)))


_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _saved(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def _frames(count: int) -> bytes:
    frames = [Image.new("RGB", (64, 64), (n % 256, 0, 0)) for n in range(count)]
    return _saved(frames[0], save_all=True, append_images=frames[1:])


def kinds() -> Iterator[tuple[str, Maker]]:
    """Each with its name."""
    yield "png: eight bytes", lambda: HEAD
    yield "png: a header alone", lambda: HEAD + header(64, 64)
    yield "png: nothing but header and end", lambda: _png(header(64, 64))
    yield "png: cut in its pixels", lambda: _good()[:-60]
    yield "png: wrong checksum", lambda: _png(header(64, 64), chunk(b"IDAT", ROWS, crc=1))
    yield "png: pixels that do not unpack", lambda: _png(header(64, 64), chunk(b"IDAT", MARKER * 20))
    yield "png: too few pixels", lambda: _png(header(64, 640), chunk(b"IDAT", ROWS))
    yield "png: too many pixels", lambda: _png(header(64, 40), chunk(b"IDAT", ROWS))
    yield "png: pixels before the header", lambda: _png(chunk(b"IDAT", ROWS), header(64, 64))
    yield "png: two headers", lambda: _png(header(64, 64), header(6_000, 6_000), chunk(b"IDAT", ROWS))
    for width, height in ((0, 64), (64, 0), (60_000, 60_000), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1)):
        yield (
            f"png: says {width} x {height}",
            lambda size=(width, height): _png(  # type: ignore[misc]
                header(*size), chunk(b"IDAT", ROWS)
            ),
        )
    yield "png: 144 megapixels in 140 KB", lambda: _flat(12_000, 12_000)
    yield "png: 49 megapixels in 50 KB", lambda: _flat(7_000, 7_000)
    for mode in ("LA", "RGBA", "I;16", "P", "1"):
        yield f"png: 49 megapixels of {mode}", lambda mode=mode: _sevens(mode)  # type: ignore[misc]
    yield "png: 49 megapixels in seven passes", lambda: _interlaced(7_000, 7_000)
    yield "png: 16,384 x 40", lambda: _flat(16_384, 40)
    yield "png: 20,000 x 40", lambda: _flat(20_000, 40)
    yield "png: 1 x 1", lambda: _flat(1, 1)
    yield "png: 20 x 20", lambda: _flat(20, 20)
    for depth, colour in ((3, GREY), (8, 5), (16, PALETTE), (1, RGB)):
        yield (
            f"png: {depth} bits of colour {colour}",
            lambda form=(depth, colour): _png(  # type: ignore[misc]
                header(64, 64, *form), chunk(b"IDAT", ROWS)
            ),
        )
    yield "png: palette without colours", lambda: _png(header(64, 64, 8, PALETTE), chunk(b"IDAT", ROWS))
    yield (
        "png: colours beyond the palette",
        lambda: _png(
            header(64, 64, 8, PALETTE),
            chunk(b"PLTE", b"\0\0\0\xff\xff\xff"),
            chunk(b"IDAT", zlib.compress((b"\0" + b"\xfe" * 64) * 64)),
        ),
    )
    yield (
        "png: a palette of 300",
        lambda: _png(header(64, 64, 8, PALETTE), chunk(b"PLTE", b"\7" * 900), chunk(b"IDAT", ROWS)),
    )
    yield "png: 16 bits", lambda: _saved(Image.new("I;16", (200, 200), 40_000))
    yield "png: one bit", lambda: _saved(Image.new("1", (200, 200), 1))
    yield "png: see-through", lambda: _saved(Image.new("RGBA", (200, 200), (9, 9, 9, 0)))
    for name, depth, colour, samples in (("see-through", 8, RGBA, 4), ("16 bits, see-through", 16, RGBA, 8)):
        yield (
            f"png: 49 megapixels, {name}",
            lambda form=(depth, colour), samples=samples: _png(  # type: ignore[misc]
                header(7_000, 7_000, *form), chunk(b"IDAT", _zeros(7_000 * (samples * 7_000 + 1)))
            ),
        )
    yield (
        "png: 49 megapixels, 16 bits of grey",
        lambda: _png(header(7_000, 7_000, 16, GREY), chunk(b"IDAT", _zeros(7_000 * (2 * 7_000 + 1)))),
    )
    yield (
        "png: interlaced, cut",
        lambda: _png(header(64, 64, interlaced=1), chunk(b"IDAT", zlib.compress(b"\0" * 900))),
    )
    yield "png: 300 frames", lambda: _frames(300)
    yield "png: frames that lie", lambda: _good(chunk(b"acTL", struct.pack(">II", 2**31, 0)))
    yield "png: 20,000 texts", lambda: _good(chunk(b"tEXt", b"Comment\0" + MARKER) * 20_000)
    yield (
        "png: 30 texts of 50 MB each",
        lambda: _good(chunk(b"zTXt", b"Comment\0\0" + _zeros(50_000_000)) * 30),
    )
    yield "png: a profile of 200 MB", lambda: _good(chunk(b"iCCP", b"icc\0\0" + _zeros(200_000_000)))
    yield (
        "png: xmp that laughs a billion times",
        lambda: _good(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LAUGHS)),
    )
    yield (
        "png: exif that goes round",
        lambda: _good(chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x08\0\0\0\x08")),
    )
    yield "png: gamma of nothing", lambda: _good(chunk(b"gAMA", b"\0\0\0\0"))
    yield "png: a chunk of 2 GB", lambda: HEAD + header(64, 64) + chunk(b"IDAT", ROWS, length=2**31 - 1)
    yield "png: a chunk of -1", lambda: HEAD + header(64, 64) + chunk(b"tEXt", MARKER, length=2**32 - 1)
    yield "png: 50,000 empty chunks", lambda: _good(chunk(b"teSt", b"") * 50_000)
    yield "png: a critical chunk nobody knows", lambda: _good(chunk(b"QUUX", MARKER))
    yield "png: an archive behind its end", lambda: _good() + b"PK\x03\x04" + MARKER
