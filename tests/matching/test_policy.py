import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.calibration import AgeEstimate, CalibrationMissing, Support
from matching.candidate_list import CandidateList, Hazard, ProbeFacts
from matching.error_model import DLIB_ERRORS, AgeBand
from matching.false_match import MINIMUM_RECORDS, FalseMatchModel, ScoreKind
from matching.normalisation import Cohort
from matching.policy import CANDIDATE_LIST_LIMIT, EXPECTED_FALSE_FIRST, WIDE_RATE, Rules
from matching.ranking import Gallery, rank
from tests.matching.test_calibration import calibration
from tests.matching.test_ranking import PROBE, gallery_of
from tests.matching.worlds import world

CHILD_AT_WIDE = DLIB_ERRORS[AgeBand.CHILD].threshold(WIDE_RATE)


def search(gallery: Gallery, facts: ProbeFacts | None = None, seen: float = 10.0) -> CandidateList:
    """Look for the probe with dlib's cited rates; every child would be `seen` years old by now."""
    ages = np.full(len(gallery.ages), seen, dtype=np.float32)
    return Rules.of("dlib", gallery).search(PROBE, facts, expected_ages=ages)


def large(people: int = 2000, seed: int = 5) -> tuple[Gallery, np.ndarray]:
    """A gallery of one reference each, and another picture of the same people."""
    drawn = world(people, 2, seed=seed)
    gallery = Gallery(drawn.templates[::2], drawn.people[::2], drawn.ages[::2].astype(np.float32))
    return gallery, drawn.templates[1::2]


class TestWhoIsACandidate:
    def test_the_age_on_the_photo_decides(self) -> None:
        """The same likeness is a reason to look at twelve and none at two."""
        found = search(gallery_of([0.95, 0.95], [1, 2], [2, 12]))

        assert [(each.record, each.rank) for each in found.candidates] == [(2, 1)]
        assert found.candidates[0].threshold == pytest.approx(CHILD_AT_WIDE)
        assert found.candidates[0].decided_by == ScoreKind.COMPARISON

    def test_any_photo_of_a_record_may_bring_it_up(self) -> None:
        """A nearer baby photo must not stand in the way of a school photo that reaches its threshold."""
        (candidate,) = search(gallery_of([0.96, 0.95], [7, 7], [1, 9])).candidates

        assert (candidate.record, candidate.reference) == (7, 1)

    def test_the_photo_that_says_most_is_shown(self) -> None:
        """Of two photos that reach their thresholds, the one that strangers reach more rarely."""
        (candidate,) = search(gallery_of([0.97, 0.96], [7, 7], [2, 9])).candidates

        assert candidate.reference == 1

    def test_the_order_is_that_of_comparison_scores(self) -> None:
        """Rates decide who is shown, never who comes first among the shown."""
        found = search(gallery_of([0.94, 0.972, 0.96, 0.95], [1, 2, 3, 4], [10, 2, 10, 15]))

        scores = [each.score for each in found.candidates]
        parts = [each.first for each in found.candidates]
        assert parts == sorted(parts, reverse=True)
        for part in (found.first, found.more):
            assert [each.score for each in part] == sorted((each.score for each in part), reverse=True)
        assert len(scores) == 4
        assert [each.rank for each in found.candidates] == [1, 2, 3, 4]

    def test_a_missing_age_never_hides_a_child(self) -> None:
        """Where the age is unknown, the laxest threshold is enough to be shown behind "more"."""
        adult = DLIB_ERRORS[AgeBand.ADULT].threshold(WIDE_RATE)
        (candidate,) = search(gallery_of([adult + 1e-4], [1], [math.nan])).candidates

        assert candidate.threshold == pytest.approx(adult)
        assert not candidate.first
        assert Hazard.AGE_UNKNOWN in candidate.hazards

    def test_the_list_is_short(self) -> None:
        """Reviewers of long lists are wrong more often than right."""
        found = search(gallery_of([0.999] * 50, list(range(50)), [15] * 50))

        assert len(found.candidates) == CANDIDATE_LIST_LIMIT == 10

    def test_an_empty_gallery_brings_up_nobody(self) -> None:
        """The first tip may come before the first record."""
        found = Rules.of("dlib", gallery_of([], [], [])).search(PROBE)

        assert found == CandidateList((), 0.0, 0.0)

    def test_a_probe_of_another_length_is_refused(self) -> None:
        """Two encoders' numbers are never compared."""
        with pytest.raises(ValueError, match="as many numbers"):
            Rules.of("dlib", gallery_of([0.9], [1], [9])).search(np.ones(4, dtype=np.float32))

    def test_an_encoder_that_nobody_measured_has_no_thresholds(self) -> None:
        """Another model's threshold would be a guess about children; ranking them is left."""
        gallery = gallery_of([0.9, 0.99], [1, 2], [9, 9])

        with pytest.raises(CalibrationMissing, match="onnx-brought has no calibration"):
            Rules.of("onnx-brought", gallery)
        assert [each.record for each in rank(PROBE, gallery)] == [2, 1]

    def test_an_operators_own_pairs_give_it_thresholds(self) -> None:
        """Once calibrated, an encoder that Homeward does not know decides like any other."""
        rules = Rules.of("drawn", gallery_of([0.2, 0.99], [1, 2], [9, 9]), calibration())

        assert rules.false_matches.kind == ScoreKind.COMPARISON
        assert [each.record for each in rules.search(PROBE).candidates] == [2]

    @settings(deadline=None, max_examples=50)
    @given(
        st.lists(
            st.tuples(st.floats(0.85, 1), st.integers(0, 20), st.floats(0, 30) | st.just(math.nan)),
            max_size=30,
        ),
        st.randoms(),
    )
    def test_nothing_that_reaches_its_threshold_is_lost(
        self, rows: list[tuple[float, int, float]], order: object
    ) -> None:
        """Up to the limit, exactly the records of which a photo reaches the threshold of its age."""
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []]
        gallery = gallery_of(columns[0], [int(each) for each in columns[1]], columns[2])
        rules = Rules.of("dlib", gallery)
        found = rules.search(PROBE)
        reaching = rules.wide[rules.bands] <= gallery.references @ PROBE
        expected = {int(each) for each in gallery.records[reaching]}

        assert {each.record for each in found.candidates} <= expected
        assert len(found.candidates) == min(len(expected), CANDIDATE_LIST_LIMIT)
        assert all(each.score >= each.threshold for each in found.candidates)
        assert list(rules.promising(PROBE[None])) == ([0] if expected else [])
        shuffled = list(range(len(rows)))
        order.shuffle(shuffled)  # type: ignore[attr-defined]
        again = Gallery(gallery.references[shuffled], gallery.records[shuffled], gallery.ages[shuffled])
        assert [each.record for each in Rules.of("dlib", again).search(PROBE).candidates] == [
            each.record for each in found.candidates
        ]


