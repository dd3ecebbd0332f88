"""How many wrong candidates to expect: false-match rates on the score that decides.

The cited rates of `matching.error_model` come from research photos of other children. A deployment can do
better without a single label: references of *different* records show different children, so their comparisons
are non-mated, and a gallery of thousands of records measures its own false-match rate far into the tail.

Twins, siblings and one child registered twice are counted as strangers there. They make the rates too high,
never too low, which costs a little recall and hides nobody.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from matching.error_model import ERROR_MODELS, AgeBand, ErrorModel, age_band
from matching.normalisation import Cohort
from matching.ranking import Gallery


class ScoreKind(StrEnum):
    """Which score a threshold or a likelihood ratio is about; one says nothing of the other."""

    COMPARISON = "comparison"  # The cosine of two templates.
    DECISION = "decision"  # Centred and normalised by the deployment's own gallery.


MINIMUM_RECORDS: Final = 200
"""Records with a reference in an age band below which the band's own rate is not measured: 19,900 pairs, so
that the rate of 1 % rests on 199 of them."""

TAIL_COMPARISONS: Final = 100
"""Highest scores that an exponential tail is fitted to: its slope is then known to 10 %."""

MOST_COMPARISONS: Final = 20_000_000
"""Comparisons measured in an age band at most: 80 MB; the tail then starts at a rate of 5 in a million."""

FEWEST_COMPARISONS: Final = 2_000
"""Comparisons below which no rate is measured: the tail would start at 5 %."""

_MEASURED_RATES: Final = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 0.7)
_PROBES_AT_A_TIME: Final = 64
_TWO_SIDED_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Support:
    """What an age band's measured rate rests on."""

    comparisons: int
    tail_start: float
    """Score that `TAIL_COMPARISONS` comparisons reach."""
    tail_scale: float
    """How far the score rises while the rate falls to 37 %."""


@dataclass(frozen=True, slots=True)
class FalseMatchModel:
    """False-match rates by the age band of the reference, with the probe of the same band: the worst case."""

    kind: ScoreKind
    bands: Mapping[AgeBand, ErrorModel]
    support: Mapping[AgeBand, Support]
    """Empty for cited rates; without a band that took another's rates."""

    @classmethod
    def cited(cls, encoder: str) -> Self:
        """The rates measured on research photos, on comparison scores.

        Raises:
            KeyError: the encoder's errors were never measured.
        """
        return cls(ScoreKind.COMPARISON, ERROR_MODELS[encoder], MappingProxyType({}))

    @classmethod
    def from_gallery(cls, cohort: Cohort, gallery: Gallery) -> Self | None:
        """Measure a gallery's own rates, on decision scores.

        A band with too few records takes the strictest rates of the others.

        Args:
            cohort: of the gallery's references, in its order.
            gallery: whose they are, and at what age.

        Returns:
            The model; None if no age band has `MINIMUM_RECORDS`, or if the gallery is no cohort.
        """
        if not cohort.sufficient:
            return None
        of_row = np.array([_name(age) for age in gallery.ages])
        measured: dict[AgeBand, tuple[ErrorModel, Support]] = {}
        for band in AgeBand:
            rows = np.flatnonzero(of_row == band.value)
            if np.unique(gallery.records[rows]).size >= MINIMUM_RECORDS:
                found = fitted_errors(_non_mated(cohort, gallery.records, rows))
                if found is not None:
                    measured[band] = found
        if not measured:
            return None
        models = {band: model for band, (model, _) in measured.items()}
        return cls(
            ScoreKind.DECISION,
            for_all_bands(models),
            MappingProxyType({band: support for band, (_, support) in measured.items()}),
        )

    def threshold(self, rate: float, band: AgeBand | None) -> float:
        """The score that this share of strangers reaches.

        An unknown age gets the laxest threshold of all bands: missing data must never hide a child.
        """
        if band is None:
            return min(model.threshold(rate) for model in self.bands.values())
        return self.bands[band].threshold(rate)

    def sure_threshold(self, rate: float, band: AgeBand) -> float:
        """The score that even by the upper end of the interval no larger share of strangers reaches."""
        at, aim = self.threshold(rate, band), rate
        # The interval widens slowly with the threshold: a few steps meet it to a thousandth.
        for _ in range(8):
            bounds = self.interval(at, band)
            if bounds is None:
                break
            aim *= rate / bounds[1]
            at = self.threshold(aim, band)
        return at

    def rate_at_most(self, score: float, band: AgeBand | None) -> float:
        """The share of strangers that reach a score; 1 where it is laxer than any that was measured.

        An unknown age is counted with the worst band.
        """
        if band is None:
            return max(self.rate_at_most(score, known) for known in AgeBand)
        model = self.bands[band]
        return model.false_match_rate(score) if score >= model.points[-1][0] else 1.0

    def interval(self, score: float, band: AgeBand | None) -> tuple[float, float] | None:
        """The 95 % interval of a measured rate; None for a cited one.

        Comparisons that share a face depend on each other a little, so the true interval is somewhat wider.

        Source:
            Delta method on the logarithm of the rate: the count of the tail is Poisson, the mean excess of an
            exponential tail is known to 1 / sqrt(count).
        """
        support = self.support.get(band) if band is not None else None
        if support is None:
            return None
        rate = self.rate_at_most(score, band)
        beyond = max(score - support.tail_start, 0.0) / support.tail_scale
        count = max(rate * support.comparisons, TAIL_COMPARISONS)
        factor = math.exp(_TWO_SIDED_95 * math.sqrt(1 / count + beyond**2 / TAIL_COMPARISONS))
        return rate / factor, min(rate * factor, 1.0)


