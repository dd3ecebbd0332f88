"""From templates to scores: what an engine ranks by, and what it decides by."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.ageing import AgeModel
from matching.evaluate.enrolment import Enrolled
from matching.normalisation import Cohort

Floats = NDArray[np.float32]

FOLDS: Final = 5
"""Parts of the people that are left out in turn, where something is learned from the pictures' ages."""


def folds_of(people: NDArray[np.intp], seed: int = 0) -> NDArray[np.intp]:
    """Deal people, with all their pictures, into folds; (n,) numbers below `FOLDS`."""
    persons, numbers = np.unique(people, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(persons)) % FOLDS
    return np.asarray(dealt[numbers], np.intp)


def rank_scores(enrolled: Enrolled, probes: Floats, references: Floats) -> Floats:
    """Comparison scores, which records are ranked by; (p, r), higher is more similar."""
    if not enrolled.is_baseline:
        return probes @ references.T
    squares = (probes**2).sum(1)[:, None] + (references**2).sum(1) - 2 * probes @ references.T
    return np.asarray(1 - np.sqrt(np.maximum(squares, 0)), np.float32)


def decision_scores(enrolled: Enrolled, people: NDArray[np.intp], ages: Floats) -> tuple[Floats, str]:
    """Every picture against every other, by what the engine decides by.

    The pictures themselves are the deployment's gallery: nothing is learned from who they show. Ages are
    estimated for every picture by a model of the other folds' people, as if the street had stated none.

    Args:
        enrolled: templates without NaN.
        people: (n,) numbers of persons, used to keep the folds apart only.
        ages: (n,) years, NaN where unknown.

    Returns:
        (n, n) scores and, in words, what they are.
    """
    templates = enrolled.templates
    if enrolled.is_baseline:
        return rank_scores(enrolled, templates, templates), "1 - L2 distance"
    words = "cosine"
    ageing = AgeModel.of(templates, ages)
    if ageing is not None:
        folds = folds_of(people)
        years = np.empty(len(templates), np.float32)
        for fold in range(FOLDS):
            others = AgeModel.of(templates[folds != fold], ages[folds != fold]) or ageing
            years[folds == fold] = others.estimate(templates[folds == fold])
        templates = ageing.without_age(templates, years)
        words = "cosine without age"
    cohort = Cohort.of(templates)
    if not cohort.sufficient:
        return templates @ templates.T, f"{words}; too few pictures to normalise"
    return cohort.decision_scores(templates, templates), f"{words}, normalised by the gallery"
