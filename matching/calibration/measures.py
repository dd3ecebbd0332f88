"""How good likelihood ratios are: do they separate, and do they mean what they say.

Mated and non-mated comparisons count half each, however many there are of either, as if the prior were even.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

_LN10: Final = float(np.log(10))
_SURE: Final = 1e-6
"""Probability that isotonic regression's certainties are moved to, off 0 and 1."""

Ratios = NDArray[np.float64]
Flags = NDArray[np.bool_]


def cllr(log10_ratios: Ratios, mated: Flags) -> float:
    """The cost of log-likelihood ratios.

    Args:
        log10_ratios: (n,) log10 likelihood ratios, same person over different persons.
        mated: (n,) whether the comparison is of one person.

    Returns:
        Bits: 0 if every ratio is sure and right, 1 for ratios that say nothing, more for misleading ones.

    Raises:
        ValueError: one of the two kinds of comparison is missing.

    Source:
        Bruemmer and du Preez, Application-independent evaluation of speaker detection, 2006.
    """
    both = _halves(mated)
    signs = np.where(mated, -1.0, 1.0)
    return float(np.sum(both * np.logaddexp(0, signs * log10_ratios * _LN10)) / np.log(2))


def min_cllr(scores: Ratios, mated: Flags) -> float:
    """The cost that is left when the same order of scores is calibrated perfectly: what separation allows.

    Args:
        scores: (n,) scores or ratios, higher for mated.
        mated: (n,) whether the comparison is of one person.

    Returns:
        Bits, never above `cllr` of the same ratios.

    Raises:
        ValueError: one of the two kinds of comparison is missing.

    Source:
        Pool adjacent violators, as in Bruemmer and du Preez 2006.
    """
    return cllr(_perfect(scores, mated), mated)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Comparisons of like ratios: what was said of them, and what they were."""

    said: float
    """Mean probability of one person, at an even prior."""
    was: float
    """Share of mated comparisons, each kind weighted to half."""
    comparisons: int


def reliability(log10_ratios: Ratios, mated: Flags, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """What was said against what was, in bins of equal numbers of comparisons' weight.

    Args:
        log10_ratios: (n,) log10 likelihood ratios.
        mated: (n,) whether the comparison is of one person.
        bins: of equal weight; empty ones are left out.
    """
    weights = _halves(mated)
    said = _probability(log10_ratios)
    order = np.argsort(said, kind="stable")
    place = np.minimum((np.cumsum(weights[order]) * bins).astype(int), bins - 1)
    found = []
    for number in np.unique(place):
        rows = order[place == number]
        mass = weights[rows].sum()
        found.append(
            ReliabilityBin(
                float((said[rows] * weights[rows]).sum() / mass),
                float((mated[rows] * weights[rows]).sum() / mass),
                len(rows),
            )
        )
    return tuple(found)


def _probability(log10_odds: Ratios | np.float64) -> Ratios:
    """Odds as a probability, without overflow."""
    probability: Ratios = np.exp(-np.logaddexp(0, -log10_odds * _LN10))
    return probability


def _halves(mated: Flags) -> Ratios:
    """A weight for each comparison, so that both kinds sum to a half."""
    own = int(mated.sum())
    other = len(mated) - own
    if not own or not other:
        raise ValueError("mated and non-mated comparisons are needed")
    return np.where(mated, 0.5 / own, 0.5 / other)


def _perfect(scores: Ratios, mated: Flags) -> Ratios:
    """The log10 ratios that monotone scores would have if they were calibrated on these very comparisons."""
    weights = _halves(mated)
    values, places = np.unique(scores, return_inverse=True)
    mass = np.bincount(places, weights, len(values))
    share = np.bincount(places, weights * mated, len(values)) / mass
    fitted = np.clip(isotonic_regression(share, weights=mass).x, _SURE, 1 - _SURE)
    ratios: Ratios = np.log(fitted / (1 - fitted))[places] / _LN10
    return ratios
