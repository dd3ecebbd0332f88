from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.calibration.measures import cllr, min_cllr
from matching.evaluate.calibrated import held_out
from matching.evaluate.verification import RATES, Comparisons, Interval, accept_rates
from tests.matching.worlds import world

SYNTHETIC = Path(__file__).with_name("synthetic.npz")
"""dlib's templates of pictures of 60 people who do not exist."""

GOLDEN_PAIRS = (279, 22299)
GOLDEN_RATES = {"1e-2": 0.871, "1e-3": 0.7599, "1e-4": 0.6703, "eer": 0.0645}
GOLDEN_AUC = 0.98555
"""Synthetic, comparison scores; the area was computed with ranks by SciPy as well."""


def drawn(seed: int, people: int = 12, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric matrix of scores, higher by `apart` within a person, and who is on the pictures."""
    draw = np.random.default_rng(seed)
    persons = np.repeat(np.arange(people), 3)
    scores = draw.normal(size=(len(persons), len(persons)))
    scores = (scores + scores.T) / 2 + apart * (persons[:, None] == persons)
    return scores.astype(np.float32), persons


def rates(scores: np.ndarray, persons: np.ndarray) -> dict[str, float]:
    return Comparisons.of(scores, persons).accept_rates(np.ones(persons.max() + 1), {})


class TestRates:
    def test_golden_numbers(self) -> None:
        """The figures of a checked-in set of templates, to the last pair."""
        file = np.load(SYNTHETIC)
        templates = file["templates"].astype(np.float32)
        people = file["people"].astype(np.intp)
        comparisons = Comparisons.of(templates @ templates.T, people)
        found = comparisons.accept_rates(np.ones(people.max() + 1), {})

        assert (len(comparisons.mated), len(comparisons.others)) == GOLDEN_PAIRS
        assert {name: round(value, 4) for name, value in found.items()} == GOLDEN_RATES
        assert comparisons.auc == pytest.approx(GOLDEN_AUC, abs=1e-4)

    def test_by_the_book(self) -> None:
        """Against the definition written out: no more than the stated share of strangers is accepted."""
        scores, persons = drawn(1, people=30)
        one, other = np.triu_indices(len(persons), 1)
        same = persons[one] == persons[other]
        found = rates(scores, persons)
        strangers = np.sort(scores[one, other][~same])[::-1]
        threshold = strangers[int(0.01 * len(strangers))]

        assert (strangers > threshold).mean() <= 0.01
        assert found["1e-2"] == pytest.approx((scores[one, other][same] > threshold).mean())

    def test_people_who_never_look_alike_are_always_told_apart(self) -> None:
        """Perfect scores give perfect figures."""
        scores, persons = drawn(0, apart=100)
        comparisons = Comparisons.of(scores, persons)

        assert rates(scores, persons) == {**dict.fromkeys(RATES, 1.0), "eer": 0.0}
        assert comparisons.auc == 1

    @settings(deadline=None, max_examples=30)
    @given(seed=st.integers(0, 10_000), apart=st.floats(0, 3, allow_subnormal=False))
    def test_more_false_matches_never_cost_recall(self, seed: int, apart: float) -> None:
        """A true accept rate never falls as the false-match rate rises."""
        found = rates(*drawn(seed, apart=apart))

        assert found["1e-4"] <= found["1e-3"] <= found["1e-2"]

    @settings(deadline=None, max_examples=30)
    @given(seed=st.integers(0, 10_000), apart=st.floats(0.5, 5, allow_subnormal=False))
    def test_better_than_chance_errs_on_less_than_half(self, seed: int, apart: float) -> None:
        """The equal error rate of scores that say something lies between 0 and a half."""
        assert 0 <= rates(*drawn(seed, people=30, apart=apart))["eer"] <= 0.5

    @settings(deadline=None, max_examples=20)
    @given(seed=st.integers(0, 10_000))
    def test_the_order_of_pictures_changes_nothing(self, seed: int) -> None:
        """Nor does it matter which side of a comparison is the probe."""
        scores, persons = drawn(seed)
        order = np.random.default_rng(seed).permutation(len(persons))

        assert rates(scores[np.ix_(order, order)], persons[order]) == pytest.approx(rates(scores, persons))
        assert rates(scores.T, persons) == rates(scores, persons)

    def test_a_threshold_from_elsewhere(self) -> None:
        """At a part's own threshold, the part's own rates come out again."""
        scores, persons = drawn(3, people=40)
        comparisons = Comparisons.of(scores, persons)
        at = {"x": comparisons.threshold(0.01)}
        found = comparisons.accept_rates(np.ones(40), at)

        assert found["tar x"] == found["1e-2"]
        assert found["fmr x"] <= 0.01

    def test_pairs_that_could_not_be_compared_are_missed(self) -> None:
        """A face that was not found lowers the recall and no false-match rate."""
        scores, persons = drawn(0, apart=100)
        comparisons = Comparisons.of(scores, persons).with_misses(np.zeros(12, np.intp))
        found = comparisons.accept_rates(np.ones(12), {})

        assert found["1e-2"] == pytest.approx(36 / 48)


class TestIntervals:
    def test_the_same_seed_gives_the_same_interval(self) -> None:
        """A report can be made again."""
        scores, persons = drawn(5)
        comparisons = Comparisons.of(scores, persons)

        assert accept_rates(comparisons, persons, 20, 7)[0] == accept_rates(comparisons, persons, 20, 7)[0]
        assert accept_rates(comparisons, persons, 20, 7)[0] != accept_rates(comparisons, persons, 20, 8)[0]

    def test_fewer_people_make_wider_intervals(self) -> None:
        """What varies is who was photographed, not how often."""

        def width(people: int) -> float:
            scores, persons = drawn(2, people=people)
            found = accept_rates(Comparisons.of(scores, persons), persons, 60, 0)[0]["eer"]
            assert found.low is not None
            assert found.high is not None
            return found.high - found.low

        assert width(120) < width(15)

    def test_none_of_twenty_people_is_not_never(self) -> None:
        """A share of 1 among twenty people says at least 85 %."""
        found = Interval.share(1.0, np.ones(50), 20)

        assert found.low == pytest.approx(0.85)
        assert found.high == 1
        assert Interval.share(0.0, np.zeros(50), 20).high == pytest.approx(0.15)

    def test_without_comparisons_there_is_a_reason(self) -> None:
        """No figure is made up where there is nothing to count."""
        found = accept_rates(Comparisons.of(np.eye(3, dtype=np.float32), np.arange(3)), np.arange(3), 5, 0)[0]

        assert found["eer"].value is None
        assert found["eer"].reason


class TestRatios:
    def test_fitted_on_others_they_cost_little_more_than_the_least(self) -> None:
        """A calibration is honest about people that it has not seen."""
        drawn_world = world(120, 3)
        scores = drawn_world.templates @ drawn_world.templates.T
        found = held_out(scores, drawn_world.people.astype(np.intp), drawn_world.ages.astype(np.float32))
        assert found is not None

        assert min_cllr(found.ratios, found.mated) <= cllr(found.ratios, found.mated) < 1
        assert cllr(found.ratios, found.mated) < 1.25 * min_cllr(found.ratios, found.mated)

    def test_shares_of_ratios_fall(self) -> None:
        """A Tippett plot's curves never rise, and strangers lie below."""
        drawn_world = world(60, 3)
        scores = drawn_world.templates @ drawn_world.templates.T
        found = held_out(scores, drawn_world.people.astype(np.intp), drawn_world.ages.astype(np.float32))
        assert found is not None
        shares = found.tippett()

        assert shares["mated"] == sorted(shares["mated"], reverse=True)
        assert all(own >= other for own, other in zip(shares["mated"], shares["non_mated"], strict=True))
