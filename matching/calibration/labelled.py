"""From labelled pictures' templates to a calibration, by the same scores that a deployment decides by."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from matching.adaptation import Adaptation
from matching.calibration.fitting import ENSEMBLE, fit
from matching.calibration.model import Calibration
from matching.calibration.pairs import pairs_between
from matching.decision import DecisionSpace
from matching.false_match import ScoreKind

LEARNING_SHARE: Final = 2 / 3
"""Part of the people that an adaptation is learned from. The others are left for the calibration: scores of
people it was learned from would be too good."""

Floats = NDArray[np.float32]


class TooFewReferences(ValueError):
    """An adaptation was asked for, and there are too few pictures for decision scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """n labelled pictures in which a face was found."""

    templates: Floats
    """(n, d) float32 unit length."""
    people: NDArray[np.int64]
    """(n,) number of the person."""
    ages: NDArray[np.float64]
    """(n,) years; NaN where unknown."""
    is_reference: NDArray[np.bool_]
    """(n,) whether the picture stands in a gallery; where all or none do, every picture is both."""

    def __getitem__(self, rows: NDArray[np.bool_]) -> Self:
        """Some of the pictures."""
        return type(self)(self.templates[rows], self.people[rows], self.ages[rows], self.is_reference[rows])


def calibrated(
    labelled: Labelled,
    *,
    encoder: str,
    version: str,
    source: str,
    manifest_sha256: str = "",
    command: str = "",
    made_at: str = "",
    synthetic: bool = False,
    adapt: bool = False,
    ensemble: int = ENSEMBLE,
) -> Calibration:
    """Calibrate an encoder on labelled pictures.

    - Pictures for the gallery are compared with the others, as in a search; without that distinction, all are
      compared with all.
    - Decision scores are used if the gallery's pictures are enough for them, else comparison scores.
    - The ages of probes are estimated, as those of street photos are.

    Args:
        labelled: the pictures.
        encoder: its name.
        version: its version.
        source: the data in words.
        manifest_sha256: of the list of pictures.
        command: what was run.
        made_at: ISO 8601.
        synthetic: whether the people do not exist.
        adapt: whether to learn a change of templates as well.
        ensemble: fits that the interval is taken from.

    Raises:
        TooFewPeople: see `matching.calibration.fitting.fit`.
        TooFewToLearn: see `matching.adaptation.Adaptation.learned`.
        TooFewReferences: an adaptation was asked for without a gallery large enough for decision scores.
    """
    both = bool(labelled.is_reference.all() or not labelled.is_reference.any())
    gallery = labelled if both else labelled[labelled.is_reference]
    adaptation = None
    judged = labelled
    if adapt:
        learning = _learning(labelled.people)
        adaptation = Adaptation.learned(labelled.templates[learning], labelled.people[learning])
        judged = labelled[~learning]
    space = DecisionSpace.of(gallery.templates, gallery.ages.astype(np.float32), adaptation)
    if adapt and space is None:
        raise TooFewReferences("an adaptation needs enough pictures for decision scores")
    probes = judged if both else judged[~judged.is_reference]
    references = judged if both else judged[judged.is_reference]
    if space is None:
        scores = probes.templates @ references.templates.T
    else:
        known = None if both else references.ages.astype(np.float32)
        scores = space.scores(probes.templates, references.templates, None, known)
    pairs = pairs_between(
        scores, (probes.people, references.people), (probes.ages, references.ages), same_pictures=both
    )
    return fit(
        pairs.scores,
        pairs.mated,
        pairs.younger,
        pairs.gap,
        pairs.one,
        pairs.other,
        encoder=encoder,
        version=version,
        kind=ScoreKind.COMPARISON if space is None else ScoreKind.DECISION,
        source=source,
        manifest_sha256=manifest_sha256,
        command=command,
        made_at=made_at,
        synthetic=synthetic,
        adaptation=adaptation,
        ensemble=ensemble,
    )


def _learning(people: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether a picture's person is one that an adaptation is learned from."""
    persons, numbers = np.unique(people, return_inverse=True)
    dealt = np.random.default_rng(0).permutation(len(persons))
    return (dealt < LEARNING_SHARE * len(persons))[numbers]
