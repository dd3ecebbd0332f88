"""From a score and two ages to a likelihood ratio with an interval."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from matching.adaptation import Adaptation
from matching.calibration.ages import ANY_CHILD, AgeEstimate, ages_within
from matching.calibration.provenance import Provenance
from matching.error_model import AgeBand, ErrorModel
from matching.false_match import ScoreKind

Column = NDArray[np.float64]
Ratios = NDArray[np.float64]


class Support(StrEnum):
    """What a likelihood ratio says in words; a probability in per cent would be read as a verdict."""

    NONE = "no_support"  # Below 2, or in favour of different persons.
    WEAK = "weak_support"  # From 2.
    MODERATE = "moderate_support"  # From 10.
    STRONG = "strong_support"  # From 1,000.


_SUPPORT_STARTS: Final = ((3.0, Support.STRONG), (1.0, Support.MODERATE), (math.log10(2), Support.WEAK))
"""log10 likelihood ratio at which each begins.

Source:
    ENFSI Guideline for Evaluative Reporting in Forensic Science (2015), with its two moderate steps as one.
"""

POOR_FACE_SHARE: Final = 0.75
"""Part of a log-likelihood ratio that is left for a small or poor face.

Source:
    FG-NET, ages 4 to 16, dlib, true accept rate at a false match rate of 1 %: 51 % at 40 pixels between the
    eyes, 38 % at 16. With normal scores that is a separation of 2.35 and of 2.02 standard deviations, and a
    log-likelihood ratio goes with its square.
"""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """How much more likely the score is if probe and reference show one person than if they show two."""

    log10: float
    low: float
    """2.5 % point of the interval."""
    high: float
    """97.5 % point of the interval."""

    def __post_init__(self) -> None:
        """Refuse an interval that does not hold its point."""
        if not self.low <= self.log10 <= self.high:
            raise ValueError("an interval holds its point")

    @property
    def support(self) -> Support:
        """In words, by the end of the interval that says less."""
        return next((words for start, words in _SUPPORT_STARTS if self.low >= start), Support.NONE)


class ScoreModel(Protocol):
    """A likelihood ratio as a function of the score and of two known ages, never falling in the score."""

    def ratios(self, scores: Column, younger: Column, gap: Column) -> Ratios:
        """log10 likelihood ratios.

        Args:
            scores: (n,) of the kind the model was made for.
            younger: (n,) years, the lower of the two ages.
            gap: (n,) years between the two.

        Returns:
            (n, 1 + k): the point, then an ensemble of k others that the interval is taken from.
        """


@dataclass(frozen=True, slots=True)
class Calibration:
    """What an encoder's scores mean, with what that rests on."""

    encoder: str
    version: str
    """Of the encoder; "any" for the cited one that is shipped."""
    kind: ScoreKind
    model: ScoreModel
    lowest: float
    """log10 likelihood ratio below which no statement is supported; negative."""
    highest: float
    """The same above; positive."""
    provenance: Provenance
    false_matches: Mapping[AgeBand, ErrorModel] | None = None
    """False-match rates of the labelled pairs, on scores of the same kind; None where there are too few."""
    adaptation: Adaptation | None = None
    """Learned change of templates that the decision scores are made with; None for none."""

    @property
    def shipped(self) -> bool:
        """Whether it rests on published rates and on no pictures of this deployment."""
        return not self.provenance.counts

    def ratios(self, scores: Column, younger: Column, gap: Column) -> Column:
        """log10 likelihood ratios for known ages.

        Args:
            scores: (n,) of the calibration's kind.
            younger: (n,) years.
            gap: (n,) years.

        Returns:
            (n,) from `lowest` to `highest`.
        """
        points: Column = np.clip(self.model.ratios(scores, younger, gap)[:, 0], self.lowest, self.highest)
        return points

    def likelihood_ratio(
        self,
        score: float,
        reference_age: AgeEstimate | None,
        probe_age: AgeEstimate | None,
        *,
        poor_face: bool = False,
    ) -> LikelihoodRatio:
        """What a score says, given what is known of both ages.

        Uncertain ages are averaged over on the scale of the logarithm, which is never above the logarithm of
        the average: what is not known never adds to the ratio.

        Args:
            score: of the calibration's kind.
            reference_age: on the reference; None if unknown.
            probe_age: on the probe: what the record expects, what was stated, or both combined; None if
                nothing is known.
            poor_face: whether the probe is small or poor.

        Returns:
            The ratio, within what the data support.
        """
        ages, weights = [], []
        for age, weight in ages_within(reference_age or ANY_CHILD):
            for other, counterweight in ages_within(probe_age or ANY_CHILD):
                ages.append((min(age, other), abs(age - other)))
                weights.append(weight * counterweight)
        younger, gap = np.array(ages).T
        each = np.clip(self.model.ratios(np.full(len(ages), score), younger, gap), self.lowest, self.highest)
        # A mean of bounds may round beyond them.
        found = np.clip(np.array(weights) @ each, self.lowest, self.highest)
        if poor_face:
            found *= POOR_FACE_SHARE
        low, high = np.quantile(found, (0.025, 0.975)) if len(found) > 3 else (found.min(), found.max())  # noqa: PLR2004 - two ends are no sample.
        point = float(found[0])
        return LikelihoodRatio(point, min(float(low), point), max(float(high), point))
