"""Laying one picture over another: which turn, scale and shift brings most keypoints together."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.pictures.keypoints import Keypoints

FARTHEST_CODE: Final = 34
"""Bits of 128 that may differ between the codes of one keypoint in two copies; 5 % do on average."""

_NEAR: Final = 0.015
"""Distance, in longer sides of the second picture, at which a pair agrees with another pair's pose alone."""
_NEARER: Final = 0.01
"""The same for the pose that was fitted to all agreeing pairs."""
_SCALE_SLACK: Final = 0.6
"""Natural logarithm of the factor by which two pairs' scales may differ."""
_TURN_SLACK: Final = 0.35
"""Radians by which two pairs' turns may differ."""
_FITS: Final = 2
_FEWEST: Final = 3
"""Agreeing pairs below which nothing is fitted."""

Places = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Pose:
    """How the first picture lies in the second: place * factor + shift; lengths in longer sides."""

    factor: complex
    shift: complex
    agreeing: int
    """Keypoints of the first picture that lie on their counterparts."""

    def carry(self, places: Places) -> Places:
        """From the first picture into the second."""
        return places * self.factor + self.shift

    def fetch(self, places: Places) -> Places:
        """From the second picture back into the first."""
        return (places - self.shift) / self.factor


def align(first: Keypoints, second: Keypoints) -> Pose | None:
    """Find the pose in which most keypoints of two pictures coincide.

    Every pair of like codes proposes the pose that its own places, sizes and angles imply; the proposal that
    most other pairs agree with is fitted to them by least squares.

    Args:
        first: keypoints of one picture.
        second: keypoints of the other; mirror one of them to look for mirrored copies.

    Returns:
        The pose with the number of pairs in agreement; None if fewer than three agree.

    Source:
        Fischler and Bolles 1981, Random Sample Consensus, with every one-pair sample drawn instead of some.
    """
    ones, others = _pairs(first.codes, second.codes)
    if len(ones) < _FEWEST:
        return None
    start, end = first.places[ones], second.places[others]
    scales = np.log(second.sizes[others] / first.sizes[ones])
    turns = second.angles[others] - first.angles[ones]
    factors = np.exp(scales + 1j * turns)
    implied = factors[:, None] * (start[None, :] - start[:, None]) + end[:, None]
    agree = (
        (np.abs(implied - end[None, :]) < _NEAR)
        & (np.abs(scales[None, :] - scales[:, None]) < _SCALE_SLACK)
        & (np.cos(turns[None, :] - turns[:, None]) > np.cos(_TURN_SLACK))
    )
    chosen = agree[int(agree.sum(axis=1).argmax())]
    pose = None
    for _ in range(_FITS):
        if _distinct(start[chosen], end[chosen]) < _FEWEST:
            return None
        factor, shift = _fit(start[chosen], end[chosen])
        chosen = np.abs(start * factor + shift - end) < _NEARER
        pose = Pose(factor, shift, _distinct(start[chosen], end[chosen]))
    return pose if pose is not None and pose.agreeing >= _FEWEST and pose.factor != 0 else None


def _pairs(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of codes that are each other's nearest and near enough."""
    if not len(one) or not len(other):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    left, right = one.astype(np.float32), other.astype(np.float32)
    distances = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :] - 2 * left @ right.T
    nearest = distances.argmin(axis=1)
    places = np.arange(len(one))
    mutual = distances.argmin(axis=0)[nearest] == places
    kept = places[mutual & (distances[places, nearest] < FARTHEST_CODE)]
    return kept, nearest[kept]


def _fit(start: Places, end: Places) -> tuple[complex, complex]:
    """Turn, scale and shift with the least squared distances."""
    from_middle, to_middle = start.mean(), end.mean()
    spread = start - from_middle
    factor = np.vdot(spread, end - to_middle) / max(float(np.vdot(spread, spread).real), 1e-12)
    return complex(factor), complex(to_middle - factor * from_middle)


def _distinct(start: Places, end: Places) -> int:
    """How many different places agree; one place may have keypoints of several angles."""
    return min(len(np.unique(np.round(places, 3))) for places in (start, end)) if len(start) else 0
