"""Pictures that nobody has seen before, with a face that somebody may have; all files of one size."""

import io
import random
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from matching.dlib_package import load_face_recognition

PICTURES = Path(__file__).parents[2] / "app" / "demo" / "pictures"
FILE_BYTES = 100_000
"""Of every file: what is sent takes equally long."""
SIZE = (480, 380)
HEAD_HEIGHT = 200
"""Of a head and its hair; so little of the photo it comes from is no copy of that photo."""


MISSED = {"p0004", "p0008", "p0009"}
"""People whose street photo no encoder takes for their portrait."""


def people() -> list[str]:
    """Those of the demo's people who have a portrait and a photo from the street that resembles it."""
    both = {
        path.name.partition("-")[0]
        for path in PICTURES.glob("*-tip0.jpg")
        if (PICTURES / path.name.replace("tip0", "portrait0")).exists()
    }
    return sorted(both - MISSED)


def portrait(person: str) -> bytes:
    """A person's portrait."""
    return (PICTURES / f"{person}-portrait0.jpg").read_bytes()


def street(person: str, seed: int) -> bytes:
    """A new picture with a person somewhere in it: no two seeds give one picture."""
    chance = random.Random(seed)  # noqa: S311 - backgrounds, no secret
    scene = Image.new("RGB", SIZE, tuple(chance.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(scene)
    for _ in range(90):
        x, y = chance.randrange(SIZE[0]), chance.randrange(SIZE[1])
        box = (x, y, x + chance.randrange(20, 200), y + chance.randrange(20, 200))
        shape = chance.choice([draw.rectangle, draw.ellipse])
        shape(box, fill=tuple(chance.randrange(256) for _ in range(3)))
    head = _head(person)
    scene.paste(head, (chance.randrange(SIZE[0] - head.width), chance.randrange(SIZE[1] - head.height)))
    return _file(scene, 80)


@cache
def _head(person: str) -> Image.Image:
    """A person's head, cut out of the photo from the street."""
    with Image.open(PICTURES / f"{person}-tip0.jpg") as opened:
        photo = opened.convert("RGB")
    faces = load_face_recognition().face_locations(np.asarray(photo))
    top, right, bottom, left = max(faces, key=lambda face: face[2] - face[0])
    margin = (bottom - top) // 2
    head = photo.crop((left - margin, top - margin, right + margin, min(bottom + margin, photo.height)))
    return head.resize((head.width * HEAD_HEIGHT // head.height, HEAD_HEIGHT))


def copied(data: bytes) -> bytes:
    """The same picture as a messenger would pass it on."""
    with Image.open(io.BytesIO(data)) as opened:
        return _file(opened.resize((opened.width * 4 // 5, opened.height * 4 // 5)), 70)


def _file(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    data = buffer.getvalue()
    missing = FILE_BYTES - len(data)
    if missing < 0:
        msg = f"a picture has {len(data)} bytes, more than all are to have"
        raise ValueError(msg)
    filled = b""
    while missing:
        # A comment has a marker, a length and at most 65,533 bytes; none may be left too short for a marker.
        size = min(missing, 60_000) if missing < 60_000 or missing > 60_010 else 30_000
        filled += b"\xff\xfe" + (size - 2).to_bytes(2, "big") + bytes(size - 4)
        missing -= size
    return data[:2] + filled + data[2:]
