import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.calibration import (
    AgeEstimate,
    Calibration,
    CalibrationMissing,
    CalibrationUnreadable,
    LikelihoodRatio,
    Support,
    combined,
    default_calibration,
    identity,
    load_calibration,
    plausibility,
    read_calibration,
    write_calibration,
)
from matching.calibration.ages import MISSTATED
from matching.calibration.fitting import TooFewPeople, fit
from matching.calibration.measures import cllr, min_cllr, reliability
from matching.calibration.pairs import NON_MATED_EACH, Pairs, pairs_between
from matching.error_model import AgeBand, age_band
from matching.false_match import ScoreKind
from matching.normalisation import Cohort
from tests.matching.worlds import World, world

ENCODERS = ("dlib", "mobilefacenet", "dlib+mobilefacenet")
ages = st.floats(0, 40)


def pairs_of(drawn: World, kind: ScoreKind) -> Pairs:
    """All comparisons among a world's pictures that a calibration is made of."""
    if kind == ScoreKind.DECISION:
        scores = Cohort.of(drawn.templates).decision_scores(drawn.templates, drawn.templates)
    else:
        scores = drawn.templates @ drawn.templates.T
    both = (drawn.people, drawn.people), (drawn.ages, drawn.ages)
    return pairs_between(scores, *both, same_pictures=True)


def fitted(pairs: Pairs, kind: ScoreKind, ensemble: int = 12) -> Calibration:
    return fit(
        pairs.scores,
        pairs.mated,
        pairs.younger,
        pairs.gap,
        pairs.one,
        pairs.other,
        encoder="drawn",
        version="1",
        kind=kind,
        source="drawn from normal distributions",
        synthetic=True,
        ensemble=ensemble,
    )


@cache
def calibration(kind: ScoreKind = ScoreKind.COMPARISON) -> Calibration:
    return fitted(pairs_of(world(120), kind), kind)


class TestMeasures:
    def test_ratios_that_say_nothing_cost_a_bit(self) -> None:
        """The scale's fixed points: nothing said costs 1, the truth with certainty 0."""
        mated = np.array([True, True, False])

        assert cllr(np.zeros(3), mated) == pytest.approx(1)
        assert cllr(np.array([9.0, 9, -9]), mated) == pytest.approx(0, abs=1e-6)
        assert cllr(np.array([-2.0, -2, 2]), mated) > 6

    def test_golden_numbers(self) -> None:
        """By hand: mated ratios of 10 and 1, non-mated of 1/10 and 1."""
        ratios, mated = np.array([1.0, 0, -1, 0]), np.array([True, True, False, False])

        assert cllr(ratios, mated) == pytest.approx(0.5 * (math.log2(1.1) + 1))
        assert min_cllr(ratios, mated) == pytest.approx(0.5, abs=1e-4)

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=4, max_size=60))
    def test_nothing_beats_perfect_calibration_of_the_same_order(self, rows: list[tuple[int, bool]]) -> None:
        """What separation allows is a bound, and depends on the order alone."""
        ratios, mated = np.array([r / 10 for r, _ in rows]), np.array([m for _, m in rows])
        if mated.all() or not mated.any():
            with pytest.raises(ValueError, match="mated and non-mated"):
                cllr(ratios, mated)
            return

        assert 0 <= min_cllr(ratios, mated) <= cllr(ratios, mated) + 1e-4
        assert min_cllr(ratios**3, mated) == pytest.approx(min_cllr(ratios, mated), abs=1e-9)

    def test_a_calibrated_world_is_reliable(self) -> None:
        """Of comparisons said to be of one person in x of 100 cases, x are; at an even prior."""
        draw = np.random.default_rng(0)
        mated = np.arange(40_000) < 20_000
        scores = draw.normal(size=40_000) + 2 * mated
        ratios = (2 * scores - 2) / math.log(10)

        for found in reliability(ratios, mated):
            assert found.said == pytest.approx(found.was, abs=0.03)


