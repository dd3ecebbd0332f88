"""Candidates by a fixed point of the cited false-match rates, on comparison scores alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.error_model import ERROR_MODELS, AgeBand, age_band, expected_false_candidates
from matching.ranking import Comparison, Gallery, RankedRecord

CANDIDATE_LIST_LIMIT: Final = 10


class OperatingPoint(StrEnum):
    """How strict a search is: the share of wrong references of the record's own age band that pass."""

    WIDE = "fmr_1_percent"  # One in a hundred; the default, since a right record that is cut is lost.
    STRICT = "fmr_0.1_percent"  # One in a thousand; for alarms, not for lists a person looks through.


DEFAULT_OPERATING_POINT: Final = OperatingPoint.WIDE
"""The wide one.

Source:
    Synthetic set, no evidence about real children: 113 probes in a gallery of 58 records. Right record first
    by score: 106; among the ten best: 113. Kept by the wide point: 103, with 4.3 wrong ones a probe; by the
    strict point: 93, with 0.7. Real children: at a false-match rate of 1 % the true accept rate in FG-NET is
    26 % for ages 0 to 3, 79 % for 4 to 7, 90 % from 8 on; at 0.1 % it is far lower.
"""


_RATES: Final = MappingProxyType({OperatingPoint.STRICT: 0, OperatingPoint.WIDE: 1})
"""Which point of an error model an operating point is."""


def threshold_for(
    encoder: str, band: AgeBand | None, point: OperatingPoint = DEFAULT_OPERATING_POINT
) -> float:
    """The comparison score at or above which a reference makes its record a candidate.

    An unknown age gets the laxest threshold of all bands: missing data must never hide a child. Its price is
    counted with the worst error model, see `expected_false_in_list`.

    Args:
        encoder: the encoder's name.
        band: of the age at the reference photo; None if unknown.
        point: how strict the search is.

    Returns:
        Comparison score.

    Raises:
        KeyError: the encoder's errors were never measured.
    """
    models = ERROR_MODELS[encoder]
    if band is None:
        return min(threshold_for(encoder, known, point) for known in models)
    return models[band].points[_RATES[point]][0]


def expected_false_in_list(
    encoder: str, ages: NDArray[np.float32], point: OperatingPoint = DEFAULT_OPERATING_POINT
) -> float:
    """How many wrong candidates a list made from this gallery holds on average.

    Assumes the worst of what is not known: that the probe is of each record's own age band, where strangers
    look most alike, and that a record of unknown age shows an infant.

    Args:
        encoder: the encoder's name.
        ages: (m,) years, one for each record searched; NaN for an unknown one.
        point: how strict the search is.

    Returns:
        The mean number, >= 0 and at most `CANDIDATE_LIST_LIMIT`.

    Raises:
        KeyError: the encoder's errors were never measured.
    """
    models = ERROR_MODELS[encoder]
    total = 0.0
    for band, count in Counter(age_band(float(age)) for age in ages).items():
        error = models[band if band is not None else AgeBand.INFANT]
        total += expected_false_candidates(threshold_for(encoder, band, point), count, error)
    return min(total, float(CANDIDATE_LIST_LIMIT))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record worth a human look. A reason to look, never a finding."""

    record: int
    reference: int
    """Row of the gallery: the record's photo that looks most like the probe."""
    score: float
    """Comparison score; higher is more similar."""
    threshold: float
    """Score at or above which this record became a candidate, by the age on its photo."""
    rank: int
    """1 for the most similar."""
    expected_false: float
    """Mean number of wrong candidates in a list made this way; the same for all of one list."""


def select_candidates(
    ranked: Sequence[RankedRecord],
    gallery: Gallery,
    encoder: str,
    point: OperatingPoint = DEFAULT_OPERATING_POINT,
) -> list[Candidate]:
    """Choose the records that people will look at.

    - A record is a candidate if one of its references reaches the threshold of the age on that photo.
    - It stands with the best such reference.
    - Candidates stay in the order of their scores, and at most `CANDIDATE_LIST_LIMIT` are kept.

    Args:
        ranked: from `matching.ranking.rank` on the same gallery, with any floor up to `lowest_threshold`.
        gallery: the references searched.
        encoder: the encoder's name.
        point: how strict the search is.

    Returns:
        Candidates, most similar first; empty if none reaches its threshold.

    Raises:
        KeyError: the encoder's errors were never measured.
    """
    thresholds = {band: threshold_for(encoder, band, point) for band in (*AgeBand, None)}
    passing: list[tuple[RankedRecord, Comparison, float]] = []
    for record in ranked:
        for comparison in record.comparisons:
            threshold = thresholds[age_band(float(gallery.ages[comparison.reference]))]
            if comparison.score >= threshold:
                passing.append((record, comparison, threshold))
                break
    passing.sort(key=lambda found: -found[1].score)
    expected = expected_false_in_list(encoder, _youngest_ages(gallery), point)
    return [
        Candidate(record.record, comparison.reference, comparison.score, threshold, place, expected)
        for place, (record, comparison, threshold) in enumerate(passing[:CANDIDATE_LIST_LIMIT], start=1)
    ]


def lowest_threshold(encoder: str, point: OperatingPoint = DEFAULT_OPERATING_POINT) -> float:
    """The laxest threshold of all bands: nothing that scores below it can become a candidate."""
    return threshold_for(encoder, None, point)


def _youngest_ages(gallery: Gallery) -> NDArray[np.float32]:
    """Each record's youngest age, (m,) years; NaN if one of its ages is unknown."""
    _, places = np.unique(gallery.records, return_inverse=True)
    youngest = np.full(gallery.record_count, np.inf, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        np.minimum.at(youngest, places, gallery.ages)
    return youngest
