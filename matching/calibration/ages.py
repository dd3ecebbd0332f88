"""Ages in a comparison: what is known of them, and what follows when they are known only roughly."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class AgeEstimate:
    """An age in years and how well it is known."""

    years: float
    deviation: float
    """Standard deviation in years; 0 for an age that is known."""

    def __post_init__(self) -> None:
        """Refuse what is no age."""
        if not (math.isfinite(self.years) and math.isfinite(self.deviation)):
            raise ValueError("an age is a finite number")
        if self.years < 0 or self.deviation < 0:
            raise ValueError("ages and their deviations are not negative")


ANY_CHILD: Final = AgeEstimate(8.0, 4.5)
"""What is assumed of a child of whom nothing is known: most are between 3 and 13."""


MISSTATED: Final = 0.05
"""Share of stated ages that say nothing at all: slips, guesses, the age of another child in the photo. It
bounds how far a stated age can speak against a record."""

_OLDEST: Final = 80.0
_NODES: Final = 7
_ROOTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(_NODES)


def ages_within(estimate: AgeEstimate) -> Iterator[tuple[float, float]]:
    """Ages that an estimate allows, with their weights, which sum to 1 (Gauss-Hermite quadrature)."""
    if estimate.deviation == 0:
        yield estimate.years, 1.0
        return
    total = float(_WEIGHTS.sum())
    for root, weight in zip(_ROOTS.tolist(), _WEIGHTS.tolist(), strict=True):
        yield min(max(estimate.years + root * estimate.deviation, 0.0), _OLDEST), weight / total


def combined(one: AgeEstimate | None, other: AgeEstimate | None) -> AgeEstimate | None:
    """Two independent estimates of one age as one; whichever there is if there is only one."""
    if one is None or other is None:
        return one or other
    if one.deviation == 0 or other.deviation == 0:
        return one if one.deviation == 0 else other
    weight, counterweight = 1 / one.deviation**2, 1 / other.deviation**2
    mean = (one.years * weight + other.years * counterweight) / (weight + counterweight)
    return AgeEstimate(mean, (weight + counterweight) ** -0.5)


def plausibility(stated: AgeEstimate | None, expected: AgeEstimate | None) -> float:
    """What the probe's stated age says about a record, given the age that its child has by then.

    It only speaks against: an age that fits is what most children's ages do, and adds nothing.

    Args:
        stated: age of the child on the probe, as stated or estimated.
        expected: age that the record's child had on the day of the photo.

    Returns:
        log10 factor of the likelihood ratio, from log10(`MISSTATED`) to 0; 0 where either is unknown.

    Source:
        Ratio of normal densities of the stated age, around the expected age and around any child's, mixed
        with the share of `MISSTATED` ages.
    """
    if stated is None or expected is None:
        return 0.0
    spread = max(math.hypot(stated.deviation, expected.deviation), 0.5)
    common = math.hypot(stated.deviation, ANY_CHILD.deviation)
    ours = -0.5 * ((stated.years - expected.years) / spread) ** 2 - math.log(spread)
    theirs = -0.5 * ((stated.years - ANY_CHILD.years) / common) ** 2 - math.log(common)
    ratio = math.exp(min(ours - theirs, 0.0))
    return min(math.log10((1 - MISSTATED) * ratio + MISSTATED), 0.0)
