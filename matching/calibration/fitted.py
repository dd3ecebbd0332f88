"""The fitted model: a logistic regression that is monotone in the score and knows both ages."""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Matrix = NDArray[np.float64]

AGE_KNOTS: Final = (2.0, 6.0, 10.0, 15.0, 20.0)
"""Years of the younger age between which a coefficient changes linearly: the middles of the age bands."""

GAP_KNOTS: Final = (1.0, 4.0, 8.0, 12.0)
"""The same for years between the two pictures: the middles of the gap bands."""

KNOT_SHARES: Final = (0.1, 0.3, 0.45, 0.55, 0.7, 0.9)
"""Shares of the comparisons, mated and non-mated together, below the places where the curve may bend."""

PIECES: Final = len(KNOT_SHARES) + 1
"""Pieces of the score's range with a slope of their own."""

LEVELS: Final = 1 + len(AGE_KNOTS) + len(GAP_KNOTS)
"""Coefficients that move the whole curve; of either sign."""

SLOPES: Final = PIECES * (1 + len(AGE_KNOTS)) + len(GAP_KNOTS)
"""Coefficients that make it steeper; never negative, so the ratio never falls as the score rises."""


def hats(values: Column, knots: tuple[float, ...]) -> Matrix:
    """Piecewise-linear weights of the knots next to each value: (n, knots), rows sum to 1."""
    return np.column_stack([np.interp(values, knots, row) for row in np.eye(len(knots))])


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """Coefficients of the point and of each member of the ensemble.

    The natural logarithm of the ratio is, for a score s on the model's scale,

        levels . [1, age hats, gap hats] + slopes . [pieces(s), pieces(s) * age hats, middle(s) * gap hats]

    with slopes >= 0, pieces that rise by turns from one knot of the score to the next, and the score between
    the outer knots as the middle. So the curve may be flat in its tails, where a turned face or a wrong label
    decides, and steep between.
    """

    centre: float
    scale: float
    """Score that is 0, and scores that make 1, on the model's scale."""
    score_knots: tuple[float, ...]
    """Places on the model's scale, see `KNOT_SHARES`."""
    coefficients: Matrix
    """(1 + k, `LEVELS` + `SLOPES`)."""
    youngest: float
    oldest: float
    widest_gap: float
    """Years that the data cover; ages beyond are taken for the nearest that are covered."""

    def ratios(self, scores: Column, younger: Column, gap: Column) -> Matrix:
        """See `matching.calibration.model.ScoreModel`."""
        ages = np.clip(younger, self.youngest, self.oldest)
        features = design(
            (scores - self.centre) / self.scale, ages, np.clip(gap, 0, self.widest_gap), self.score_knots
        )
        ratios: Matrix = features @ self.coefficients.T / np.log(10)
        return ratios


def design(scores: Column, younger: Column, gap: Column, score_knots: tuple[float, ...]) -> Matrix:
    """The numbers that coefficients multiply, one row a comparison: (n, `LEVELS` + `SLOPES`)."""
    ages, gaps = hats(younger, AGE_KNOTS), hats(gap, GAP_KNOTS)
    ends = (-np.inf, *score_knots, np.inf)
    pieces = np.column_stack(
        [
            np.clip(scores, start, end) - (start if np.isfinite(start) else end)
            for start, end in itertools.pairwise(ends)
        ]
    )
    by_age = (pieces[:, :, None] * ages[:, None, :]).reshape(len(scores), -1)
    middle = np.clip(scores, score_knots[0], score_knots[-1])[:, None] - score_knots[0]
    return np.column_stack([np.ones(len(scores)), ages, gaps, pieces, by_age, middle * gaps])
