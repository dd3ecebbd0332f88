"""The calibration that is shipped: two normal distributions an age band, from published error rates.

It is conservative on purpose: research photos are not an authority's photos. It says at most 1,000 to 1, its
interval spans what is known of differences between populations, and `homeward calibrate` replaces it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.calibration.model import Calibration
from matching.calibration.provenance import Provenance
from matching.error_model import (
    ERROR_MODELS,
    SHIPPED_WEIGHTS,
    AgeBand,
    ErrorModel,
    age_band,
    cosine_at,
    fused_errors,
)
from matching.false_match import ScoreKind

Column = NDArray[np.float64]

LARGEST_LOG10: Final = 3.0
"""log10 likelihood ratio that the cited tables can support: the rarest rate in them is 1 in 1,000."""

_STANDARD: Final = NormalDist()


class CalibrationMissing(LookupError):
    """Nobody has measured what this encoder's scores mean."""

    def __init__(self, encoder: str) -> None:
        super().__init__(
            f"the encoder {encoder} has no calibration: run `homeward calibrate` on labelled pictures first"
        )


@dataclass(frozen=True, slots=True)
class Separation:
    """How well an encoder tells people of one age band apart."""

    accept_rate: float
    """True accept rate at a false-match rate of 1 %."""
    equal_error_rate: float


_SEPARATIONS: Final[Mapping[str, Mapping[AgeBand, Separation]]] = MappingProxyType(
    {
        "dlib": MappingProxyType(
            {
                AgeBand.INFANT: Separation(0.26, 0.197),
                AgeBand.SMALL_CHILD: Separation(0.79, 0.098),
                AgeBand.CHILD: Separation(0.90, 0.048),
                AgeBand.ADOLESCENT: Separation(0.90, 0.039),
                AgeBand.ADULT: Separation(0.95, 0.025),
            }
        ),
        "mobilefacenet": MappingProxyType(
            {
                AgeBand.INFANT: Separation(0.38, 0.174),
                AgeBand.SMALL_CHILD: Separation(0.82, 0.072),
                AgeBand.CHILD: Separation(0.95, 0.036),
                AgeBand.ADOLESCENT: Separation(0.93, 0.023),
                AgeBand.ADULT: Separation(0.97, 0.023),
            }
        ),
    }
)
"""Both pictures in one age band.

Source:
    FG-NET, 5,468 mated and 465,467 non-mated pairs, dlib and MobileFaceNet-192 with 5-point alignment.
"""

_GAP_ACCEPT_RATES: Final = MappingProxyType(
    {"dlib": (0.585, 0.46, 0.39), "mobilefacenet": (0.735, 0.58, 0.52)}
)
"""True accept rate at a false-match rate of 1 % for gaps up to 5, from 6 to 10 and beyond 10 years.

Source:
    FG-NET, younger picture at most 17 years. The second row was measured with three networks fused, which
    lose more by the gap than dlib alone.
"""

_GAP_STARTS: Final = (5.5, 10.5)

_POPULATIONS: Final = MappingProxyType(
    {"dlib": (cosine_at(0.356), cosine_at(0.477)), "mobilefacenet": (0.69, 0.66)}
)
"""Cosines for a false-match rate of 1 % at ages 4 to 12 in the populations where it is highest and lowest.

Source:
    UTKFace. dlib: children labelled Asian 0.356, Indian 0.422, White 0.477 (distances). MobileFaceNet-192:
    Indian 0.69, White 0.66.
"""


@dataclass(frozen=True, slots=True)
class CitedModel:
    """Two normals of one width an age band; see `matching.calibration.model.ScoreModel`.

    With d standard deviations between them, the natural logarithm of the ratio of a score that lies z of them
    above the usual stranger's is d * z - d^2 / 2: a straight line, which never falls.
    """

    strangers: Mapping[AgeBand, NormalDist]
    separations: Mapping[AgeBand, float]
    """Standard deviations between non-mated and mated scores."""
    losses: tuple[float, float]
    """Standard deviations of separation that gaps of 6 to 10, and of more than 10 years, cost."""
    shifts: tuple[float, float]
    """Standard deviations by which strangers of other populations score higher, and lower."""

    def ratios(self, scores: Column, younger: Column, gap: Column) -> NDArray[np.float64]:
        """The point, and the ends of the interval: (n, 3)."""
        found = np.empty((len(scores), 3))
        losses = np.array([0.0, *self.losses])[np.searchsorted(_GAP_STARTS, gap)]
        for row, (score, age, loss) in enumerate(zip(scores, younger, losses, strict=True)):
            band = age_band(float(age))
            assert band is not None
            above = self.strangers[band].zscore(float(score))
            apart = max(self.separations[band] - loss, 0.0)
            places = np.array([above, above - self.shifts[0], above + self.shifts[1]])
            found[row] = (apart * places - apart**2 / 2) / math.log(10)
        return found


