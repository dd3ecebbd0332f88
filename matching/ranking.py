"""Searching a gallery: every record's most similar reference, most similar record first.

The comparison score is the cosine of two templates: 1 for equal ones, lower as they differ, never below -1.
Higher is always more similar, here and wherever a score is kept. Records are ranked by it and by nothing
else: decision scores (`matching.normalisation`) serve thresholds and make rankings worse.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_UNIT_TOLERANCE = 1e-5
"""Rounding in the length of a unit vector of float32."""


def unit(templates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Templates as unit vectors; those that are already are not copied.

    Args:
        templates: (..., d) float32.

    Raises:
        ValueError: a template is not made of finite numbers, or of nothing but zeros.
    """
    lengths = np.sqrt(np.einsum("...i,...i->...", templates, templates))[..., None]
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("a template is made of finite numbers and has a direction")
    if (np.abs(lengths - 1) < _UNIT_TOLERANCE).all():
        return templates
    directions: NDArray[np.float32] = (templates / lengths).astype(np.float32)
    return directions


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The references that are searched, of one encoder and version."""

    references: NDArray[np.float32]
    """(n, d) float32 templates, made unit vectors here if they are not."""
    records: NDArray[np.int64]
    """(n,) number of the record that each reference belongs to, >= 0; a record may have several."""
    ages: NDArray[np.float32]
    """(n,) years: the child's age on each reference photo; NaN where it is unknown."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        if self.references.ndim != 2:  # noqa: PLR2004 - rows and columns.
            raise ValueError("references are an (n, d) array")
        if not len(self.references) == len(self.records) == len(self.ages):
            raise ValueError("each reference needs its record and its age")
        object.__setattr__(self, "references", unit(self.references))

    @property
    def record_count(self) -> int:
        """Records searched, however many references each has."""
        return int(np.unique(self.records).size)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A probe compared with one reference."""

    reference: int
    """Row of the gallery."""
    score: float
    """Comparison score; higher is more similar."""


@dataclass(frozen=True, slots=True)
class RankedRecord:
    """A record with its comparisons, best first."""

    record: int
    comparisons: tuple[Comparison, ...]

    @property
    def best(self) -> Comparison:
        """The comparison that the record is ranked by."""
        return self.comparisons[0]


def scores_against(probe: NDArray[np.float32], gallery: Gallery) -> NDArray[np.float32]:
    """Compare a probe with every reference.

    Args:
        probe: (d,) float32 template of the gallery's encoder.
        gallery: the references.

    Returns:
        (n,) float32 comparison scores, in the gallery's order.

    Raises:
        ValueError: the probe's length is not the gallery's.
    """
    if probe.shape != gallery.references.shape[1:]:
        raise ValueError("a probe has as many numbers as a reference")
    scores: NDArray[np.float32] = gallery.references @ unit(probe)
    return scores


def rank(probe: NDArray[np.float32], gallery: Gallery, floor: float | None = None) -> list[RankedRecord]:
    """Rank the gallery's records by their best reference.

    Args:
        probe: (d,) float32 template of the gallery's encoder.
        gallery: the references.
        floor: comparison score below which a comparison is left out; None ranks every record.

    Returns:
        Records by descending best score; equal scores in the order of record, then reference number.

    Raises:
        ValueError: the probe's length is not the gallery's.

    Source:
        Best over a record's photos: with three or more photos a child, rank-1 on FG-NET is 77 % by the best
        score, 40 % by the mean score, 44 % with one photo at random (dlib).
    """
    scores = scores_against(probe, gallery)
    rows = np.arange(len(scores)) if floor is None else np.flatnonzero(scores >= floor)
    best_first = rows[np.lexsort((rows, gallery.records[rows], -scores[rows]))]
    comparisons: dict[int, list[Comparison]] = {}
    for row in best_first:
        found = Comparison(int(row), float(scores[row]))
        comparisons.setdefault(int(gallery.records[row]), []).append(found)
    return [RankedRecord(record, tuple(found)) for record, found in comparisons.items()]
