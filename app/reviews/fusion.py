"""Fusing independent conclusions: two ratings are worth more than either, if neither knew of the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, copysign
from statistics import fmean

from app.reviews.models import DIFFERENT, SAME, Conclusion

RATINGS = {
    Conclusion.SUPPORT_SAME_STRONG: 2,
    Conclusion.SUPPORT_SAME: 1,
    Conclusion.INCONCLUSIVE: 0,
    Conclusion.IMAGE_INSUFFICIENT: 0,
    Conclusion.SUPPORT_DIFFERENT: -1,
    Conclusion.EXCLUDE: -2,
}
"""Each conclusion as a step from not the same person to the same."""
WORDS = {rating: conclusion for conclusion, rating in reversed(RATINGS.items())}
"""The conclusion that a step stands for."""


@dataclass(frozen=True)
class Fused:
    """What independent conclusions say together.

    Attributes:
        mean: mean of their ratings, -2 to 2.
        conclusion: the same in the words of one conclusion.
        opposed: whether they point in opposite directions, so that the mean hides a disagreement.
    """

    mean: float
    conclusion: Conclusion
    opposed: bool


def fuse(conclusions: Sequence[Conclusion]) -> Fused | None:
    """Fuse the conclusions of people who decided without each other; None for fewer than two."""
    if len(conclusions) < 2:  # noqa: PLR2004 - one person is no pair
        return None
    mean = fmean(RATINGS[conclusion] for conclusion in conclusions)
    step = int(copysign(ceil(abs(mean) - 0.5), mean))  # Half a step says the less certain of the two.
    return Fused(mean, WORDS[step], bool(SAME & set(conclusions)) and bool(DIFFERENT & set(conclusions)))
