"""Street pictures of 12 megapixels, put together when they are needed from small pictures of people.

No picture file of this size lies in the repository; the same seed gives the same bytes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from matching.evaluate.manifest import ManifestError, read_dataset
from matching.photo import Pixels

WIDTH, HEIGHT = 4032, 3024
"""Pixels; a 12-megapixel phone's."""

FACE_OF_HEAD: Final = 0.53
"""Height of a face, brows to chin, of the side of its head's box.

Source:
    Median height of MTCNN's boxes in 60 synthetic street scenes; HOG's have 0.44.
"""

SEED: Final = 20_261_123

_FOLDER: Final = Path(__file__).resolve().parents[2] / "tests" / "faces"
_HEADS: Final = {
    "p0040-tip1": (236, 393, 423),
    "p0041-tip1": (130, 762, 262),
    "p0042-tip0": (45, 575, 449),
    "p0044-tip1": (281, 484, 284),
    "p0045-tip0": (209, 614, 410),
    "p0045-tip1": (312, 647, 377),
}
"""Left, top and side, in pixels, of the child's head in the pictures of people who do not exist."""

_LARGEST, _SMALLEST = 600.0, 100.0
"""Pixels of face height, the nearest child's and the farthest one's."""
_AROUND: Final = 0.15
"""How much of a head's box is taken along on each side; more would show whoever stands beside."""
_GRAIN: Final = 6.5
"""Standard deviation of the sensor's noise in grey levels: with it the file has 3.5 MB, as from a phone."""
_QUALITY: Final = 90
_GROUNDS: Final = 3
"""Different streets."""


@dataclass(frozen=True, slots=True)
class Person:
    """A picture of a person, and where the head is."""

    path: Path
    head: tuple[int, int, int, int]
    """Left, top, width, height in pixels; it may reach beyond the border."""


@dataclass(frozen=True, slots=True, eq=False)
class Street:
    """A street picture, and where people's heads are."""

    jpeg: bytes
    centres: NDArray[np.float32]
    """(n, 2): (x, y) of the middle of each face, pixels."""
    heights: NDArray[np.float32]
    """(n,) pixels of face height."""


def people(manifest: Path | None = None) -> tuple[Person, ...]:
    """People to put into streets.

    Args:
        manifest: labelled pictures; their street scenes are used. None: the pictures of the tests.

    Raises:
        ManifestError: it cannot be read, or has no street scene.
        FileNotFoundError: the pictures of the tests are not there.
    """
    if manifest is not None:
        pictures = read_dataset(manifest).pictures
        known = tuple(Person(each.path, each.head_box) for each in pictures if each.head_box is not None)
        if not known:
            raise ManifestError("There is no street scene with a head's box.")
        return known
    found = [Person(_FOLDER / f"{name}.jpg", (x, y, side, side)) for name, (x, y, side) in _HEADS.items()]
    for person in found:
        if not person.path.is_file():
            raise FileNotFoundError(f"there is no picture {person.path.name}: give a manifest")
    return tuple(found)


def street(persons: Sequence[Person], faces: int, seed: int = SEED) -> Street:
    """A street with children near and far.

    Args:
        persons: who may stand in it, at least one.
        faces: how many stand in it, 1 to 12.
        seed: decides everything that is left to chance.
    """
    heights = np.geomspace(_LARGEST, _SMALLEST, faces) if faces > 1 else np.array([_LARGEST])
    return composed([persons[number % len(persons)] for number in range(faces)], heights, 0.0, seed)


def composed(
    persons: Sequence[Person], heights: Sequence[float] | NDArray[np.float64], degrees: float, seed: int
) -> Street:
    """A street in which people stand.

    Args:
        persons: one for each face.
        heights: pixels of each one's face.
        degrees: by which each is turned, counter-clockwise.
        seed: decides the ground and the places.

    Raises:
        ValueError: there is no room for so many of this size.
    """
    picture = Image.fromarray(_ground(seed % _GROUNDS))
    places = _places(np.random.default_rng(seed), len(persons), max(heights))
    for person, height, place in zip(persons, heights, places, strict=True):
        _paste(picture, person, height, degrees, place)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return Street(buffer.getvalue(), np.array(places, np.float32), np.array(heights, np.float32))


