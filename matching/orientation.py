"""Which way up faces lie, asked of the network that confirms faces, and finding again those that lie.

A detector that looks for upright faces also finds turned ones, with a high score and its points in the wrong
places: of quarter turns of synthetic scenes two in three, of half turns one in four. A template made of such
points resembles nobody.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matching.alignment import face_chip
from matching.mtcnn import Detections
from matching.photo import Pixels
from matching.weights import MTCNN, network

Floats = NDArray[np.float32]

SIDE: Final = 48
"""Pixels of the square that the network looks at."""

FRAMES: Final = (1.0, 1.15)
"""Sides of the squares that are cut out around a face, in lengths of its box's longer side."""

LEAST_ADVANTAGE: Final = 3.0
"""Log odds by which a face must look more like one when it is turned, before the picture is searched again.

Source:
    Synthetic, 215 upright pictures: one above it, 3.3, and its face stays as it was. 83 of them turned by
    one, two and three quarters, 98 faces: 17, 14 and 20 % had their points in the right places, now 100, 98
    and 98 %.
"""

SAME_FACE: Final = 0.3
"""Shared area over united area from which two boxes are one face."""

MOST_ASKED: Final = 32
"""Faces of one picture whose way up is looked at, largest first."""

_LEAST_SHARE: Final = 1e-6


def set_upright(
    pixels: Pixels, found: Detections, sure: float, look: Callable[[Pixels], Detections]
) -> Detections:
    """Look again for faces that lie on their side or head, in the picture turned the way they lie.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        found: what a detector of upright faces found there.
        sure: score of a face.
        look: finds upright faces in a turned picture.

    Returns:
        Faces in places of the picture. One that is found again replaces what was found of it before if the
        log odds of both ways to look at it, together, say so; every other stays as it was.
    """
    asked = np.flatnonzero((found.scores >= sure) & np.isfinite(found.boxes).all(1))
    areas = np.prod(found.boxes[asked, 2:] - found.boxes[asked, :2], 1)
    asked = asked[np.argsort(-areas, kind="stable")][:MOST_ASKED]
    odds = np.zeros((len(found.scores), 4))
    odds[asked] = odds_by_turn(pixels, found.boxes[asked])
    gains = odds - odds[:, :1]
    clear = gains.max(1, initial=0) > LEAST_ADVANTAGE
    for turn in np.unique(gains[clear].argmax(1)).tolist():
        again = turned_back(look(np.ascontiguousarray(np.rot90(pixels, turn))), turn, pixels.shape)
        again = _chosen(again, again.scores >= sure)
        same = shared_area(found.boxes, again.boxes) >= SAME_FACE
        better = gains[:, turn, None] + _log_odds(again.scores) > _log_odds(found.scores)[:, None]
        stays = np.array(~(same & better).any(1), bool)
        standing = _chosen(found, stays & (found.scores >= sure))
        new = _chosen(again, np.asarray((shared_area(again.boxes, standing.boxes) < SAME_FACE).all(1)))
        found = _joined(_chosen(found, stays), new)
        gains = np.concatenate([gains[stays], np.zeros((len(new.scores), 4))])
    return found


def turned_back(found: Detections, quarters: int, shape: tuple[int, ...]) -> Detections:
    """Bring detections in a picture turned by `np.rot90` back to the picture itself.

    Args:
        found: places in the turned picture.
        quarters: 1 to 3, how often it was turned.
        shape: height and width of the picture itself.
    """
    height, width = shape[:2]
    corners = found.boxes.reshape(-1, 2, 2)
    places = np.concatenate([corners, found.points], 1)
    x, y = places[..., 0], places[..., 1]
    back = {1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}[quarters]
    turned = np.stack(back, -1)
    boxes = np.concatenate([turned[:, :2].min(1), turned[:, :2].max(1)], 1)
    return Detections(boxes, turned[:, 2:], found.scores)


def shared_area(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """How much each box has in common with each other one.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        others: (m, 4).

    Returns:
        (n, m) shared area over united area, 0 to 1.
    """
    one, two = boxes[:, None].astype(np.float64), others[None].astype(np.float64)
    lengths = np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2])
    shared = np.prod(np.maximum(lengths, 0), 2)
    areas = np.prod(one[..., 2:] - one[..., :2], 2) + np.prod(two[..., 2:] - two[..., :2], 2)
    return np.asarray(shared / np.maximum(areas - shared, 1e-6))


def odds_by_turn(pixels: Pixels, boxes: Floats) -> NDArray[np.float64]:
    """How much what lies in boxes looks like a face, as it is and turned.

    Args:
        pixels: (height, width, 3) uint8 sRGB.
        boxes: (n, 4) left, top, right, bottom; finite, each with an area.

    Returns:
        (n, 4) natural log odds after none to three turns by 90 degrees, as `np.rot90` turns.
    """
    if not len(boxes):
        return np.empty((0, 4))
    frame = np.array([[0, 0], [SIDE, SIDE]], np.float32)
    chips = np.stack(
        [face_chip(pixels, _corners(box, share), frame, SIDE) for box in boxes for share in FRAMES]
    )
    turned = np.stack([np.rot90(chips, quarters, axes=(1, 2)) for quarters in range(4)], 1)
    levels = turned.reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2).astype(np.float32)
    shares = network(MTCNN[2]).run((levels - np.float32(127.5)) * np.float32(1 / 128))[0][:, 1]
    return np.asarray(_log_odds(shares).reshape(len(boxes), len(FRAMES), 4).mean(1))


def _log_odds(shares: Floats) -> NDArray[np.float64]:
    bounded = np.clip(shares.astype(np.float64), _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _chosen(found: Detections, which: NDArray[Any]) -> Detections:
    return Detections(found.boxes[which], found.points[which], found.scores[which])


def _joined(one: Detections, other: Detections) -> Detections:
    return Detections(
        np.concatenate([one.boxes, other.boxes]),
        np.concatenate([one.points, other.points]),
        np.concatenate([one.scores, other.scores]),
    )


def _corners(box: Floats, share: float) -> Floats:
    """Two corners of the square around a box's middle."""
    middle, half = (box[:2] + box[2:]) / 2, max(box[2] - box[0], box[3] - box[1]) / 2 * share
    return np.stack([middle - half, middle + half]).astype(np.float32)
