"""Searching templates: an interface, and the exact index that keeps them in this process's memory.

A query is one matrix-vector product over all rows. It reads every byte once, so memory bandwidth is its
floor, and NumPy comes near it: a million rows of 128 numbers take 41 ms where reading their bytes takes 37
(one idle core, the product alone; `matching.bench.search` measures it again). On a machine under load faiss
took 57 ms for the same, 33 with half the numbers' digits, and NumPy 72: not enough to repay a library.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

ID_BYTES: Final = 16
"""Bytes of an id, as a UUID has."""

Ids = NDArray[np.bytes_]
"""(n,) ids of `ID_BYTES` bytes each, dtype S16."""
Mask = NDArray[np.bool_]
Vectors = NDArray[np.float32]

_FIRST_CAPACITY: Final = 1024
_GROWTH: Final = 1.5
"""How much longer the arrays become when they are full; while they are copied both lie in memory."""
_UNIT_TOLERANCE: Final = 1e-3
"""How far a template's length may be from 1; what is further off was never made a unit vector."""
_ROUNDING: Final = 2.0**-24
"""Relative error of one float32 operation."""
_BLOCK: Final = 64
"""Rows of which the best score is looked at first."""
_RESCORED_AT_A_TIME: Final = 4096
"""Rows whose scores are computed again in float64 at a time: 10 MB of 320 numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The most similar rows, most similar first; rows of equal score by id."""

    ids: Ids
    scores: Vectors
    """(k,) inner products, computed in float64 and rounded once."""


class Index(Protocol):
    """Whatever finds the templates most similar to a probe."""

    @property
    def dimensions(self) -> int:
        """Numbers in a template."""

    @property
    def exact(self) -> bool:
        """Whether `search` finds the very rows that a comparison with all of them finds."""

    def __len__(self) -> int:
        """Templates held."""

    def add(self, ids: Ids, templates: Vectors) -> None:
        """Add templates; the template of an id that is there already is replaced.

        Args:
            ids: (n,) S16, none twice.
            templates: (n, d) float32 unit length.

        Raises:
            ValueError: shapes that do not belong together, a template that is no unit vector, an id twice.
        """

    def remove(self, ids: Ids) -> None:
        """Remove templates; an id that is not there is no error, since a step may be repeated.

        Args:
            ids: (n,) S16.
        """

    def search(self, probe: Vectors, k: int, within: Ids | None = None) -> Found:
        """Find the most similar templates.

        Args:
            probe: (d,) float32 unit length.
            k: how many are wanted, 1 or more.
            within: (m,) S16: ids that may be found; None for all.

        Returns:
            k of them, or as many as there are.

        Raises:
            ValueError: the probe's length is not that of the templates, or k is not positive.
        """


