import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matching.error_model import (
    FACE_RECOGNITION_ERRORS,
    AgeBand,
    ErrorModel,
    age_band,
    expected_false_candidates,
)
from matching.policy import (
    CANDIDATE_LIST_LIMIT,
    OperatingPoint,
    expected_false_in_list,
    lowest_threshold,
    select_candidates,
    threshold_for,
)
from matching.ranking import Gallery, rank, scores_against

DLIB = "face_recognition"
templates = arrays(np.float32, (8, 5), elements=st.floats(-1, 1, width=32))
probes = arrays(np.float32, 5, elements=st.floats(-1, 1, width=32))
records = arrays(np.int64, 8, elements=st.integers(0, 4))


def gallery_of(distances: list[float], records: list[int], ages: list[float]) -> Gallery:
    """References at these distances from a probe of zeros."""
    rows = np.zeros((len(distances), 3), dtype=np.float32)
    rows[:, 0] = distances
    return Gallery(rows, np.array(records, dtype=np.int64), np.array(ages, dtype=np.float32))


PROBE = np.zeros(3, dtype=np.float32)


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

        assert [(r.record, r.best.score) for r in first] == [(r.record, r.best.score) for r in second]

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
    @given(templates, records, probes, st.floats(-2, 1))
    def test_a_floor_only_leaves_out(
        self, rows: np.ndarray, owners: np.ndarray, probe: np.ndarray, floor: float
    ) -> None:
        """A faster search is the same search."""
        gallery = Gallery(rows, owners, np.full(8, 5, dtype=np.float32))

        above = [(e.record, e.best) for e in rank(probe, gallery) if np.float32(e.best.score) >= floor]
        assert [(e.record, e.best) for e in rank(probe, gallery, floor)] == above

    def test_the_same_face_scores_one(self) -> None:
        """Higher is more similar, and nothing is more similar than the same."""
        assert rank(PROBE, gallery_of([0.5, 0.0], [1, 2], [5, 5]))[0].best.score == 1.0

    def test_an_empty_gallery_ranks_nobody(self) -> None:
        """The first tip may come before the first record."""
        assert rank(PROBE, gallery_of([], [], [])) == []
        assert select_candidates([], gallery_of([], [], []), DLIB) == []

    def test_templates_of_another_length_are_refused(self) -> None:
        """Two encoders' numbers are never compared."""
        with pytest.raises(ValueError, match="as many numbers"):
            rank(np.zeros(4, dtype=np.float32), gallery_of([0.1], [1], [5]))

    def test_a_template_that_is_no_number_is_refused(self) -> None:
        """NaN compares as neither near nor far, and would sort anywhere."""
        with pytest.raises(ValueError, match="finite"):
            gallery_of([math.nan], [1], [5])


class TestErrorModel:
    @pytest.mark.parametrize("band", AgeBand)
    def test_it_goes_through_the_points_it_was_made_from(self, band: AgeBand) -> None:
        """The rates are those of the source, not of a curve near them."""
        model = FACE_RECOGNITION_ERRORS[band]
        for score, rate in model.points:
            assert model.false_match_rate(score) == pytest.approx(rate)

    @given(st.sampled_from(AgeBand), st.floats(0.4, 1), st.floats(0.4, 1))
    def test_a_stricter_threshold_never_lets_more_through(
        self, band: AgeBand, one: float, other: float
    ) -> None:
        """Whoever raises a threshold gets fewer wrong candidates."""
        model = FACE_RECOGNITION_ERRORS[band]
        strict, lax = max(one, other), min(one, other)

        assert 0 < model.false_match_rate(strict) <= model.false_match_rate(lax) <= 1

    @pytest.mark.parametrize("threshold", [0.39, 0.0, -1.0, math.nan, math.inf])
    def test_where_nothing_was_measured_nothing_is_said(self, threshold: float) -> None:
        """A made-up error rate would look like a measured one."""
        with pytest.raises(ValueError, match="no false-match rate"):
            expected_false_candidates(threshold, 10, FACE_RECOGNITION_ERRORS[AgeBand.CHILD])

    def test_the_expectation_is_size_times_rate(self) -> None:
        """60,000 references at one in a thousand: sixty wrong ones."""
        model = FACE_RECOGNITION_ERRORS[AgeBand.CHILD]
        assert expected_false_candidates(1 - 0.427, 60_000, model) == pytest.approx(60)
        with pytest.raises(ValueError, match="0 records or more"):
            expected_false_candidates(0.6, -1, model)

    @pytest.mark.parametrize(
        "points",
        [((0.6, 0.001),), ((0.5, 0.001), (0.6, 0.01)), ((0.6, 0.01), (0.5, 0.001)), ((0.6, 0.0), (0.5, 0.1))],
    )
    def test_points_that_contradict_each_other_are_refused(
        self, points: tuple[tuple[float, float], ...]
    ) -> None:
        """A wrong table must not become a threshold."""
        with pytest.raises(ValueError, match=r"error model|false-match rates"):
            ErrorModel(points)


class TestAgeBand:
    @pytest.mark.parametrize(
        ("age", "band"),
        [
            (0, "0-3"),
            (3.99, "0-3"),
            (4, "4-7"),
            (7.99, "4-7"),
            (8, "8-12"),
            (13, "13-17"),
            (18, "18+"),
            (90, "18+"),
        ],
    )
    def test_bands_end_where_the_next_begins(self, age: float, band: str) -> None:
        """A child of seven and a half is seven."""
        assert age_band(age) == band

    def test_an_unknown_age_has_no_band(self) -> None:
        """Unknown is not zero."""
        assert age_band(None) is age_band(math.nan) is None
        with pytest.raises(ValueError, match="not negative"):
            age_band(-1)