class TestExpectedFalse:
    def test_it_follows_the_size_of_the_gallery(self) -> None:
        """The same likeness means less where more strangers are searched."""
        few = search(gallery_of([0.97] + [0.5] * 9, list(range(10)), [9] * 10)).candidates[0]
        many = search(gallery_of([0.97] + [0.5] * 149, list(range(150)), [9] * 150)).candidates[0]

        assert many.expected_false == pytest.approx(15 * few.expected_false)
        assert few.expected_false == pytest.approx(
            10 * DLIB_ERRORS[AgeBand.CHILD].false_match_rate(few.score), rel=1e-3
        )

    def test_what_is_shown_first_is_expected_to_be_right(self) -> None:
        """The operating point: at most one wrong one in ten probes, whatever the size of the gallery."""
        for size in (5, 50, 150):
            rules = Rules.of("dlib", gallery_of([0.5] * size, list(range(size)), [9] * size))
            assert rules.expected_false_first == pytest.approx(min(EXPECTED_FALSE_FIRST, 0.01 * size))
            assert rules.expected_false == pytest.approx(0.01 * size)
            at = float(rules.strict[rules.bands[0]])
            assert size * rules.false_matches.rate_at_most(at, AgeBand.CHILD) == pytest.approx(
                rules.expected_false_first
            )

    def test_a_gallery_measures_its_own(self) -> None:
        """With enough records, rates are those of these very children: wrong ones come as rarely as said."""
        gallery, probes = large()
        rules = Rules.of("dlib", gallery)
        shown = [rules.search(probe) for probe in probes[:400]]
        wrong = sum(each.record != number for number, found in enumerate(shown) for each in found.first)
        right = sum(each.record == number for number, found in enumerate(shown) for each in found.first)

        assert rules.false_matches.kind == ScoreKind.DECISION
        assert wrong / 400 <= 1.5 * EXPECTED_FALSE_FIRST
        assert right / 400 > 0.15
        assert rules.expected_false == CANDIDATE_LIST_LIMIT

    def test_rows_that_are_compared_alone_are_judged_like_the_whole(self) -> None:
        """A new record searched against old tips stands among all the others all the same."""
        gallery, probes = large(600)
        rules = Rules.of("dlib", gallery)
        whole = {each.record: each for number in range(40) for each in rules.search(probes[number]).first}
        for number in range(40):
            alone = rules.search(probes[number], rows=np.array([number])).candidates
            if alone and number in whole and whole[number].record == number and alone[0].first:
                assert alone[0].expected_false == pytest.approx(whole[number].expected_false, rel=1e-2)
        promising = set(rules.promising(probes[:40], np.arange(5)).tolist())
        for number in range(40):
            found = rules.search(probes[number], rows=np.arange(5)).candidates
            assert not found or number in promising


