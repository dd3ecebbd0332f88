"""Taking growing up out of templates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matching.ageing import FOLDS, LEAST_REFERENCES, OLDEST, AgeModel
from matching.encoders import unit_rows

Floats = NDArray[np.float32]


def world(people: int = 150, photos: int = 4, seed: int = 0) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Templates of people who all wander along one curve while they grow; (templates, ages, people)."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), photos)
    ages = random.uniform(1, 17, len(person)).astype(np.float32)
    growing = random.normal(size=(2, 64))
    own = random.normal(size=(people, 64))
    rows = own[person] + np.outer(np.log1p(ages) * 2, growing[0]) + np.outer(ages / 6, growing[1])
    rows += random.normal(scale=0.8, size=rows.shape)
    return unit_rows(rows.astype(np.float32)), ages, person


def mated_share(scores: Floats, person: NDArray[np.intp], rate: float = 1e-3) -> float:
    """True accept rate at a false match rate, over all pairs."""
    one, other = np.triu_indices(len(person), 1)
    pairs, mated = scores[one, other], person[one] == person[other]
    return float((pairs[mated] >= np.quantile(pairs[~mated], 1 - rate)).mean())


class TestAgeModel:
    def test_an_age_is_estimated_for_people_the_model_has_never_seen(self) -> None:
        """The deviation that is stated is the one that strangers have."""
        templates, ages, person = world()
        seen = person < 100
        model = AgeModel.of(templates[seen], ages[seen])
        assert model is not None

        errors = model.estimate(templates[~seen]) - ages[~seen]

        assert np.std(errors) < np.std(ages) / 2
        assert np.std(errors) == pytest.approx(model.deviation, rel=0.35)

    def test_comparisons_across_years_gain(self) -> None:
        """Strangers of one age no longer look alike, and a person's own photos no longer drift apart."""
        templates, ages, person = world()
        model = AgeModel.of(templates, ages)
        assert model is not None

        plain = templates - templates.mean(0)
        before = mated_share(unit_rows(plain) @ unit_rows(plain).T, person)
        left = model.without_age(templates)
        after = mated_share(left @ left.T, person)

        assert after > before + 0.1

    def test_a_stated_age_goes_before_an_estimated_one(self) -> None:
        """Where the record says how old the child was, nobody guesses."""
        templates, ages, _ = world()
        model = AgeModel.of(templates, ages)
        assert model is not None
        nobody_knows = np.full(len(ages), np.nan, np.float32)
        one_is_known = nobody_knows.copy()
        one_is_known[3] = ages[3] + 5

        left, stated = model.without_age(templates, nobody_knows), model.without_age(templates, one_is_known)

        changed = np.flatnonzero(np.abs(left - stated).max(1) > 1e-6)
        assert changed.tolist() == [3]

    def test_too_few_ages_teach_nothing(self) -> None:
        """A young deployment has no curve and says so, instead of drawing one through noise."""
        templates, ages, _ = world()
        few = np.full(len(ages), np.nan, np.float32)
        few[: LEAST_REFERENCES - 1] = ages[: LEAST_REFERENCES - 1]
        same = np.full(len(ages), 7, np.float32)

        assert AgeModel.of(templates, few) is None
        assert AgeModel.of(templates, same) is None

    def test_the_order_of_enrolment_does_not_matter(self) -> None:
        """Only the stated deviation may differ, by which references were left out together."""
        templates, ages, _ = world()
        order = np.random.default_rng(1).permutation(len(ages))
        one, other = AgeModel.of(templates, ages), AgeModel.of(templates[order], ages[order])
        assert one is not None
        assert other is not None

        np.testing.assert_allclose(one.without_age(templates), other.without_age(templates), atol=1e-5)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10**6))
    def test_results_are_unit_templates_and_possible_ages(self, seed: int) -> None:
        """Whatever vector comes, what leaves can be compared."""
        templates, ages, _ = world(people=60)
        model = AgeModel.of(templates, ages)
        assert model is not None
        strange = unit_rows(np.random.default_rng(seed).normal(size=(FOLDS, 64)).astype(np.float32))

        years, left = model.estimate(strange), model.without_age(strange)

        assert ((years >= 0) & (years <= OLDEST)).all()
        np.testing.assert_allclose(np.linalg.norm(left, axis=1), 1, atol=1e-5)