class TestPairs:
    def test_age_alone_says_nothing(self) -> None:
        """A model that learned who is photographed when would call ages a likeness."""
        pairs = pairs_of(world(150), ScoreKind.COMPARISON)
        weights = pairs.weights()

        for values in (pairs.younger, pairs.gap):
            order = np.argsort(values, kind="stable")
            # The area under the curve that the age alone would have, ties broken evenly.
            below = np.cumsum((weights * ~pairs.mated)[order]) - (weights * ~pairs.mated)[order] / 2
            area = 4 * float(((weights * pairs.mated)[order] * below).sum())
            assert area == pytest.approx(0.5, abs=0.02)
        assert weights[pairs.mated].sum() == pytest.approx(0.5)
        assert weights.sum() == pytest.approx(1)

    def test_every_mated_pair_is_used_once_and_strangers_are_limited(self) -> None:
        """Four pictures of a person make six pairs; millions of strangers add time and nothing else."""
        pairs = pairs_of(world(100), ScoreKind.COMPARISON)

        assert pairs.mated.sum() == 600
        assert 5 * 600 < (~pairs.mated).sum() <= NON_MATED_EACH * 600
        assert not (pairs.one == pairs.other)[~pairs.mated].any()

    def test_pictures_of_unknown_age_are_left_out(self) -> None:
        """An unknown age is not zero."""
        drawn = world(40)
        unknown = drawn.ages.copy()
        unknown[::4] = np.nan
        scores = drawn.templates @ drawn.templates.T
        pairs = pairs_between(scores, (drawn.people, drawn.people), (unknown, unknown), same_pictures=True)

        assert pairs.mated.sum() == 40 * 3

    @pytest.mark.parametrize(
        ("column", "value", "words"),
        [("scores", math.nan, "both ages"), ("younger", -1.0, "negative"), ("mated", 1, "one person")],
    )
    def test_columns_that_contradict_each_other_are_refused(
        self, column: str, value: float, words: str
    ) -> None:
        """A wrong label must not become a statement about a child."""
        columns = {
            "scores": np.zeros(3),
            "mated": np.array([True, False, False]),
            "younger": np.ones(3),
            "gap": np.zeros(3),
            "one": np.array([0, 0, 1]),
            "other": np.array([0, 1, 0]),
        }
        columns[column][1] = value
        with pytest.raises(ValueError, match=words):
            Pairs(**columns)