class TestThresholds:
    @pytest.mark.parametrize("point", OperatingPoint)
    def test_the_younger_the_stricter(self, point: OperatingPoint) -> None:
        """Strangers of three years look alike to an encoder made for adults."""
        thresholds = [threshold_for(DLIB, band, point) for band in AgeBand]
        assert thresholds == sorted(thresholds, reverse=True)

    @pytest.mark.parametrize("band", [*AgeBand, None])
    def test_the_strict_point_is_stricter(self, band: AgeBand | None) -> None:
        """An alarm lets fewer through than a list."""
        strict, wide = (threshold_for(DLIB, band, p) for p in (OperatingPoint.STRICT, OperatingPoint.WIDE))
        assert strict > wide
        assert wide > 1 - 0.6

    @pytest.mark.parametrize("point", OperatingPoint)
    def test_a_missing_age_never_hides_a_child(self, point: OperatingPoint) -> None:
        """Where the age is unknown, every threshold that could have applied is reached."""
        assert threshold_for(DLIB, None, point) == lowest_threshold(DLIB, point)
        assert all(threshold_for(DLIB, None, point) <= threshold_for(DLIB, band, point) for band in AgeBand)

    def test_an_encoder_without_measured_errors_has_none(self) -> None:
        """Another model's threshold would be a guess about children."""
        with pytest.raises(KeyError):
            threshold_for("brought_by_the_operator", AgeBand.CHILD)


class TestSelectCandidates:
    def test_the_age_on_the_photo_decides(self) -> None:
        """The same distance is a reason to look at twelve and none at two."""
        gallery = gallery_of([0.45, 0.45], [1, 2], [2, 12])

        candidates = select_candidates(rank(PROBE, gallery), gallery, DLIB)

        assert [(c.record, c.rank) for c in candidates] == [(2, 1)]
        assert candidates[0].threshold == threshold_for(DLIB, AgeBand.CHILD)

    def test_any_photo_of_a_record_may_bring_it_up(self) -> None:
        """A nearer baby photo must not stand in the way of a school photo that reaches its threshold."""
        gallery = gallery_of([0.40, 0.45], [7, 7], [1, 9])

        (candidate,) = select_candidates(rank(PROBE, gallery), gallery, DLIB)

        assert (candidate.record, candidate.reference) == (7, 1)

    def test_exactly_at_the_threshold_is_a_candidate(self) -> None:
        """At or above, as it is written."""
        gallery = Gallery(
            np.array(
                [[float(np.float32(1) - np.float32(threshold_for(DLIB, AgeBand.CHILD)))]], dtype=np.float32
            ),
            np.array([1]),
            np.array([9], dtype=np.float32),
        )
        ranked = rank(np.zeros(1, dtype=np.float32), gallery)
        chosen = select_candidates(ranked, gallery, DLIB)
        assert bool(chosen) == (ranked[0].best.score >= threshold_for(DLIB, AgeBand.CHILD))

    def test_the_list_is_short(self) -> None:
        """Reviewers of long lists are wrong more often than right."""
        gallery = gallery_of([0.1] * 50, list(range(50)), [15] * 50)

        candidates = select_candidates(rank(PROBE, gallery), gallery, DLIB)

        assert len(candidates) == CANDIDATE_LIST_LIMIT == 10
        assert [c.rank for c in candidates] == list(range(1, 11))

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.floats(0, 1, width=32), st.integers(0, 20), st.floats(0, 30, width=32) | st.just(math.nan)
            ),
            max_size=30,
        )
    )
    def test_the_wide_point_keeps_whom_the_strict_one_keeps(
        self, rows: list[tuple[float, int, float]]
    ) -> None:
        """Loosening a search never loses a record, up to the limit of the list."""
        distances, owners, ages = (
            (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
        )
        gallery = gallery_of(distances, owners, ages)
        ranked = rank(PROBE, gallery)
        wide = select_candidates(ranked, gallery, DLIB)
        strict = select_candidates(ranked, gallery, DLIB, OperatingPoint.STRICT)

        if len(wide) < CANDIDATE_LIST_LIMIT:
            assert {c.record for c in strict} <= {c.record for c in wide}
        assert all(c.score >= c.threshold for c in wide + strict)
        assert [c.score for c in wide] == sorted((c.score for c in wide), reverse=True)
        floored = rank(PROBE, gallery, lowest_threshold(DLIB))
        assert select_candidates(floored, gallery, DLIB) == wide

    def test_it_says_how_many_are_expected_to_be_wrong(self) -> None:
        """One in a hundred of 50 records of known ages, more where an age is missing, never more than fit."""
        known = np.full(50, 9, dtype=np.float32)
        unknown = np.append(known, np.float32(math.nan))

        assert expected_false_in_list(DLIB, known) == pytest.approx(0.5)
        assert expected_false_in_list(DLIB, known, OperatingPoint.STRICT) == pytest.approx(0.05)
        assert expected_false_in_list(DLIB, unknown) > 0.9
        assert expected_false_in_list(DLIB, np.full(60_000, 9, dtype=np.float32)) == CANDIDATE_LIST_LIMIT

    def test_photos_of_one_record_are_counted_once(self) -> None:
        """The expectation is about children, not about pictures."""
        one = gallery_of([0.1, 0.2, 0.3], [4, 4, 4], [9, 10, 11])

        assert select_candidates(rank(PROBE, one), one, DLIB)[0].expected_false == pytest.approx(0.01)
