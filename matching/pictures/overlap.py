"""Whether two pictures agree where a pose lays one over the other."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.pictures.alignment import Pose

Miniature = NDArray[np.uint8]
"""(height, width) grey; a picture shrunk until nobody on it can be known."""

_DETAIL: Final = 4.0
"""Grey levels of spread in a block above which it shows something."""
_LIKE: Final = 0.7
"""Correlation from which a block agrees."""
_BLOCKS: Final = 5
"""Blocks across and down the part that both pictures show."""
_FINE: Final = 2
"""Samples across and down each cell that is compared."""
_FEWEST_CELLS: Final = 6
"""Cells below which a block is not judged."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two pictures show of each other."""

    of_first: float
    """Share of the first picture's area that the second shows, 0 to 1."""
    of_second: float
    blocks: tuple[float, ...]
    """Correlation of each block in which one of them shows something, -1 to 1, lowest first."""
    correlation: float
    """Of all grey levels in the overlap, -1 to 1; 0 if there is nothing to correlate."""

    @property
    def agreement(self) -> float:
        """Share of the blocks that agree, 0 to 1."""
        return sum(block >= _LIKE for block in self.blocks) / len(self.blocks) if self.blocks else 0.0


_NOTHING: Final = Overlap(0.0, 0.0, (), 0.0)


def overlap(first: Miniature, second: Miniature, pose: Pose) -> Overlap:
    """Compare two pictures where both show something.

    Args:
        first: the miniature of one picture.
        second: the miniature of the other.
        pose: how the first lies in the second.

    Returns:
        How much they show of each other and how far they agree.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    # The coarser of the two decides how finely they are compared; lengths are longer sides of the second.
    cell = max(1 / max(second.shape), abs(pose.factor) / max(first.shape))
    height, width = np.array(second.shape) / max(second.shape)
    down, across = int(height / cell), int(width / cell)
    if not down or not across:
        return _NOTHING
    fine = (np.arange(_FINE) + 0.5) / _FINE
    x = (np.arange(across)[:, None] + fine) * cell
    y = (np.arange(down)[:, None] + fine) * cell
    # Four axes: cells down and across, samples down and across each cell.
    here = x[None, :, None, :] + 1j * y[:, None, :, None]
    there = pose.fetch(here)
    inside = (
        (there.real >= 0)
        & (there.imag >= 0)
        & (there.real <= first.shape[1] / max(first.shape))
        & (there.imag <= first.shape[0] / max(first.shape))
    ).all(axis=(2, 3))
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return _NOTHING
    left = _sample(one, there[rows, columns]).mean(axis=(1, 2))
    right = _sample(other, here[rows, columns]).mean(axis=(1, 2))
    numbers = _fifths(rows) * _BLOCKS + _fifths(columns)
    blocks = []
    for number in np.unique(numbers):
        part = numbers == number
        if part.sum() < _FEWEST_CELLS or max(left[part].std(), right[part].std()) < _DETAIL:
            continue
        blocks.append(_correlation(left[part], right[part]))
    area = len(rows) * cell * cell
    size = first.shape[0] * first.shape[1] / max(first.shape) ** 2 * abs(pose.factor) ** 2
    return Overlap(
        min(1.0, area / size),
        min(1.0, area / (height * width)),
        tuple(sorted(blocks)),
        _correlation(left, right),
    )


def _fifths(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which block of the occupied range each place lies in."""
    low, high = int(places.min()), int(places.max())
    return (places - low) * _BLOCKS // (high - low + 1)


def _sample(levels: NDArray[np.float64], places: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Grey levels between pixels, straight lines from one to the next."""
    side = max(levels.shape)
    x = np.clip(places.real * side - 0.5, 0, levels.shape[1] - 1)
    y = np.clip(places.imag * side - 0.5, 0, levels.shape[0] - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, levels.shape[1] - 1), np.minimum(top + 1, levels.shape[0] - 1)
    across, down = x - left, y - top
    upper = levels[top, left] * (1 - across) + levels[top, right] * across
    lower = levels[bottom, left] * (1 - across) + levels[bottom, right] * across
    mixed: NDArray[np.float64] = upper * (1 - down) + lower * down
    return mixed


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    left, right = one - one.mean(), other - other.mean()
    length = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / length if length > 0 else 0.0