def default_calibration(encoder: str, weights: Mapping[str, float] = SHIPPED_WEIGHTS) -> Calibration:
    """The calibration of a built-in encoder before there is a better one; for comparison scores.

    Args:
        encoder: "dlib", "mobilefacenet", or both joined by "+".
        weights: of the networks in the mean, if there are several.

    Raises:
        CalibrationMissing: the encoder is none of these.

    Source:
        Non-mated scores: the normal through the thresholds at 0.1 % and 1 % (`ERROR_MODELS`). Mated scores:
        one of the same width, as far above as the accept rate or the equal error rate has it, whichever is
        nearer. Several networks: the thresholds of the union bound, and the weighted mean of the mated means.
    """
    names = ("dlib",) if encoder == "face_recognition" else tuple(encoder.split("+"))
    if any(name not in _SEPARATIONS for name in names):
        raise CalibrationMissing(encoder)
    shares = {names[0]: 1.0} if len(names) == 1 else {name: weights[name] for name in names}
    errors = fused_errors({name: ERROR_MODELS[name] for name in names}, shares)
    strangers = {band: _strangers(errors[band]) for band in AgeBand}
    separations = {
        band: strangers[band].zscore(sum(share * _mated_mean(name, band) for name, share in shares.items()))
        for band in AgeBand
    }
    model = CitedModel(
        MappingProxyType(strangers),
        MappingProxyType(separations),
        (max(_loss(name, 1) for name in names), max(_loss(name, 2) for name in names)),
        (
            max(_population(name, 0) for name in names),
            max(0.0, *(-_population(name, 1) for name in names)),
        ),
    )
    return Calibration(
        encoder,
        "any",
        ScoreKind.COMPARISON,
        model,
        -LARGEST_LOG10,
        LARGEST_LOG10,
        Provenance(
            source="Published error rates on FG-NET and UTKFace, by age band; not this deployment's children",
            manifest_sha256="",
            command="",
            made_at="2026-11-23T00:00:00Z",
            synthetic=False,
            people=82,
        ),
    )


def _strangers(errors: ErrorModel) -> NormalDist:
    """The normal whose upper tail has these rates."""
    strict, wide = errors.threshold(0.001), errors.threshold(0.01)
    width = (strict - wide) / (_STANDARD.inv_cdf(0.999) - _STANDARD.inv_cdf(0.99))
    return NormalDist(wide - _STANDARD.inv_cdf(0.99) * width, width)


def _mated_mean(encoder: str, band: AgeBand) -> float:
    known = _SEPARATIONS[encoder][band]
    by_accept_rate = _STANDARD.inv_cdf(0.99) + _STANDARD.inv_cdf(known.accept_rate)
    by_equal_error_rate = -2 * _STANDARD.inv_cdf(known.equal_error_rate)
    strangers = _strangers(ERROR_MODELS[encoder][band])
    return strangers.mean + strangers.stdev * min(by_accept_rate, by_equal_error_rate)


def _loss(encoder: str, later: int) -> float:
    """Standard deviations of separation that a wider gap costs."""
    rates = _GAP_ACCEPT_RATES[encoder]
    return _STANDARD.inv_cdf(rates[0]) - _STANDARD.inv_cdf(rates[later])


def _population(encoder: str, which: int) -> float:
    """Standard deviations from the threshold of all children to that of one population, at ages 4 to 12."""
    bands = [_strangers(ERROR_MODELS[encoder][band]) for band in (AgeBand.SMALL_CHILD, AgeBand.CHILD)]
    usual = sum(band.inv_cdf(0.99) for band in bands) / len(bands)
    width = sum(band.stdev for band in bands) / len(bands)
    return (_POPULATIONS[encoder][which] - usual) / width
