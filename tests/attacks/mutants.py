"""Good pictures of every format that is read, and mutants of them, some of which know the format."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import partial

import pillow_heif
from PIL import Image

from tests.attacks.hostile_jpeg import good

pillow_heif.register_heif_opener()

INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
MOST_BYTES = 400_000
Pieces = list[bytes]
Change = Callable[[bytes], bytes]
Whole = Callable[[bytes, bytes, Change], bytes]


def seeds() -> tuple[bytes, ...]:
    """One good picture for each way of writing one."""
    picture = Image.open(io.BytesIO(good((96, 72))))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (22.0, 30.0, 0.0), 3: "E", 4: (114.0, 0.0, 0.0)})

    def saved(form: str, mode: str = "RGB", **options: object) -> bytes:
        buffer = io.BytesIO()
        picture.convert(mode).save(buffer, form, **options)
        return buffer.getvalue()

    return (
        saved("JPEG", exif=exif),
        saved("JPEG", progressive=True, subsampling=2),
        saved("JPEG", mode="CMYK"),
        saved("MPO", save_all=True, append_images=[picture]),
        saved("PNG", exif=exif),
        saved("PNG", mode="P"),
        saved("PNG", mode="LA"),
        saved("PNG", mode="1"),
        saved("WEBP", exif=exif),
        saved("WEBP", mode="RGBA", lossless=True),
        saved("WEBP", save_all=True, append_images=[picture]),
        saved("HEIF", exif=exif.tobytes()),
        saved("AVIF", exif=exif.tobytes()),
    )


def mutant(dice: random.Random, good_ones: tuple[bytes, ...]) -> bytes:
    """A picture with one to six things changed."""
    data = dice.choice(good_ones)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        data = dice.choice((*_BLIND, _by_structure, _by_structure, _by_structure))(dice, data)[:MOST_BYTES]
    if dice.random() < 1 / 20:
        other = dice.choice(good_ones)
        data = data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other)) :]
    return data[:MOST_BYTES]


def _flipped(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), dice.choice((1, 4, 32)))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _numbered(dice: random.Random, data: bytes) -> bytes:
    """A number put where perhaps one was."""
    size = dice.choice((1, 2, 4, 8))
    number = dice.choice(INTERESTING) % (1 << 8 * size)
    put = number.to_bytes(size, "big" if dice.random() < 1 / 2 else "little")
    at = dice.randrange(min(len(data), dice.choice((64, 1_000, MOST_BYTES))) + 1)
    return data[:at] + put + data[at + size :]


def _cut(dice: random.Random, data: bytes) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _removed(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[at + dice.choice((1, 2, 4, 16, 300)) :]


def _repeated(dice: random.Random, data: bytes) -> bytes:
    at, length = dice.randrange(len(data) + 1), dice.choice((1, 4, 64, 1_000))
    return data[:at] + data[at : at + length] * dice.choice((2, 3, 100)) + data[at:]


def _diced(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.randbytes(dice.choice((1, 8, 500))) + data[at:]


_BLIND: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flipped, _numbered, _cut),
    *(_removed, _repeated, _diced),
)


def _by_structure(dice: random.Random, data: bytes) -> bytes:
    """Its pieces in another order, one twice, one less, or one changed; lengths and checksums stay right."""
    if data.startswith(b"\xff\xd8"):
        return b"".join(_rearranged(dice, _jpeg_pieces(data), _segment))
    if data.startswith(b"\x89PNG"):
        return data[:8] + b"".join(_rearranged(dice, _png_pieces(data), _png_chunk))
    if data.startswith(b"RIFF"):
        body = b"".join(_rearranged(dice, _riff_pieces(data), _riff_chunk))
        return data[:4] + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    if data[4:8] == b"ftyp":
        return _boxed(dice, data)
    return data


def _rearranged(dice: random.Random, pieces: Pieces, whole: Whole) -> Pieces:
    """The pieces changed; `whole` makes one anew with its contents changed."""
    if not pieces:
        return pieces
    at, other = dice.randrange(len(pieces)), dice.randrange(len(pieces))
    match dice.randrange(4):
        case 0:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        case 1:
            pieces.insert(other, pieces[at] * dice.choice((1, 1, 3, 200)))
        case 2 if len(pieces) > 1:
            del pieces[at]
        case _:
            kind, contents = pieces[at][:8], pieces[at][8:]
            if contents:
                pieces[at] = whole(kind, contents, partial(dice.choice(_BLIND), dice))
    return pieces


def _jpeg_pieces(data: bytes) -> Pieces:
    pieces, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        pieces.append(data[at:end])
        at = end
    return [*pieces, data[at:]]


def _segment(head: bytes, contents: bytes, change: Change) -> bytes:
    contents = change(contents)
    if head[:1] != b"\xff" or head[1:2] in {b"\xda", b"\xd8"}:
        return head + contents
    return head[:2] + struct.pack(">H", (len(contents) + 6) % 65_536) + head[4:] + contents


def _png_pieces(data: bytes) -> Pieces:
    pieces, at = [], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        pieces.append(data[at:end])
        at = end
    return pieces


def _png_chunk(head: bytes, contents: bytes, change: Change) -> bytes:
    kind, body = head[4:8], contents[:-4]
    try:
        # Pixels are changed themselves: what is squeezed would not unpack afterwards.
        body = zlib.compress(change(zlib.decompress(body))) if kind == b"IDAT" else change(body)
    except zlib.error:
        body = change(body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _riff_pieces(data: bytes) -> Pieces:
    pieces, at = [], 12
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        pieces.append(data[at:end])
        at = end
    return pieces


def _riff_chunk(head: bytes, contents: bytes, change: Change) -> bytes:
    contents = change(contents)
    return head[:4] + struct.pack("<I", len(contents)) + contents + b"\0" * (len(contents) % 2)


def _boxed(dice: random.Random, data: bytes) -> bytes:
    """A number inside one of the boxes that say sizes, places and properties, or a box's length, changed."""
    names = (
        b"ispe",
        b"iloc",
        b"ipma",
        b"iinf",
        b"infe",
        b"hvcC",
        b"av1C",
        b"pixi",
        b"colr",
        b"iref",
        b"pitm",
    )
    places = [at for name in names if (at := data.find(name)) >= 4]
    if not places:
        return data
    at = dice.choice(places)
    size = int.from_bytes(data[at - 4 : at], "big")
    where = at - 4 if dice.random() < 1 / 4 else at + 4 + dice.randrange(max(1, min(size - 8, 200)))
    width = dice.choice((1, 2, 4))
    number = dice.choice((*INTERESTING, dice.randrange(2**32))) % (1 << 8 * width)
    return data[:where] + number.to_bytes(width, "big") + data[where + width :]
