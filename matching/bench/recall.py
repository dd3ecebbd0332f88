"""How many people are found in 12-megapixel streets, by the size of their faces and how far they are turned.

Four people of one size and one turn stand in each street; in some, three of them far away beside one near.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.bench.street import FACE_OF_HEAD, SEED, Person, Street, composed
from matching.dlib_package import load_face_recognition
from matching.faces import best_detector
from matching.photo import read_photo
from matching.reposts import Share, share

HEIGHTS: Final = (24, 32, 48, 64, 80, 120, 200)
"""Pixels of face height in the street picture."""
DEGREES: Final = (0, 15, 30, 45, 90)
TOGETHER: Final = 4
"""People in one street: as many as its grid holds at every size."""
NEAR: Final = 500.0
"""Pixels of the face of whoever stands near, in streets with people far away."""

Boxes = NDArray[np.float32]
"""(n, 4): left, top, right, bottom in pixels of the street."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of street."""

    height: int
    """Pixels of face height."""
    degrees: int
    """By which everybody is turned."""
    one_near: bool = False
    """Whether one of the people stands near; only the others are counted."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What an engine found in streets of one kind."""

    cell: Cell
    found: int
    people: int
    false_faces: int
    """Faces where nobody's head is."""
    streets: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Both engines, counted over the same streets; ours over further ones too."""

    ours: tuple[Counted, ...]
    ours_of_same: tuple[Counted, ...]
    """Ours in the streets that the peer looked at."""
    peer: tuple[Counted, ...]


CELLS: Final = (
    *(Cell(height, degrees) for height, degrees in product(HEIGHTS, DEGREES)),
    *(Cell(height, 0, one_near=True) for height in HEIGHTS),
)


def measure(
    persons: Sequence[Person],
    streets: int,
    peer_streets: int,
    cells: Sequence[Cell] = CELLS,
    workers: int = 2,
) -> Recall:
    """Count who is found.

    Args:
        persons: who stands in the streets.
        streets: of each kind, at least 1.
        peer_streets: how many of them the peer looks at too: each takes it six seconds or more.
        cells: kinds of streets.
        workers: processes.
    """
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        jobs = [
            (cell, pool.submit(_count, "peer" if peer else "ours", tuple(persons), cell, number))
            for cell in cells
            for peer, several in ((True, peer_streets), (False, streets))
            for number in range(several)
        ]
        counted = [(cell, job.result()) for cell, job in jobs]
    ours, same, peers = [], [], []
    for cell in cells:
        own = [each for of, each in counted if of == cell]
        peers.append(_sum(cell, own[:peer_streets]))
        ours.append(_sum(cell, own[peer_streets:]))
        same.append(_sum(cell, own[peer_streets : 2 * peer_streets]))
    return Recall(tuple(ours), tuple(same), tuple(peers))


def found_share(counted: Sequence[Counted]) -> Share:
    """The share of people who were found, with its interval."""
    return share(sum(each.found for each in counted), sum(each.people for each in counted))


def false_faces(counted: Sequence[Counted]) -> float:
    """Faces a street where nobody's head is."""
    return sum(each.false_faces for each in counted) / max(1, sum(each.streets for each in counted))


def _sum(cell: Cell, parts: Sequence[Counted]) -> Counted:
    return Counted(
        cell,
        sum(part.found for part in parts),
        sum(part.people for part in parts),
        sum(part.false_faces for part in parts),
        sum(part.streets for part in parts),
    )


def _count(engine: str, persons: tuple[Person, ...], cell: Cell, number: int) -> Counted:
    """Put one street together and look at it."""
    # Everybody stands in some street of each kind before anybody stands in a second.
    chosen = [persons[(number * TOGETHER + place) % len(persons)] for place in range(TOGETHER)]
    heights = [float(cell.height)] * TOGETHER
    if cell.one_near:
        heights[-1] = NEAR
    street = composed(chosen, heights, cell.degrees, SEED + number)
    boxes = _ours(street) if engine == "ours" else _peers(street)
    hit, false = _compared(street, boxes)
    counted = hit[:-1] if cell.one_near else hit
    return Counted(cell, int(counted.sum()), len(counted), false, 1)


def _ours(street: Street) -> Boxes:
    photo = read_photo(street.jpeg)
    factor = photo.facts.width / photo.pixels.shape[1]
    found = best_detector().find(photo.pixels).faces
    sides = [(f.box.left, f.box.top, f.box.left + f.box.width, f.box.top + f.box.height) for f in found]
    return np.array(sides, np.float32).reshape(-1, 4) * np.float32(factor)


def _peers(street: Street) -> Boxes:
    package = load_face_recognition()
    places = package.face_locations(package.load_image_file(io.BytesIO(street.jpeg)))
    return np.array([(left, top, right, bottom) for top, right, bottom, left in places], np.float32).reshape(
        -1, 4
    )


def _compared(street: Street, boxes: Boxes) -> tuple[NDArray[np.bool_], int]:
    """Which people were found, and how many boxes lie where nobody's head is.

    A face is found by a box half to twice as high whose middle lies within half the face's height of the
    face's middle; a box is false if its middle lies farther from every face than a head is high.
    """
    middles, tall = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 3] - boxes[:, 1]
    away = np.linalg.norm(street.centres[:, None] - middles[None], axis=2) / street.heights[:, None]
    sizes = tall[None] / street.heights[:, None]
    found = ((away < 0.5) & (sizes > 0.5) & (sizes < 2)).any(1)  # noqa: PLR2004 - as the docstring says.
    return found, int((away > 1 / FACE_OF_HEAD).all(0).sum())
