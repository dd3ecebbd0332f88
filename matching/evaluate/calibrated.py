"""How good likelihood ratios are: the shipped ones, and ones fitted on other people of the same data."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.calibration.cited import CalibrationMissing, default_calibration
from matching.calibration.fitting import FEWEST_PEOPLE, fit_model, supported
from matching.calibration.measures import cllr, min_cllr
from matching.calibration.pairs import Pairs, pairs_between
from matching.evaluate.scoring import FOLDS, folds_of
from matching.evaluate.verification import Interval, draws

Column = NDArray[np.float64]

_UNKNOWN_AGE: Final = 8.0
"""Years that every picture is given where the data have no ages: the fit then knows of scores alone."""

_WIDEST: Final = 6
"""log10 likelihood ratios at the ends of a Tippett plot."""


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodRatios:
    """log10 likelihood ratios of n comparisons; the strangers have the ages and gaps of the mated."""

    ratios: Column
    mated: NDArray[np.bool_]
    younger: Column
    gap: Column
    one: NDArray[np.int64]
    other: NDArray[np.int64]

    def cost(
        self, rows: NDArray[np.bool_], people: NDArray[np.intp], resamples: int, seed: int
    ) -> dict[str, Interval]:
        """Cllr and its minimum over some of the comparisons, with intervals over people."""
        mated = self.mated[rows]
        if mated.sum() < FEWEST_PEOPLE or (~mated).sum() < FEWEST_PEOPLE:
            nothing = Interval(None, None, None, "too few comparisons")
            return {"cllr": nothing, "min_cllr": nothing}
        ratios, one, other = self.ratios[rows], self.one[rows], self.other[rows]
        costs = np.logaddexp(0, np.where(mated, -1, 1) * ratios * np.log(10)) / np.log(2)

        def drawn(draw: Column) -> float:
            weights = np.where(mated, draw[one], draw[one] * draw[other])
            own, others = weights[mated].sum(), weights[~mated].sum()
            if not own or not others:
                return float("nan")
            halves = np.where(mated, 0.5 / own, 0.5 / others)
            return float((costs * weights * halves).sum())

        resampled = np.array([drawn(draw) for draw in draws(people, resamples, seed)])
        least = min_cllr(ratios, mated)
        return {
            "cllr": Interval.of(cllr(ratios, mated), resampled),
            "min_cllr": Interval(least, None, None),
        }

    def tippett(self) -> dict[str, list[float]]:
        """Shares of both kinds of comparison whose ratio reaches a value."""
        at = np.linspace(-_WIDEST, _WIDEST, 8 * _WIDEST + 1)
        shares = (
            (1 - np.searchsorted(np.sort(self.ratios[kind]), at, side="left") / max(kind.sum(), 1)).tolist()
            for kind in (self.mated, ~self.mated)
        )
        return dict(zip(("log10", "mated", "non_mated"), (at.tolist(), *shares), strict=True))


def shipped(
    encoder: str, scores: NDArray[np.float32], people: NDArray[np.intp], ages: NDArray[np.float32]
) -> LikelihoodRatios | None:
    """What the cited calibration says, which a deployment without its own has.

    Args:
        encoder: its name.
        scores: (n, n) comparison scores.
        people: (n,) numbers of persons.
        ages: (n,) years or NaN.

    Returns:
        The ratios; None if the encoder has no cited calibration, or no age is known.
    """
    try:
        calibration = default_calibration(encoder)
    except CalibrationMissing:
        return None
    if not np.isfinite(ages).any():
        return None
    numbers, years = people.astype(np.int64), ages.astype(np.float64)
    pairs = pairs_between(scores, (numbers, numbers), (years, years), same_pictures=True)
    return _ratios(calibration.ratios(pairs.scores, pairs.younger, pairs.gap), pairs)


def held_out(
    scores: NDArray[np.float32], people: NDArray[np.intp], ages: NDArray[np.float32]
) -> LikelihoodRatios | None:
    """Fit on four fifths of the people and look at the comparisons among the last fifth, in turn.

    Args:
        scores: (n, n) decision scores.
        people: (n,) numbers of persons.
        ages: (n,) years or NaN.

    Returns:
        The ratios; None if there are too few people to fit on.
    """
    if len(np.unique(people)) < FEWEST_PEOPLE:
        return None
    years = ages.astype(np.float64)
    if not np.isfinite(years).any():
        years = np.full(len(years), _UNKNOWN_AGE)
    numbers = people.astype(np.int64)
    pairs = pairs_between(scores, (numbers, numbers), (years, years), same_pictures=True)
    folds = np.zeros(int(people.max()) + 1, np.intp)
    folds[people] = folds_of(people, seed=1)
    found = []
    for fold in range(FOLDS):
        train = pairs[(folds[pairs.one] != fold) & (folds[pairs.other] != fold)]
        test = pairs[(folds[pairs.one] == fold) & (folds[pairs.other] == fold)]
        if not test.mated.any() or test.mated.all() or not train.mated.any():
            continue
        ratios = fit_model(train, 0).ratios(test.scores, test.younger, test.gap)[:, 0]
        # As a calibration does: no ratio says more than its people support.
        found.append((np.clip(ratios, *supported(train)), test))
    if not found:
        return None
    parts = [_ratios(ratios, test) for ratios, test in found]
    return LikelihoodRatios(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(LikelihoodRatios))
    )


def _ratios(ratios: Column, pairs: Pairs) -> LikelihoodRatios:
    return LikelihoodRatios(ratios, pairs.mated, pairs.younger, pairs.gap, pairs.one, pairs.other)
