"""What a search brings up, and what is said of each candidate."""

from dataclasses import dataclass
from enum import StrEnum

from matching.calibration import AgeEstimate, LikelihoodRatio
from matching.false_match import ScoreKind


class Hazard(StrEnum):
    """What a reviewer must know before trusting any likeness."""

    INFANT = "infant"  # One of the two is under four: the encoder says little.
    WIDE_GAP = "wide_gap"  # More than three years lie between the pictures.
    AGE_UNKNOWN = "age_unknown"  # One of the ages is not known, nor what would tell it.
    POOR_FACE = "poor_face"  # The probe is small, blurred, dark or turned.
    LOOKALIKE = "lookalike"  # Another record shows a child as like: a sibling, a twin, the same child twice.
    UNCALIBRATED = "uncalibrated"  # The ratio rests on published rates, not on this authority's own pairs.


@dataclass(frozen=True, slots=True)
class ProbeFacts:
    """What is known of a probe beside its template."""

    age: AgeEstimate | None = None
    """As stated by the sender, or estimated; None if nobody said."""
    poor_face: bool = False
    """Whether its quality has any reason against it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record worth a human look. A reason to look, never a finding."""

    record: int
    reference: int
    """Row of the gallery: of the record's photos, the one that a stranger would be as like most rarely."""
    score: float
    """Comparison score with that photo; higher is more similar."""
    decision: float | None
    """Decision score with that photo; None where the gallery is too small to have any."""
    decided_by: ScoreKind
    """Which of the two reached its threshold."""
    threshold: float
    """Score of that kind at or above which a photo of this age makes its record a candidate."""
    rank: int
    """1 for the first of the list."""
    first: bool
    """Whether it is shown first; the others stand behind "more"."""
    expected_false: float
    """Mean number of wrong candidates, as unusual as this one or more, of a search like this."""
    likelihood: LikelihoodRatio
    hazards: frozenset[Hazard]


@dataclass(frozen=True, slots=True)
class CandidateList:
    """A probe's candidates, and how many of a list made this way are wrong."""

    candidates: tuple[Candidate, ...]
    """Those shown first, then those behind "more", each by descending best score of the record."""
    expected_false_first: float
    """Mean number of wrong candidates among those shown first."""
    expected_false: float
    """Mean number of wrong candidates in the whole list."""

    @property
    def first(self) -> tuple[Candidate, ...]:
        """Those shown first."""
        return tuple(candidate for candidate in self.candidates if candidate.first)

    @property
    def more(self) -> tuple[Candidate, ...]:
        """Those behind "more"."""
        return tuple(candidate for candidate in self.candidates if not candidate.first)
