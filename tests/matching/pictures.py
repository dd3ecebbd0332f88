"""Pictures for tests: made here, or renderings of people who do not exist."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

FACES = Path(__file__).resolve().parents[1] / "faces"


def face_file(name: str) -> bytes:
    return (FACES / f"{name}.jpg").read_bytes()


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """A picture without symmetry: every corner has a colour of its own."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    waves = 60 * np.sin(9 * across + 4 * down**2) + 60 * np.cos(7 * down * (1 + across))
    levels = np.stack([128 + waves, 60 + 190 * across, 250 - 190 * down], axis=-1)
    image = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 4, height // 4), fill=(220, 20, 20))
    draw.rectangle((width * 3 // 4, 0, width, height // 4), fill=(20, 200, 20))
    draw.rectangle((0, height * 3 // 4, width // 4, height), fill=(20, 20, 220))
    return image


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment after its first marker."""
    return jpeg[:2] + bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content + jpeg[2:]


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG from its raw rows (each with its filter byte), or only a header and some bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def with_frame_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header lies about its size."""
    at = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def scan_bomb(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    jpeg = encoded(Image.new("RGB", (64, 64)), progressive=True)
    last = jpeg.rfind(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * scans + jpeg[-2:]


def rgb_profile(red: int, green: int, blue: int) -> bytes:
    """A colour profile like sRGB's, but for what its channels mean: 0 red, 1 green, 2 blue."""
    primaries = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65_536) for value in values))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    text = b"text" + bytes(4) + b"none" + bytes(4)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79),
        b"cprt": text,
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(primaries[red]),
        b"gXYZ": xyz(primaries[green]),
        b"bXYZ": xyz(primaries[blue]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    at = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", at + len(content), len(tag))
        content += tag
    head = struct.pack(">I", at + len(content)) + bytes(4) + b"\x02\x10\0\0mntrRGB XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(value * 65_536) for value in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + content
