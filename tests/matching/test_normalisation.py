import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.normalisation import MATES_LEFT_OUT, MINIMUM_COHORT, Cohort, CohortTooSmall
from matching.ranking import unit
from tests.matching.worlds import world

WORLD = world(300, 2)
GALLERY, PROBES = WORLD.templates[::2], WORLD.templates[1::2]


def accept_rate(scores: np.ndarray, false_match_rate: float) -> float:
    """Share of mated comparisons (the diagonal) above the threshold that a share of the others reaches."""
    mated = np.eye(len(scores), dtype=bool)
    return float((scores[mated] >= np.quantile(scores[~mated], 1 - false_match_rate)).mean())


class TestDecisionScores:
    def test_golden_numbers(self) -> None:
        """The arithmetic written out, for one pair."""
        cohort = Cohort.of(GALLERY)
        probe, reference = PROBES[0], GALLERY[5]
        centred = unit(GALLERY - GALLERY.mean(axis=0))
        neighbours = round(0.15 * len(GALLERY))

        def side(template: np.ndarray, leave_out: int | None) -> tuple[np.ndarray, float, float]:
            direction = unit((template - GALLERY.mean(axis=0))[None])[0]
            strangers = centred if leave_out is None else np.delete(centred, leave_out, axis=0)
            usual = np.sort(strangers @ direction)[::-1][MATES_LEFT_OUT : MATES_LEFT_OUT + neighbours]
            return direction, float(usual.mean()), float(usual.std())

        ours, mean, spread = side(probe, None)
        theirs, other_mean, other_spread = side(reference, 5)
        score = float(ours @ theirs)
        expected = 0.5 * ((score - mean) / spread + (score - other_mean) / other_spread)

        assert cohort.decision_scores(probe[None], reference[None])[0, 0] == pytest.approx(expected, abs=1e-3)

    def test_they_are_symmetric(self) -> None:
        """Which photo is the probe does not change what the pair is worth."""
        cohort = Cohort.of(GALLERY)

        there = cohort.decision_scores(PROBES[:40], GALLERY[:50])
        assert there == pytest.approx(cohort.decision_scores(GALLERY[:50], PROBES[:40]).T, abs=1e-4)

    def test_the_order_of_enrolment_does_not_matter(self) -> None:
        """Whoever was enrolled first is no more usual than anybody else."""
        order = np.random.default_rng(3).permutation(len(GALLERY))

        scores = Cohort.of(GALLERY, size=250).decision_scores(PROBES[:20], GALLERY[:30])
        assert scores == pytest.approx(
            Cohort.of(GALLERY[order], size=250).decision_scores(PROBES[:20], GALLERY[:30]), abs=1e-4
        )

    def test_a_reference_is_not_normalised_by_itself(self) -> None:
        """Enrolled or not, a face is compared with the same strangers."""
        one = Cohort.of(GALLERY)
        with_copies = Cohort.of(np.concatenate([GALLERY, np.repeat(GALLERY[:1], 3, axis=0)]))

        alone, among = one.describe(GALLERY[:1]), with_copies.describe(GALLERY[:1])
        assert among.mean[0] == pytest.approx(alone.mean[0], abs=0.02)
        assert among.spread[0] == pytest.approx(alone.spread[0], abs=0.02)

    def test_the_scores_of_a_search_need_no_second_search(self) -> None:
        """One product with the gallery serves ranking and deciding."""
        cohort = Cohort.of(GALLERY)
        rows = np.array([7, 3, 99])
        full = cohort.decision_scores(PROBES[:4], GALLERY)
        products = PROBES[:4] @ GALLERY.T
        traits = cohort.describe(PROBES[:4])

        assert cohort.decide(products, traits) == pytest.approx(full, abs=1e-3)
        assert cohort.decide(products[:, rows], traits, rows) == pytest.approx(full[:, rows], abs=1e-3)

    def test_more_of_the_right_ones_pass_at_a_fixed_rate(self) -> None:
        """What it is for: in a world like children's faces, more mates at the same false-match rate."""
        plain = accept_rate(PROBES @ GALLERY.T, 0.001)
        decided = accept_rate(Cohort.of(GALLERY).decision_scores(PROBES, GALLERY), 0.001)

        assert decided > plain + 0.1

    def test_a_score_means_the_same_in_a_larger_gallery(self) -> None:
        """A threshold must not have to move with every record."""
        large = world(2500, 1, seed=8).templates
        small = Cohort.of(large[:500]).decision_scores(PROBES, GALLERY)
        full = Cohort.of(large).decision_scores(PROBES, GALLERY)

        assert np.quantile(full, 0.99) == pytest.approx(np.quantile(small, 0.99), abs=0.35)


class TestCohort:
    @settings(deadline=None, max_examples=12)
    @given(st.data())
    def test_changed_by_steps_it_is_the_one_made_anew(self, data: st.DataObject) -> None:
        """Records come and go; nobody's score may depend on when."""
        rows = GALLERY[: data.draw(st.integers(MINIMUM_COHORT, 260), label="at first")]
        cohort = Cohort.of(rows, size=220)
        for _ in range(data.draw(st.integers(1, 4), label="steps")):
            if data.draw(st.booleans(), label="add") or len(rows) < MINIMUM_COHORT + 20:
                new = PROBES[data.draw(st.integers(0, 280)) :][: data.draw(st.integers(1, 15))]
                cohort.add(new)
                rows = np.concatenate([rows, new])
            else:
                gone = np.array(
                    data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=9, unique=True))
                )
                cohort.remove(gone)
                rows = np.delete(rows, gone, axis=0)
            if data.draw(st.booleans(), label="looked at"):
                assert len(cohort.references.mean) == len(rows)
        anew = Cohort.of(rows, size=220).references

        assert len(cohort) == len(rows)
        for name in ("projection", "length", "mean", "spread"):
            assert getattr(cohort.references, name) == pytest.approx(getattr(anew, name), abs=1e-5)

    def test_few_references_give_no_decision_scores(self) -> None:
        """What is usual among strangers cannot be read off a handful of them."""
        small = Cohort.of(GALLERY[: MINIMUM_COHORT - 1])

        assert not small.sufficient
        assert Cohort.of(GALLERY[:MINIMUM_COHORT]).sufficient
        with pytest.raises(CohortTooSmall, match=f"need {MINIMUM_COHORT} references"):
            small.decision_scores(PROBES, GALLERY)

    def test_an_empty_gallery_is_a_small_one(self) -> None:
        """The first tip may come before the first record."""
        assert not Cohort.of(np.empty((0, 48), dtype=np.float32)).sufficient

    def test_a_gallery_of_copies_divides_by_nothing(self) -> None:
        """The same photo under many numbers must not break the search for everybody else."""
        copies = np.repeat(GALLERY[:1], MINIMUM_COHORT, axis=0)

        assert np.isfinite(Cohort.of(copies).decision_scores(PROBES[:3], copies[:3])).all()

    def test_templates_that_are_no_numbers_are_refused(self) -> None:
        """One NaN in a cohort would be in everybody's score."""
        broken = GALLERY.copy()
        broken[0, 0] = np.nan
        with pytest.raises(ValueError, match="finite numbers"):
            Cohort.of(broken)
