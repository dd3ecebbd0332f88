"""How often strangers reach a score: the false-match rate of an encoder, for each age band.

A rate holds for one encoder, one age band and one population. Those below were measured on research photos;
they are a start until a deployment's own gallery has enough records to measure its own, see
`matching.false_match`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class AgeBand(StrEnum):
    """A child's age on a photo, as far as it changes what a score means."""

    INFANT = "0-3"  # Strangers' templates lie very close: the encoder says little.
    SMALL_CHILD = "4-7"  # Before school.
    CHILD = "8-12"  # School age.
    ADOLESCENT = "13-17"  # Nearly as adults.
    ADULT = "18+"  # What the encoder was made for.


_BAND_STARTS: Final = (
    (18, AgeBand.ADULT),
    (13, AgeBand.ADOLESCENT),
    (8, AgeBand.CHILD),
    (4, AgeBand.SMALL_CHILD),
)


def age_band(age: float | None) -> AgeBand | None:
    """The band of an age in years; None for an unknown one (None or NaN).

    Raises:
        ValueError: the age is negative.
    """
    if age is None or math.isnan(age):
        return None
    if age < 0:
        raise ValueError("an age is not negative")
    return next((band for start, band in _BAND_STARTS if age >= start), AgeBand.INFANT)


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """False-match rate of one encoder in one age band, as a function of the score.

    Between its points the logarithm of the rate is linear in the score; stricter than the strictest point it
    goes on with the same slope.
    """

    points: tuple[tuple[float, float], ...]
    """(score, false-match rate), strictest first: scores fall, rates rise."""

    def __post_init__(self) -> None:
        """Refuse points that no monotone curve goes through."""
        scores, rates = zip(*self.points, strict=True)
        if len(scores) < 2 or list(scores) != sorted(set(scores), reverse=True):  # noqa: PLR2004 - a line needs two.
            raise ValueError("an error model needs two points or more, strictest first")
        if list(rates) != sorted(set(rates)) or not 0 < rates[0] < rates[-1] <= 1:
            raise ValueError("false-match rates rise from above 0 to at most 1")

    def false_match_rate(self, threshold: float) -> float:
        """Share of wrong references that reach a threshold.

        Args:
            threshold: a score.

        Returns:
            The rate, 0 to 1.

        Raises:
            ValueError: the threshold is laxer than any the model was measured at, or no number.
        """
        if not math.isfinite(threshold) or threshold < self.points[-1][0]:
            raise ValueError(f"no false-match rate is known for a threshold of {threshold:.3f}")
        (high, low_rate), (low, high_rate) = self.points[0], self.points[1]
        for left, right in zip(self.points, self.points[1:], strict=False):
            if threshold <= left[0]:
                (high, low_rate), (low, high_rate) = left, right
        slope = (math.log(low_rate) - math.log(high_rate)) / (high - low)
        return math.exp(math.log(high_rate) + slope * (threshold - low))

    def threshold(self, rate: float) -> float:
        """The score that this share of wrong references reaches; the inverse of `false_match_rate`.

        Args:
            rate: false-match rate, above 0.

        Raises:
            ValueError: the rate is not positive, or higher than any the model was measured at.
        """
        if not 0 < rate <= self.points[-1][1]:
            raise ValueError(f"no threshold is known for a false-match rate of {rate:g}")
        (high, low_rate), (low, high_rate) = self.points[0], self.points[1]
        for left, right in zip(self.points, self.points[1:], strict=False):
            if rate >= left[1]:
                (high, low_rate), (low, high_rate) = left, right
        share = (math.log(rate) - math.log(high_rate)) / (math.log(low_rate) - math.log(high_rate))
        return low + share * (high - low)


DLIB_TEMPLATE_LENGTH: Final = 1.36
"""Length of a template as dlib's network gives it, before it is made a unit vector: 1.36 with a standard
deviation of 0.03 over 89 synthetic faces of ages 1 to 12. With it, 1 - d^2 / (2 * 1.36^2) is the cosine of
two templates at distance d to 0.003 (standard deviation; 0.014 at most)."""


def cosine_at(distance: float) -> float:
    """The cosine of two dlib templates at a Euclidean distance; see `DLIB_TEMPLATE_LENGTH`."""
    return 1 - distance**2 / (2 * DLIB_TEMPLATE_LENGTH**2)


def _dlib_model(strict: float, wide: float, rate_at_default: float) -> ErrorModel:
    """A model from the distances at 0.1 % and 1 %, and the rate at the package's default distance of 0.6."""
    at = ((strict, 0.001), (wide, 0.01), (0.6, rate_at_default))
    return ErrorModel(tuple((cosine_at(distance), rate) for distance, rate in at))