class TestFit:
    @pytest.mark.parametrize("kind", ScoreKind)
    def test_what_it_says_of_other_people_is_nearly_what_separation_allows(self, kind: ScoreKind) -> None:
        """Cost within a tenth of the least possible, in every age band, on people it has not seen."""
        found = fitted(pairs_of(world(800, seed=1), kind), kind, ensemble=0)
        test = pairs_of(world(800, seed=2), kind)
        ratios = found.ratios(test.scores, test.younger, test.gap)
        bands = np.array([age_band(float(age)) for age in test.younger])

        for band in ("all", AgeBand.INFANT, AgeBand.SMALL_CHILD, AgeBand.CHILD, AgeBand.ADOLESCENT):
            rows = (bands == band) | (band == "all")
            cost = cllr(ratios[rows], test.mated[rows])
            assert cost <= 1.1 * min_cllr(ratios[rows], test.mated[rows]), band

    def test_knowing_the_ages_is_worth_something(self) -> None:
        """The same score means less between small children: a ratio that knows it costs less."""
        found, test = calibration(), pairs_of(world(200, seed=2), ScoreKind.COMPARISON)
        ratios = found.ratios(test.scores, test.younger, test.gap)

        assert cllr(ratios, test.mated) < min_cllr(test.scores, test.mated)

    @settings(deadline=None, max_examples=60)
    @given(st.sampled_from(ScoreKind), st.floats(-3, 3), st.floats(0, 3), ages, ages)
    def test_a_higher_score_never_says_less(
        self, kind: ScoreKind, score: float, step: float, one: float, other: float
    ) -> None:
        """By construction, whatever the data were; the interval moves along."""
        known = AgeEstimate(one, 0), AgeEstimate(other, 0)
        low = calibration(kind).likelihood_ratio(score, *known)
        high = calibration(kind).likelihood_ratio(score + step, *known)

        assert low.log10 <= high.log10 + 1e-9
        assert low.low <= high.low + 1e-9
        assert low.high <= high.high + 1e-9

    def test_a_ratio_is_never_larger_than_the_people_support(self) -> None:
        """One pair in ten thousand cannot be said to be one in a million."""
        found = calibration()
        extreme = [found.likelihood_ratio(at, None, None).log10 for at in (-1e3, 1e3)]

        assert 3.5 < found.highest <= math.log10(120 * 119 / 2 + 1)
        assert found.lowest == pytest.approx(-math.log10(121))
        assert extreme[0] >= found.lowest
        assert extreme[1] <= found.highest

    def test_the_order_of_pairs_and_sides_does_not_matter(self) -> None:
        """Labels decide, not the list they stand in."""
        pairs = pairs_of(world(60), ScoreKind.COMPARISON)
        order = np.random.default_rng(1).permutation(len(pairs))
        turned = Pairs(pairs.scores, pairs.mated, pairs.younger, pairs.gap, pairs.other, pairs.one)
        at = np.linspace(0, 1, 20), np.linspace(1, 15, 20), np.linspace(0, 9, 20)
        expected = fitted(pairs, ScoreKind.COMPARISON, 0).ratios(*at)

        assert fitted(pairs[order], ScoreKind.COMPARISON, 0).ratios(*at) == pytest.approx(expected, abs=0.02)
        assert fitted(turned, ScoreKind.COMPARISON, 0).ratios(*at) == pytest.approx(expected, abs=1e-6)

    def test_it_says_what_it_rests_on(self) -> None:
        """People and pairs by age and gap, and figures on people held out."""
        rests_on = calibration().provenance

        assert rests_on.people == 120
        assert rests_on.synthetic
        assert sum(each.mated for each in rests_on.counts if each.name.startswith("age")) == 720
        assert {each.name for each in rests_on.held_out} >= {"all", "0-3", "4-7", "8-12"}
        assert all(0 < each.min_cllr <= each.cllr < 1.2 for each in rests_on.held_out)

    def test_few_people_are_not_enough(self) -> None:
        """A dozen labelled pairs would replace published rates by noise."""
        with pytest.raises(TooFewPeople, match="30 persons"):
            fitted(pairs_of(world(29), ScoreKind.COMPARISON), ScoreKind.COMPARISON)


class TestLikelihoodRatio:
    @settings(deadline=None, max_examples=80)
    @given(
        st.sampled_from([*ENCODERS, "fitted"]),
        st.floats(-1, 1),
        st.none() | st.tuples(ages, st.floats(0, 4)),
        st.none() | st.tuples(ages, st.floats(0, 4)),
        st.booleans(),
    )
    def test_the_interval_holds_the_point_and_sides_are_alike(
        self,
        encoder: str,
        score: float,
        one: tuple[float, float] | None,
        other: tuple[float, float] | None,
        poor: bool,  # noqa: FBT001 - drawn.
    ) -> None:
        """Whatever is known of the ages, and whichever side they belong to."""
        found = calibration() if encoder == "fitted" else default_calibration(encoder)
        known = [None if age is None else AgeEstimate(*age) for age in (one, other)]
        there = found.likelihood_ratio(score, known[0], known[1], poor_face=poor)
        back = found.likelihood_ratio(score, known[1], known[0], poor_face=poor)

        assert found.lowest <= there.low <= there.log10 <= there.high <= found.highest
        assert 0 < 10**there.log10 / (1 + 10**there.log10) < 1
        assert (there.log10, there.low, there.high) == pytest.approx((back.log10, back.low, back.high))

    def test_a_poor_face_says_less(self) -> None:
        """Few pixels weaken a statement, in either direction."""
        known = AgeEstimate(9, 0), AgeEstimate(10, 0)
        for score in (0.5, 0.95):
            good = default_calibration("mobilefacenet").likelihood_ratio(score, *known)
            poor = default_calibration("mobilefacenet").likelihood_ratio(score, *known, poor_face=True)
            assert abs(poor.log10) == pytest.approx(0.75 * abs(good.log10))

    @pytest.mark.parametrize(
        ("log10", "words"),
        [
            (-2, Support.NONE),
            (0.2, Support.NONE),
            (0.4, Support.WEAK),
            (1.5, Support.MODERATE),
            (3, Support.STRONG),
        ],
    )
    def test_words_follow_the_end_that_says_less(self, log10: float, words: Support) -> None:
        """A wide interval is not strong support."""
        assert LikelihoodRatio(log10, log10, 9).support == words
        assert LikelihoodRatio(9, log10, 9).support == words
        with pytest.raises(ValueError, match="holds its point"):
            LikelihoodRatio(1, 2, 3)


