"""How often strangers reach a score: the false-match rate of an encoder, for each age band.

A rate holds for one encoder, one age band and one population. Those below were measured on research photos;
they are a start until an authority has calibrated on its own records.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class AgeBand(StrEnum):
    """A child's age on a photo, as far as it changes what a distance means."""

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
    """False-match rate of one encoder in one age band, as a function of the comparison score.

    Between its points the logarithm of the rate is linear in the score; stricter than the strictest point it
    goes on with the same slope.
    """

    points: tuple[tuple[float, float], ...]
    """(comparison score, false-match rate), strictest first: scores fall, rates rise."""

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
            threshold: comparison score.

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


def _dlib_model(strict: float, wide: float, rate_at_default: float) -> ErrorModel:
    """A model from the distances at 0.1 % and 1 %, and the rate at the package's default distance of 0.6."""
    return ErrorModel(((1 - strict, 0.001), (1 - wide, 0.01), (1 - 0.6, rate_at_default)))


FACE_RECOGNITION_ERRORS: Final = MappingProxyType(
    {
        AgeBand.INFANT: _dlib_model(0.293, 0.337, 0.84),
        AgeBand.SMALL_CHILD: _dlib_model(0.357, 0.414, 0.457),
        AgeBand.CHILD: _dlib_model(0.427, 0.510, 0.224),
        AgeBand.ADOLESCENT: _dlib_model(0.500, 0.561, 0.055),
        AgeBand.ADULT: _dlib_model(0.514, 0.575, 0.026),
    }
)
"""Error models of `FaceRecognitionEncoder` for two faces of one age band.

Source:
    Distances at false-match rates of 0.1 % and 1 %: UTKFace, strangers of one age band (the youngest band
    was measured on ages 1 to 3). Rates at distance 0.6: FG-NET, 465,467 pairs of strangers. Adults at 0.1 %
    and 1 % are extrapolated from their rate at 0.6 with the slope of ages 13 to 17. Rates differ between
    populations: for 1 % at ages 4 to 12, children labelled White in UTKFace need 0.477, Indian 0.422, Asian
    0.356.
"""

ERROR_MODELS: Final = MappingProxyType({"face_recognition": FACE_RECOGNITION_ERRORS})
"""By encoder name. An encoder without measured errors has no thresholds, so nothing becomes a candidate."""


def expected_false_candidates(threshold: float, gallery_size: int, error: ErrorModel) -> float:
    """How many wrong records a probe is expected to bring up by chance.

    Args:
        threshold: comparison score at or above which a reference becomes a candidate.
        gallery_size: number of records searched, all templates of one record counted once.
        error: false-match model of the encoder for the records' age band.

    Returns:
        The mean number of non-mated candidates, >= 0; 0.1 means one probe in ten brings one.

    Raises:
        ValueError: the threshold lies outside the range the model was fitted on, or the size is negative.

    Source:
        Binomial expectation; independence of comparisons as in ISO/IEC 19795-1.
    """
    if gallery_size < 0:
        raise ValueError("a gallery holds 0 records or more")
    return gallery_size * error.false_match_rate(threshold)