class ExactIndex:
    """Compares a probe with every row: float32 rows, contiguous, in the order in which they were added.

    Rows may carry facts, one record of the given type each, which move along with them; a condition on the
    facts is a mask for `search`. After a removal the rows behind it move up, so the order is always that of
    an index made anew from what is left.

    Memory: n * (4 d + 16 + facts) bytes, half as much again in spare rows at most, twice that for the moment
    in which a full index grows; and about 130 bytes a row for finding rows by their ids.

    Args:
        dimensions: numbers in a template.
        facts: type of what rows carry; nothing by default.
    """

    exact: Final = True

    def __init__(self, dimensions: int, facts: np.dtype[Any] | None = None) -> None:
        self._count = 0
        self._templates: Vectors = np.empty((0, dimensions), dtype=np.float32)
        self._ids: Ids = np.empty(0, dtype=f"S{ID_BYTES}")
        self._facts: NDArray[Any] = np.empty(0, dtype=facts or np.dtype("u1"))
        self._places: dict[bytes, int] | None = {}

    def __len__(self) -> int:
        return self._count

    @property
    def dimensions(self) -> int:
        """Numbers in a template."""
        return int(self._templates.shape[1])

    @property
    def ids(self) -> Ids:
        """(n,) S16: a view of the rows' ids, good until rows are added or removed."""
        return self._ids[: self._count]

    @property
    def templates(self) -> Vectors:
        """(n, d) float32: a view of the rows, good until rows are added or removed."""
        return self._templates[: self._count]

    @property
    def facts(self) -> NDArray[Any]:
        """(n,) of the facts' type: a view, good until rows are added or removed."""
        return self._facts[: self._count]

    def rows_of(self, ids: Ids) -> NDArray[np.intp]:
        """The rows of those ids that are there, in the order of `ids`."""
        if self._places is None:
            self._places = {key: row for row, key in enumerate(self.ids.tolist())}
        found = [self._places[key] for key in ids.tolist() if key in self._places]
        return np.array(found, dtype=np.intp)

    def add(self, ids: Ids, templates: Vectors, facts: NDArray[Any] | None = None) -> None:
        """Append templates; an id that is there already moves to the end with its new template.

        Args:
            ids: (n,) S16, none twice.
            templates: (n, d) float32 unit length.
            facts: (n,) of the facts' type; zeros without.

        Raises:
            ValueError: shapes that do not belong together, a template that is no unit vector, an id twice.
        """
        if templates.shape != (len(ids), self.dimensions) or (facts is not None and len(facts) != len(ids)):
            raise ValueError("each template has its id, its facts and the index's dimensions")
        if len(set(ids.tolist())) != len(ids):
            raise ValueError("an id is added once")
        lengths = np.sqrt(np.einsum("nd,nd->n", templates, templates))
        if not (np.abs(lengths - 1) <= _UNIT_TOLERANCE).all():
            raise ValueError("a template is a unit vector of finite numbers")
        self.remove(ids)
        start, end = self._count, self._count + len(ids)
        self._reserve(end)
        self._templates[start:end] = templates
        self._ids[start:end] = ids
        self._facts[start:end] = np.zeros(1, self._facts.dtype) if facts is None else facts
        self._count = end
        if self._places is not None:
            self._places.update(zip(self.ids[start:].tolist(), range(start, end), strict=True))

    def remove(self, ids: Ids) -> None:
        """Remove templates, and overwrite what is left of them behind the last row.

        Args:
            ids: (n,) S16; one that is not there is no error.
        """
        rows = self.rows_of(ids)
        if not rows.size:
            return
        first, keep = int(rows.min()), np.ones(self._count, dtype=bool)
        keep[rows] = False
        left = self._count - len(rows)
        for array in (self._templates, self._ids, self._facts):
            _close_gaps(array, first, keep)
            array[left : self._count] = np.zeros(1, array.dtype)
        self._count, self._places = left, None

    def scores(self, probes: Vectors) -> Vectors:
        """Compare with every row, in the order of `ids`.

        Args:
            probes: (d,) float32 unit length, or (m, d) for m at once, which is faster for each.

        Returns:
            (n,) or (m, n) float32 inner products; two runs may differ in the last digits.

        Raises:
            ValueError: the probes' length is not that of the templates.
        """
        if probes.ndim not in {1, 2} or probes.shape[-1] != self.dimensions:
            raise ValueError("a probe has as many numbers as a template")
        scores: Vectors = self.templates @ probes if probes.ndim == 1 else probes @ self.templates.T
        return scores

    def search(self, probe: Vectors, k: int, within: Ids | Mask | None = None) -> Found:
        """Find the most similar templates.

        Args:
            probe: (d,) float32 unit length.
            k: how many are wanted, 1 or more.
            within: which may be found: (n,) bool in the order of `ids`, or (m,) S16 ids; None for all.

        Returns:
            k of them, or as many as there are; the same on every machine and in every order of rows.

        Raises:
            ValueError: the probe's length is not that of the templates, k is not positive, or the mask is
                not of this index.
        """
        if probe.ndim != 1 or k < 1:
            raise ValueError("one probe, and one candidate or more")
        scores = self.scores(probe)
        rows = self._allowed(within)
        if rows is not None:
            scores = scores[rows]
        if k < len(scores):
            # The product may have rounded two neighbours past each other: all that could be in are kept.
            near = np.flatnonzero(scores >= _floor(scores, k) - 4 * self.dimensions * _ROUNDING)
            rows = near if rows is None else rows[near]
        elif rows is None:
            rows = np.arange(self._count)
        exact = self._rescored(probe, rows)
        order = np.lexsort((self._ids[rows], -exact))[:k]
        return Found(self._ids[rows[order]], exact[order])

    def _allowed(self, within: Ids | Mask | None) -> NDArray[np.intp] | None:
        if within is None:
            return None
        if within.dtype != np.bool_:
            return np.unique(self.rows_of(within.astype(self._ids.dtype)))
        if within.shape != (self._count,):
            raise ValueError("a mask has one value for each row")
        return np.flatnonzero(within)

    def _rescored(self, probe: Vectors, rows: NDArray[np.intp]) -> Vectors:
        """Inner products that do not depend on where a row lies or what lies beside it."""
        wide = probe.astype(np.float64)
        pieces: Iterable[NDArray[np.float64]] = (
            (self._templates[rows[start : start + _RESCORED_AT_A_TIME]] * wide).sum(axis=1)
            for start in range(0, len(rows), _RESCORED_AT_A_TIME)
        )
        return np.concatenate([np.empty(0), *pieces]).astype(np.float32)

    def _reserve(self, rows: int) -> None:
        capacity = len(self._ids)
        if rows <= capacity:
            return
        capacity = max(rows, int(capacity * _GROWTH), _FIRST_CAPACITY)
        self._templates = _longer(self._templates, self._count, capacity)
        self._ids = _longer(self._ids, self._count, capacity)
        self._facts = _longer(self._facts, self._count, capacity)


def _floor(scores: Vectors, k: int) -> np.float32:
    """A score that at least k rows reach: the k-th best of the scores, or of the best of each block.

    Looking at blocks costs a quarter of sorting out all scores, and lets few more rows through.
    """
    whole = len(scores) // _BLOCK * _BLOCK
    if whole >= 4 * k * _BLOCK:
        scores = scores[:whole].reshape(-1, _BLOCK).max(axis=1)
    floor: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return floor


def _longer(array: NDArray[Any], count: int, capacity: int) -> NDArray[Any]:
    longer = np.empty((capacity, *array.shape[1:]), dtype=array.dtype)
    longer[:count] = array[:count]
    return longer


def _close_gaps(array: NDArray[Any], first: int, keep: Mask) -> None:
    """Move the rows that stay up, in pieces, so that no second array of that size is needed."""
    step, end = 1 << 16, first
    for start in range(first, len(keep), step):
        staying = array[start : min(start + step, len(keep))][keep[start : start + step]]
        array[end : end + len(staying)] = staying
        end += len(staying)
