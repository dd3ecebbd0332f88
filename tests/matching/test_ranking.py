import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matching.ranking import Gallery, rank, scores_against, unit

# Away from zero, which has no direction.
templates = arrays(np.float32, (8, 5), elements=st.floats(0.125, 1, width=32))
probes = arrays(np.float32, 5, elements=st.floats(0.125, 1, width=32))
records = arrays(np.int64, 8, elements=st.integers(0, 4))


def gallery_of(cosines: list[float], records: list[int], ages: list[float]) -> Gallery:
    """References at these cosines from the probe."""
    at = np.array(cosines, dtype=np.float64).reshape(-1)
    rows = np.stack([at, np.sqrt(1 - at**2), np.zeros(len(at))], axis=1).astype(np.float32)
    return Gallery(rows, np.array(records, dtype=np.int64), np.array(ages, dtype=np.float32))


PROBE = np.array([1, 0, 0], dtype=np.float32)


class TestUnit:
    @given(templates)
    def test_it_changes_lengths_and_nothing_else(self, rows: np.ndarray) -> None:
        """A template's length says nothing of who it is."""
        directions = unit(rows)

        assert np.linalg.norm(directions, axis=1) == pytest.approx(1, abs=1e-5)
        assert directions * np.linalg.norm(rows, axis=1, keepdims=True) == pytest.approx(rows, abs=1e-5)
        assert unit(directions) is directions

    @pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
    def test_what_has_no_direction_is_refused(self, bad: float) -> None:
        """NaN compares as neither near nor far, and would sort anywhere."""
        with pytest.raises(ValueError, match="finite numbers and has a direction"):
            unit(np.full((1, 3), bad, dtype=np.float32))


class TestRank:
    @settings(deadline=None)
    @given(templates, records, probes, st.permutations(range(8)))
    def test_the_order_of_enrolment_does_not_matter(
        self, rows: np.ndarray, owners: np.ndarray, probe: np.ndarray, order: list[int]
    ) -> None:
        """Records are ranked by likeness, not by who came first."""
        ages = np.full(8, 5, dtype=np.float32)
        first = rank(probe, Gallery(rows, owners, ages))
        second = rank(probe, Gallery(rows[order], owners[order], ages))

        # A product of many rows may round another way when they stand in another order.
        scores = {r.record: r.best.score for r in first}
        assert {r.record: r.best.score for r in second} == pytest.approx(scores, abs=1e-5)
        assert [scores[r.record] for r in second] == pytest.approx([r.best.score for r in first], abs=1e-5)

    @settings(deadline=None)
    @given(templates, records, probes)
    def test_each_record_stands_once_with_its_best_photo(
        self, rows: np.ndarray, owners: np.ndarray, probe: np.ndarray
    ) -> None:
        """Ten photos of one child must not fill a list of ten."""
        gallery = Gallery(rows, owners, np.full(8, 5, dtype=np.float32))
        ranked = rank(probe, gallery)
        scores = scores_against(probe, gallery)

        assert sorted(entry.record for entry in ranked) == sorted(set(owners.tolist()))
        assert [entry.best.score for entry in ranked] == sorted((e.best.score for e in ranked), reverse=True)
        for entry in ranked:
            assert entry.best.score == scores[owners == entry.record].max()
            assert len(entry.comparisons) == (owners == entry.record).sum()

    @settings(deadline=None)
    @given(templates, records, probes, st.floats(-1, 1))
    def test_a_floor_only_leaves_out(
        self, rows: np.ndarray, owners: np.ndarray, probe: np.ndarray, floor: float
    ) -> None:
        """A faster search is the same search."""
        gallery = Gallery(rows, owners, np.full(8, 5, dtype=np.float32))

        above = [(e.record, e.best) for e in rank(probe, gallery) if np.float32(e.best.score) >= floor]
        assert [(e.record, e.best) for e in rank(probe, gallery, floor)] == above

    def test_the_same_face_scores_one(self) -> None:
        """Higher is more similar, and nothing is more similar than the same."""
        assert rank(PROBE, gallery_of([0.5, 1.0], [1, 2], [5, 5]))[0].best.score == 1.0

    def test_an_empty_gallery_ranks_nobody(self) -> None:
        """The first tip may come before the first record."""
        assert rank(PROBE, gallery_of([], [], [])) == []

    def test_templates_of_another_length_are_refused(self) -> None:
        """Two encoders' numbers are never compared."""
        with pytest.raises(ValueError, match="as many numbers"):
            rank(np.ones(4, dtype=np.float32), gallery_of([0.1], [1], [5]))