DLIB_ERRORS: Final = MappingProxyType(
    {
        AgeBand.INFANT: _dlib_model(0.293, 0.337, 0.84),
        AgeBand.SMALL_CHILD: _dlib_model(0.357, 0.414, 0.457),
        AgeBand.CHILD: _dlib_model(0.427, 0.510, 0.224),
        AgeBand.ADOLESCENT: _dlib_model(0.500, 0.561, 0.055),
        AgeBand.ADULT: _dlib_model(0.514, 0.575, 0.026),
    }
)
"""Error models of dlib's network for two faces of one age band; scores are cosines.

Source:
    Distances at false-match rates of 0.1 % and 1 %: UTKFace, strangers of one age band (the youngest band
    was measured on ages 1 to 3). Rates at distance 0.6: FG-NET, 465,467 pairs of strangers. Adults at 0.1 %
    and 1 % are extrapolated from their rate at 0.6 with the slope of ages 13 to 17. Rates differ between
    populations: for 1 % at ages 4 to 12, children labelled White in UTKFace need 0.477, Indian 0.422, Asian
    0.356.
"""


def _mobilefacenet_model(strict: float, wide: float) -> ErrorModel:
    return ErrorModel(((strict, 0.001), (wide, 0.01)))


MOBILEFACENET_ERRORS: Final = MappingProxyType(
    {
        AgeBand.INFANT: _mobilefacenet_model(0.84, 0.80),
        AgeBand.SMALL_CHILD: _mobilefacenet_model(0.76, 0.70),
        AgeBand.CHILD: _mobilefacenet_model(0.72, 0.61),
        AgeBand.ADOLESCENT: _mobilefacenet_model(0.64, 0.55),
        AgeBand.ADULT: _mobilefacenet_model(0.64, 0.55),
    }
)
"""Error models of MobileFaceNet-192 for two faces of one age band; scores are cosines.

Source:
    Cosines at false-match rates of 0.1 % and 1 %: UTKFace, strangers of one age band. Adults were not
    measured there and get the thresholds of ages 13 to 17, which are stricter than adults need.
"""


def fused_errors(
    parts: Mapping[str, Mapping[AgeBand, ErrorModel]], weights: Mapping[str, float]
) -> Mapping[AgeBand, ErrorModel]:
    """Error models of a score that is the weighted mean of several networks' cosines, from theirs.

    A weighted mean reaches the weighted mean of the networks' thresholds only if at least one network reaches
    its own. So with each threshold at an n-th of the rate, n being the number of networks, the fused score's
    false-match rate is at most that rate: the union bound, which holds however the networks depend on each
    other. The true rate is lower; a deployment's own gallery tells it.

    Args:
        parts: error models of the networks, by name.
        weights: their weights in the mean, summing to 1, by the same names.

    Returns:
        Error models with points at false-match rates of 0.1 % and 1 %.

    Raises:
        ValueError: weights and parts do not belong together.
    """
    if set(parts) != set(weights) or not math.isclose(sum(weights.values()), 1, abs_tol=1e-6):
        raise ValueError("each network needs its weight, and the weights sum to 1")

    def bound(band: AgeBand, rate: float) -> tuple[float, float]:
        at = {name: models[band].threshold(rate / len(parts)) for name, models in parts.items()}
        return sum(weights[name] * at[name] for name in parts), rate

    return MappingProxyType({band: ErrorModel((bound(band, 0.001), bound(band, 0.01))) for band in AgeBand})


SHIPPED_WEIGHTS: Final = MappingProxyType({"dlib": 0.65, "mobilefacenet": 0.35})
"""Weights of the built-in networks in the fused score, as in `matching.engine.FUSION_WEIGHTS`."""

FUSED_ERRORS: Final = fused_errors(
    {"dlib": DLIB_ERRORS, "mobilefacenet": MOBILEFACENET_ERRORS}, SHIPPED_WEIGHTS
)
"""Error models of both built-in networks together, see `fused_errors`."""

ERROR_MODELS: Final[Mapping[str, Mapping[AgeBand, ErrorModel]]] = MappingProxyType(
    {
        "dlib": DLIB_ERRORS,
        "mobilefacenet": MOBILEFACENET_ERRORS,
        "dlib+mobilefacenet": FUSED_ERRORS,
        # dlib's network run by face_recognition itself; its templates are the same before they are unit long.
        "face_recognition": DLIB_ERRORS,
    }
)
"""By encoder name, on comparison scores. An encoder without measured errors has no thresholds, so nothing
becomes a candidate."""