def _name(age: float) -> str:
    band = age_band(float(age))
    return "" if band is None else band.value


def _non_mated(cohort: Cohort, records: NDArray[np.int64], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Decision scores of pairs of references of different records, each pair once."""
    # An even spread over the gallery, the same each time; records stand in the order of their enrolment.
    order = np.random.default_rng(0).permutation(rows)
    probes = min(len(order), max(MOST_COMPARISONS // len(order), 1))
    found = []
    for start in range(0, probes, _PROBES_AT_A_TIME):
        ours = order[start : min(start + _PROBES_AT_A_TIME, probes)]
        theirs = order[start + 1 :]
        scores = cohort.decide(
            cohort.templates[ours] @ cohort.templates[theirs].T, cohort.references[ours], theirs
        )
        later = np.arange(len(theirs)) >= np.arange(len(ours))[:, None]
        strangers = records[theirs] != records[ours][:, None]
        found.append(scores[later & strangers])
    return np.concatenate(found)


def fitted_errors(scores: NDArray[np.floating]) -> tuple[ErrorModel, Support] | None:
    """Empirical quantiles and an exponential tail beyond the highest; None if there are too few scores.

    Args:
        scores: (n,) of non-mated comparisons.

    Source:
        Peaks over a threshold with an exponential excess (a generalised Pareto distribution of shape 0): its
        maximum-likelihood scale is the mean excess.
    """
    if len(scores) < FEWEST_COMPARISONS:
        return None
    scores = np.sort(scores)[::-1]
    tail_start = float(scores[TAIL_COMPARISONS])
    scale = float(scores[:TAIL_COMPARISONS].mean(dtype=np.float64)) - tail_start
    tail_rate = TAIL_COMPARISONS / len(scores)
    points = [(tail_start + scale, tail_rate / math.e), (tail_start, tail_rate)]
    for rate in _MEASURED_RATES:
        score = float(scores[int(rate * len(scores))])
        if rate > points[-1][1] and score < points[-1][0]:
            points.append((score, rate))
    if scale <= 0 or points[-1][1] < _MEASURED_RATES[-1]:
        return None
    return ErrorModel(tuple(points)), Support(len(scores), tail_start, scale)


def for_all_bands(measured: Mapping[AgeBand, ErrorModel]) -> Mapping[AgeBand, ErrorModel]:
    """Error models for every band: where none was measured, the strictest of those that were."""
    strictest = max(measured.values(), key=lambda model: model.threshold(0.001))
    return MappingProxyType({band: measured.get(band, strictest) for band in AgeBand})