class TestFalseMatchModel:
    def test_the_tail_is_that_of_the_strangers(self) -> None:
        """Rates beyond what was counted stay near those of a gallery ten times as large."""
        gallery, _ = large(1500)
        larger, _ = large(6000, seed=6)
        cohort = Cohort.of(gallery.references)
        found = FalseMatchModel.from_gallery(cohort, gallery)
        truth = FalseMatchModel.from_gallery(Cohort.of(larger.references), larger)
        assert found is not None
        assert truth is not None

        for band in (AgeBand.SMALL_CHILD, AgeBand.CHILD):
            at = truth.threshold(1e-5, band)
            assert 1e-6 < found.rate_at_most(at, band) < 1e-4
            low, high = found.interval(at, band) or (1, 0)
            assert low < found.rate_at_most(at, band) < high
            sure = found.interval(found.sure_threshold(1e-5, band), band) or (1, 1)
            assert sure[1] == pytest.approx(1e-5, rel=1e-3)

    def test_photos_of_one_record_are_no_strangers(self) -> None:
        """A child's own photos, enrolled together, do not make its likeness common."""
        drawn = world(400, 4)
        ages = drawn.ages.astype(np.float32)
        cohort = Cohort.of(drawn.templates)
        told = FalseMatchModel.from_gallery(cohort, Gallery(drawn.templates, drawn.people, ages))
        mistaken = FalseMatchModel.from_gallery(cohort, Gallery(drawn.templates, np.arange(len(ages)), ages))
        assert told is not None
        assert mistaken is not None

        # Registered apart, the same children only make the rates too high.
        assert mistaken.threshold(1e-4, AgeBand.CHILD) > told.threshold(1e-4, AgeBand.CHILD) + 0.5

    def test_few_records_measure_nothing(self) -> None:
        """A tail needs strangers."""
        gallery, _ = large(MINIMUM_RECORDS)
        assert FalseMatchModel.from_gallery(Cohort.of(gallery.references), gallery) is None
        assert FalseMatchModel.from_gallery(Cohort.of(gallery.references[:9]), gallery) is None

    def test_a_band_without_records_takes_the_strictest_rates(self) -> None:
        """Where nothing is known, the worst that is known holds."""
        gallery, _ = large(1000)
        found = FalseMatchModel.from_gallery(Cohort.of(gallery.references), gallery)
        assert found is not None

        assert AgeBand.ADULT not in found.support
        assert found.threshold(0.001, AgeBand.ADULT) == max(
            found.threshold(0.001, band) for band in found.support
        )
        assert found.interval(4.0, AgeBand.ADULT) is None

    def test_laxer_than_measured_is_everybody(self) -> None:
        """An unknown rate is never a small one."""
        cited = FalseMatchModel.cited("dlib")
        assert cited.rate_at_most(0.5, AgeBand.CHILD) == 1
        assert cited.rate_at_most(0.95, None) == max(cited.rate_at_most(0.95, band) for band in AgeBand)
        assert cited.interval(0.95, AgeBand.CHILD) is None