class TestAges:
    def test_an_impossible_age_lowers_and_never_silences(self) -> None:
        """A child said to be two is hardly one of nine, but who guesses ages in the street is often wrong."""
        nine = AgeEstimate(9, 0.5)

        assert plausibility(AgeEstimate(9.5, 2), nine) == 0
        assert plausibility(AgeEstimate(2, 1), nine) == pytest.approx(math.log10(MISSTATED), abs=0.01)
        assert plausibility(None, nine) == plausibility(nine, None) == 0

    @given(ages, st.floats(0, 5), ages, st.floats(0, 5))
    def test_ages_only_speak_against(self, stated: float, s: float, expected: float, e: float) -> None:
        """An age that fits is what most ages do."""
        factor = plausibility(AgeEstimate(stated, s), AgeEstimate(expected, e))

        assert math.log10(MISSTATED) <= factor <= 0

    def test_two_estimates_are_better_than_one(self) -> None:
        """The surer one counts more; a known age counts alone."""
        both = combined(AgeEstimate(8, 1), AgeEstimate(12, 2))

        assert both is not None
        assert both.years == pytest.approx(8.8)
        assert both.deviation == pytest.approx(2 / math.sqrt(5))
        assert combined(AgeEstimate(8, 0), AgeEstimate(12, 2)) == AgeEstimate(8, 0)
        assert combined(None, both) is combined(both, None) is both

    @pytest.mark.parametrize("wrong", [(-1, 0), (math.nan, 0), (5, -1), (5, math.inf)])
    def test_what_is_no_age_is_refused(self, wrong: tuple[float, float]) -> None:
        """A statement about NaN years would be one about nobody."""
        with pytest.raises(ValueError, match="age"):
            AgeEstimate(*wrong)


class TestCited:
    def test_golden_numbers(self) -> None:
        """Eight to twelve, at the published thresholds for 1 % and 0.1 % (log10 of the ratio)."""
        ten = AgeEstimate(10, 0)
        found = default_calibration("mobilefacenet")

        assert found.likelihood_ratio(0.61, ten, ten).log10 == pytest.approx(0.82, abs=0.01)
        assert found.likelihood_ratio(0.72, ten, ten).log10 == pytest.approx(2.02, abs=0.01)
        assert found.kind == ScoreKind.COMPARISON
        assert found.shipped

    @pytest.mark.parametrize("encoder", ENCODERS)
    def test_it_never_says_more_than_a_thousand_to_one(self, encoder: str) -> None:
        """The rarest rate in the tables is one in a thousand."""
        ten = AgeEstimate(10, 0)
        assert default_calibration(encoder).likelihood_ratio(1.0, ten, ten).log10 == pytest.approx(3)
        assert default_calibration(encoder).likelihood_ratio(-1.0, ten, ten).log10 == pytest.approx(-3)

    @pytest.mark.parametrize("encoder", ENCODERS)
    def test_an_infants_likeness_says_less_than_a_schoolchilds(self, encoder: str) -> None:
        """At the same share of strangers, one in 100,000, the encoder knows less about infants."""
        found = default_calibration(encoder)
        said = []
        for band, age in ((AgeBand.INFANT, 2), (AgeBand.SMALL_CHILD, 6)):
            strangers = found.model.strangers[band]  # type: ignore[attr-defined]
            known = AgeEstimate(age, 0)
            said.append(found.likelihood_ratio(strangers.inv_cdf(1 - 1e-5), known, known).log10)

        assert said[0] < said[1]

    def test_an_operators_encoder_has_none(self) -> None:
        """Another model's numbers would be a guess about children."""
        with pytest.raises(CalibrationMissing, match="homeward calibrate"):
            default_calibration("onnx-brought")


