"""What an officer's conclusions are worth: signal detection on known answers, with honest intervals.

- Sensitivity: share of pairs of one person that the officer called the same.
- Specificity: share of pairs of two persons that the officer did not call the same.
- Criterion c: the mean of the z-values of both shares called "same", negated; above 0 the officer says "same"
  more rarely than the pairs bear out. Shares are corrected by half an answer, so that 0 and 1 have a z-value
  (Hautus, Behavior Research Methods 27, 1995); its variance is Gourevitch and Galanter's (Psychometrika 32,
  1967).

Shares carry Wilson's interval (Journal of the American Statistical Association 22, 1927).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist

from app.reviews.models import SAME, Conclusion, GoldenTruth

LEAST_KNOWN = 10
"""Known answers of a kind below which no figure is shown: it would say more about chance than the officer."""

_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(0.975)
"""Half-width of a 95 % interval in standard deviations."""


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval.

    Attributes:
        hits: how often.
        of: out of how many.
        low: lower end of the interval, 0 to 1.
        high: upper end, 0 to 1.
    """

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself, 0 to 1; 0 of nothing."""
        return self.hits / self.of if self.of else 0.0

    @property
    def shown(self) -> bool:
        """Whether there is enough to show a figure."""
        return self.of >= LEAST_KNOWN


class Tendency(StrEnum):
    """Which way an officer leans, where the interval leaves no doubt."""

    SAME = "same"  # Says "same" more readily than the pairs bear out.
    NONE = "none"  # No tendency can be told.
    DIFFERENT = "different"  # Says "same" more rarely than the pairs bear out.


@dataclass(frozen=True)
class Bias:
    """Signal detection's criterion with its 95 % interval.

    Attributes:
        criterion: c, in standard deviations; 0 is unbiased.
        low: lower end of the interval.
        high: upper end.
    """

    criterion: float
    low: float
    high: float

    @property
    def tendency(self) -> Tendency:
        """The same in a word."""
        if self.low > 0:
            return Tendency.DIFFERENT
        return Tendency.SAME if self.high < 0 else Tendency.NONE


@dataclass(frozen=True)
class Quality:
    """What an officer's decisions on known answers show.

    Attributes:
        sensitivity: known-same pairs that were called the same.
        specificity: known-different pairs that were not called the same.
        bias: which way the officer leans; None before both figures may be shown.
    """

    sensitivity: Share
    specificity: Share
    bias: Bias | None


def share(hits: int, of: int) -> Share:
    """A share with Wilson's interval."""
    if of == 0:
        return Share(0, 0, 0.0, 1.0)
    value, weight = hits / of, _Z**2 / of
    middle = (value + weight / 2) / (1 + weight)
    half = _Z * sqrt(value * (1 - value) / of + weight / (4 * of)) / (1 + weight)
    return Share(hits, of, min(max(middle - half, 0.0), value), max(min(middle + half, 1.0), value))


def criterion(hits: int, same: int, false_alarms: int, different: int) -> Bias:
    """Signal detection's criterion c.

    Args:
        hits: known-same pairs called the same.
        same: known-same pairs.
        false_alarms: known-different pairs called the same.
        different: known-different pairs.
    """
    pairs = [((count + 0.5) / (of + 1), of + 1) for count, of in ((hits, same), (false_alarms, different))]
    scores = [_NORMAL.inv_cdf(rate) for rate, _ in pairs]
    variance = sum(
        rate * (1 - rate) / (number * _NORMAL.pdf(score) ** 2)
        for (rate, number), score in zip(pairs, scores, strict=True)
    )
    value, half = -sum(scores) / 2, _Z * sqrt(variance) / 2
    return Bias(value, value - half, value + half)


def measure(answers: Iterable[tuple[GoldenTruth, Conclusion]]) -> Quality:
    """What decisions on known answers show.

    Args:
        answers: what was true, and what the officer concluded.
    """
    counts = {(truth, said): 0 for truth in GoldenTruth for said in (True, False)}
    for truth, conclusion in answers:
        counts[truth, conclusion in SAME] += 1
    hits, misses = counts[GoldenTruth.SAME, True], counts[GoldenTruth.SAME, False]
    alarms, right = counts[GoldenTruth.DIFFERENT, True], counts[GoldenTruth.DIFFERENT, False]
    sensitivity, specificity = share(hits, hits + misses), share(right, right + alarms)
    enough = sensitivity.shown and specificity.shown
    bias = criterion(hits, hits + misses, alarms, right + alarms) if enough else None
    return Quality(sensitivity, specificity, bias)