class TestWhatIsSaid:
    def test_hazards_are_flagged(self) -> None:
        """What a reviewer must know before trusting any likeness."""
        gallery = gallery_of([0.99, 0.99, 0.99, 0.99], [1, 2, 3, 4], [9, 2, 4.5, math.nan])
        found = {each.record: each.hazards for each in search(gallery, ProbeFacts(poor_face=True)).candidates}
        always = {Hazard.POOR_FACE, Hazard.LOOKALIKE, Hazard.UNCALIBRATED}

        assert found[1] == always
        assert found[2] == always | {Hazard.INFANT, Hazard.WIDE_GAP}
        assert found[3] == always | {Hazard.WIDE_GAP}
        assert found[4] == always | {Hazard.AGE_UNKNOWN}

    def test_a_lookalike_is_another_record(self) -> None:
        """A child's own photos are no lookalikes; a twin in the registry is one."""
        alone = search(gallery_of([0.99, 0.99], [1, 1], [9, 10])).candidates[0]
        twins = search(gallery_of([0.99, 0.99], [1, 2], [9, 10])).candidates[0]

        assert Hazard.LOOKALIKE not in alone.hazards
        assert Hazard.LOOKALIKE in twins.hazards

    def test_a_stated_age_that_cannot_be_lowers_and_drops_nobody(self) -> None:
        """Passers-by guess: the record stays, its ratio falls."""
        gallery = gallery_of([0.96], [1], [9])
        fits = search(gallery, ProbeFacts(age=AgeEstimate(10, 2))).candidates[0]
        cannot = search(gallery, ProbeFacts(age=AgeEstimate(1, 1))).candidates[0]

        assert cannot.likelihood.log10 < fits.likelihood.log10 - 0.5
        assert (cannot.rank, cannot.first, cannot.expected_false) == (
            fits.rank,
            fits.first,
            fits.expected_false,
        )

    def test_an_own_calibration_speaks_instead_of_the_cited_one(self) -> None:
        """On decision scores where there are any; else the cited one has the word."""
        own = calibration(ScoreKind.DECISION)
        gallery, probes = large(600)
        rules = Rules.of("dlib", gallery, own)
        small = Rules.of("dlib", gallery_of([0.97], [1], [9]), own)
        candidate = next(each for probe in probes for each in rules.search(probe).candidates)

        assert rules.calibration is own
        assert small.calibration.shipped
        assert Hazard.UNCALIBRATED not in candidate.hazards
        assert candidate.decision is not None
        assert candidate.likelihood == own.likelihood_ratio(
            candidate.decision, AgeEstimate(float(gallery.ages[candidate.reference]), 0), None
        )

    def test_it_is_said_in_words(self) -> None:
        """Never a percentage, which would be read as a verdict."""
        candidate = search(gallery_of([0.999], [1], [9])).candidates[0]

        assert candidate.likelihood.support == Support.MODERATE


class TestAFew:
    def test_rules_shown_a_few_references_decide_as_with_all(self) -> None:
        """Whoever finds those most like a probe elsewhere gets the same candidates, and as strictly."""
        gallery, probes = large()
        rules = Rules.of("dlib", gallery)
        assert rules.false_matches.kind == ScoreKind.DECISION
        seen = np.full(len(gallery.ages), 10.0, dtype=np.float32)
        shown = 0
        for probe in probes[:40]:
            few = np.argsort(-(gallery.references @ probe))[:250]
            part = Gallery(gallery.references[few], gallery.records[few], gallery.ages[few])
            ours = rules.showing(part).search(probe, expected_ages=seen[few])
            theirs = rules.search(probe, expected_ages=seen)
            assert [(each.record, each.first, each.rank) for each in ours.candidates] == [
                (each.record, each.first, each.rank) for each in theirs.candidates
            ]
            for one, other in zip(ours.candidates, theirs.candidates, strict=True):
                assert one.decision == pytest.approx(other.decision, abs=1e-3)
                assert one.expected_false == pytest.approx(other.expected_false, rel=1e-2)
            assert (ours.expected_false, ours.expected_false_first) == (
                theirs.expected_false,
                theirs.expected_false_first,
            )
            shown += len(ours.candidates)
        assert shown > 40

    def test_rules_of_a_sample_are_as_strict_as_the_whole_gallery_needs(self) -> None:
        """More references bring more strangers, so each must be more unusual."""
        gallery, _ = large()
        rules = Rules.of("dlib", gallery)
        larger = rules.of_size(1_000_001)

        assert larger.size == 1_000_001
        assert (larger.strict > rules.strict).all()
        assert np.array_equal(larger.wide, rules.wide)
        assert rules.of_size(rules.size).strict == pytest.approx(rules.strict)