class TestArtefact:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        write_calibration(calibration(), tmp_path / "drawn.json")
        return tmp_path / "drawn.json"

    def test_what_is_written_is_read(self, path: Path) -> None:
        """Numbers, intervals and where they come from survive the file."""
        found = load_calibration(path, "drawn", "1")
        ten = AgeEstimate(10, 1)

        assert found.likelihood_ratio(0.6, ten, None) == calibration().likelihood_ratio(0.6, ten, None)
        assert found.provenance == calibration().provenance
        assert found.false_matches == calibration().false_matches
        assert identity(found) == identity(calibration())
        assert [each.name for each in path.parent.iterdir()] == ["drawn.json"]

    def test_without_a_file_the_cited_one_is_used(self, tmp_path: Path) -> None:
        """A new installation has one for what it ships, and none for what an operator brings."""
        assert load_calibration(tmp_path / "none.json", "dlib", "1").shipped
        with pytest.raises(CalibrationMissing):
            load_calibration(tmp_path / "none.json", "onnx-brought", "1")

    @pytest.mark.parametrize(("encoder", "version"), [("dlib", "1"), ("drawn", "2")])
    def test_another_encoders_is_refused(self, path: Path, encoder: str, version: str) -> None:
        """Scores of two versions are two scales."""
        with pytest.raises(CalibrationUnreadable, match="was made for drawn 1, not for"):
            load_calibration(path, encoder, version)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("format", 2),
            ("format", None),
            ("encoder", 7),
            ("kind", "cosine"),
            ("highest", math.nan),
            ("highest", "much"),
            ("lowest", -1e999),
            ("model.scale", 0),
            ("model.score_knots", [5, 4, 3, 2, 1, 0]),
            ("model.coefficients", []),
            ("model.more", 1),
            ("false_matches", [{"band": "0-3", "points": [{"score": 1, "rate": 0.1}]}]),
            ("provenance.people", -1),
            ("provenance.manifest_sha256", "no digest"),
        ],
    )
    def test_a_broken_file_is_refused_with_a_reason(self, path: Path, field: str, value: object) -> None:
        """It is never passed over in silence: whoever calibrated would believe it in force."""
        content = json.loads(path.read_text())
        place = content
        *parents, name = field.split(".")
        for parent in parents:
            place = place[parent]
        place[name] = value
        path.write_text(json.dumps(content))

        with pytest.raises(CalibrationUnreadable, match=r"drawn.json is no calibration: ."):
            read_calibration(path)

    def test_a_curve_that_falls_is_refused(self, path: Path) -> None:
        """No file may make a higher score say less."""
        content = json.loads(path.read_text())
        content["model"]["coefficients"][0]["row"][-1] = -0.1
        path.write_text(json.dumps(content))

        with pytest.raises(CalibrationUnreadable, match="fall as the score rises"):
            read_calibration(path)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
    def test_what_is_no_json_is_refused(self, path: Path, text: str) -> None:
        """A disk that was full leaves half a file."""
        path.write_text(text)
        with pytest.raises(CalibrationUnreadable):
            read_calibration(path)

    def test_the_cited_one_is_not_written(self, tmp_path: Path) -> None:
        """It is part of the program."""
        with pytest.raises(TypeError, match="only a fitted"):
            write_calibration(default_calibration("dlib"), tmp_path / "dlib.json")