@lru_cache(maxsize=2)
def _ground(seed: int) -> Pixels:
    """Walls, windows and asphalt: what a detector has to look at and pass by; and the sensor's noise."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (WIDTH, HEIGHT), (112, 108, 104))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, WIDTH, HEIGHT // 3), fill=(140, 160, 185))
    left = -100
    while left < WIDTH:
        width, top = int(rng.integers(300, 700)), int(rng.integers(100, 700))
        wall = rng.integers(70, 190, 3)
        draw.rectangle((left, top, left + width, HEIGHT // 2), fill=_colour(wall))
        side, step = int(rng.integers(30, 70)), int(rng.integers(90, 140))
        for x in range(left + 30, left + width - side, step):
            for y in range(top + 40, HEIGHT // 2 - 150, step):
                draw.rectangle((x, y, x + side, y + side), fill=_colour(wall * rng.uniform(0.3, 1.2)))
        left += width
    levels = np.asarray(picture.filter(ImageFilter.GaussianBlur(2)), np.float32).copy()
    for cells, contrast in ((24, 14), (96, 12), (400, 10)):
        coarse = rng.normal(0, contrast, (cells * HEIGHT // WIDTH, cells)).astype(np.float32)
        spots = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        levels += np.asarray(spots)[:, :, None]
    levels += rng.normal(0, _GRAIN, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.clip(levels, 0, 255).astype(np.uint8)


def _colour(levels: NDArray[np.generic]) -> tuple[int, int, int]:
    red, green, blue = levels.astype(int).tolist()
    return red, green, blue


def _places(rng: np.random.Generator, count: int, largest: float) -> list[tuple[float, float]]:
    """Middles of faces on a grid with a little chance, so that nobody covers anybody."""
    columns = int(np.ceil(np.sqrt(count * WIDTH / HEIGHT)))
    rows = int(np.ceil(count / columns))
    across, down = WIDTH / columns, HEIGHT / rows
    span = largest / FACE_OF_HEAD * (1 + 2 * _AROUND)
    if span > min(across, down) * 1.6:
        raise ValueError("there is no room for so many faces of this size")
    cells = rng.permutation(columns * rows)[:count]
    slack = np.maximum(0, np.array([across, down]) - span) / 2
    return [
        (
            float((cell % columns + 0.5) * across + rng.uniform(-1, 1) * slack[0]),
            float((cell // columns + 0.5) * down + rng.uniform(-1, 1) * slack[1]),
        )
        for cell in cells.tolist()
    ]


def _paste(
    picture: Image.Image, person: Person, height: float, degrees: float, place: tuple[float, float]
) -> None:
    """Put a person's head and shoulders into the picture, softly at the border."""
    left, top, width, tall = person.head
    margin = _AROUND * max(width, tall)
    sides = (left - margin, top - margin, left + width + margin, top + tall + margin)
    around = (round(sides[0]), round(sides[1]), round(sides[2]), round(sides[3]))
    with Image.open(person.path) as image:
        part = image.convert("RGB").crop(around)
        known = Image.new("L", image.size, 255).crop(around)
    scale = height / (FACE_OF_HEAD * tall)
    size = (max(8, round(part.width * scale)), max(8, round(part.height * scale)))
    soft = Image.new("L", size, 0)
    ImageDraw.Draw(soft).ellipse((size[0] * 0.06, size[1] * 0.06, size[0] * 0.94, size[1] * 0.94), fill=255)
    # Where the head's box reaches beyond its picture there is nothing to be pasted.
    mask = Image.fromarray(np.minimum(np.asarray(soft), np.asarray(known.resize(size))))
    mask = mask.filter(ImageFilter.GaussianBlur(size[0] * 0.02)).rotate(degrees, Image.Resampling.BICUBIC)
    part = part.resize(size, Image.Resampling.LANCZOS).rotate(degrees, Image.Resampling.BICUBIC)
    picture.paste(part, (round(place[0] - size[0] / 2), round(place[1] - size[1] / 2)), mask)
