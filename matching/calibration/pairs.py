"""Comparisons to calibrate on, chosen so that ages alone say nothing.

Two pictures of one person are close in age more often than two of different persons. A model fitted on all
pairs would learn that and call it likeness. So non-mated comparisons are drawn and weighted to have the ages
and gaps of the mated ones.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

NON_MATED_EACH: Final = 20
"""Non-mated comparisons drawn for a mated one of the same ages, at most."""

_YOUNGEST_CELLS: Final = 20
_GAP_CELLS: Final = 14
"""Cells of one year by one year; the last ones hold what lies beyond."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """n comparisons with everything that is known of them."""

    scores: NDArray[np.float64]
    mated: NDArray[np.bool_]
    younger: NDArray[np.float64]
    """(n,) years."""
    gap: NDArray[np.float64]
    """(n,) years."""
    one: NDArray[np.int64]
    """(n,) number of the person on one side."""
    other: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together, and what is no number."""
        lengths = {len(column) for column in (self.mated, self.younger, self.gap, self.one, self.other)}
        if lengths != {len(self.scores)}:
            raise ValueError("each comparison has a score, two persons, an age and a gap")
        if not all(np.isfinite(column).all() for column in (self.scores, self.younger, self.gap)):
            raise ValueError("a comparison to calibrate on has a score and both ages")
        if (self.younger < 0).any() or (self.gap < 0).any():
            raise ValueError("ages and gaps are not negative")
        if not np.array_equal(self.mated, self.one == self.other):
            raise ValueError("a comparison is mated if both sides are one person")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Some of the comparisons."""
        return type(self)(
            self.scores[rows],
            self.mated[rows],
            self.younger[rows],
            self.gap[rows],
            self.one[rows],
            self.other[rows],
        )

    @property
    def cells(self) -> NDArray[np.int64]:
        """(n,) which ages and gap, to a year."""
        return cells(self.younger, self.gap)

    def weights(self, of_person: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """What each comparison counts: both kinds sum to a half and have the same ages.

        Args:
            of_person: (m,) how often each person was drawn, by number; None for once each.

        Returns:
            (n,) weights; 0 where one of the two kinds has no comparison of these ages.
        """
        mass = np.ones(len(self))
        if of_person is not None:
            mass = np.where(self.mated, of_person[self.one], of_person[self.one] * of_person[self.other])
        count = _YOUNGEST_CELLS * _GAP_CELLS
        own = np.bincount(self.cells[self.mated], mass[self.mated], count)
        others = np.bincount(self.cells[~self.mated], mass[~self.mated], count)
        shared = np.where((own > 0) & (others > 0), own, 0.0)
        if not shared.sum():
            raise ValueError("no mated and non-mated comparisons of the same ages")
        half = 0.5 / shared.sum()
        of_cell = np.where(shared > 0, half, 0.0)
        of_other_cell = np.divide(shared * half, others, out=np.zeros(count), where=others > 0)
        return mass * np.where(self.mated, of_cell[self.cells], of_other_cell[self.cells])


def cells(younger: NDArray[np.float64], gap: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the cell of one year by one year that each comparison falls into."""
    first = np.minimum(younger.astype(np.int64), _YOUNGEST_CELLS - 1)
    second = np.minimum(np.rint(gap).astype(np.int64), _GAP_CELLS - 1)
    numbers: NDArray[np.int64] = first * _GAP_CELLS + second
    return numbers


def pairs_between(
    scores: NDArray[np.float32],
    people: tuple[NDArray[np.int64], NDArray[np.int64]],
    ages: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    same_pictures: bool = False,
) -> Pairs:
    """Draw comparisons from all of p probes with r references.

    Args:
        scores: (p, r) of any kind.
        people: (p,) and (r,) numbers of the persons.
        ages: (p,) and (r,) years; pictures of unknown age (NaN) are left out.
        same_pictures: whether probes and references are one and the same list; each pair is then used once.

    Returns:
        All mated comparisons, and at most `NON_MATED_EACH` others for each, of the same ages.
    """
    known = np.isfinite(ages[0])[:, None] & np.isfinite(ages[1])
    if same_pictures:
        known &= np.arange(len(scores))[:, None] < np.arange(scores.shape[1])
    rows, columns = np.nonzero(known)
    younger = np.minimum(ages[0][rows], ages[1][columns])
    gap = np.abs(ages[0][rows] - ages[1][columns])
    mated = people[0][rows] == people[1][columns]
    of_pair = cells(younger, gap)
    wanted = NON_MATED_EACH * np.bincount(of_pair[mated], minlength=_YOUNGEST_CELLS * _GAP_CELLS)
    # A shuffled order, the same each time, and the first ones of each cell in it.
    order = np.random.default_rng(0).permutation(np.flatnonzero(~mated))
    order = order[np.argsort(of_pair[order], kind="stable")]
    starts = np.searchsorted(of_pair[order], np.arange(len(wanted)))
    place = np.arange(len(order)) - starts[of_pair[order]]
    chosen = np.concatenate([np.flatnonzero(mated), order[place < wanted[of_pair[order]]]])
    return Pairs(
        scores[rows[chosen], columns[chosen]].astype(np.float64),
        mated[chosen],
        younger[chosen].astype(np.float64),
        gap[chosen].astype(np.float64),
        people[0][rows[chosen]],
        people[1][columns[chosen]],
    )
