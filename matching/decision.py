"""Decision scores of a gallery: growing up taken out, then normalised by the gallery's own strangers."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from matching.adaptation import Adaptation
from matching.ageing import AgeModel
from matching.normalisation import Cohort

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DecisionSpace:
    """What turns templates into decision scores; made from a gallery, without knowing who is who."""

    ageing: AgeModel | None
    """None where too few references have ages: templates are then compared as they are."""
    cohort: Cohort
    """Of the gallery's references, as `settled` gives them."""
    adaptation: Adaptation | None = None
    """What an authority's own labelled pictures taught, applied before anything else."""

    @classmethod
    def of(cls, references: Floats, ages: Floats, adaptation: Adaptation | None = None) -> Self | None:
        """Learn from a gallery.

        Args:
            references: (n, d) float32 unit length.
            ages: (n,) years on the photos; NaN where unknown.
            adaptation: a learned change of templates; None for none.

        Returns:
            The space; None if there are too few references for decision scores.
        """
        if adaptation is not None:
            references = adaptation.adapted(references)
        ageing = AgeModel.of(references, ages)
        # A copy: the cohort stays what it is while its maker's array goes on to change.
        cohort = Cohort.of(references.copy() if ageing is None else ageing.without_age(references, ages))
        return cls(ageing, cohort, adaptation) if cohort.sufficient else None

    @property
    def unchanged(self) -> bool:
        """Whether templates are compared as they are, so that comparison scores serve for decisions too."""
        return self.ageing is None and self.adaptation is None

    def renewed(self, removed: NDArray[np.intp], references: Floats, ages: Floats) -> Self | None:
        """The space after references came and went; its age model stays. This space may not be used any more.

        Args:
            removed: (k,) rows of the gallery before.
            references: (n, d) float32 unit length: those that came.
            ages: (n,) years on them; NaN where unknown.

        Returns:
            The space; None if too few references are left.
        """
        if len(removed):
            self.cohort.remove(removed)
        if len(references):
            self.cohort.add(self.settled(references, ages))
        return self if self.cohort.sufficient else None

    def showing(self, references: Floats, ages: Floats) -> Self:
        """The same space for a few of the gallery's references, from which nothing is learned.

        Args:
            references: (n, d) float32 unit length.
            ages: (n,) years on them; NaN where unknown.
        """
        return replace(self, cohort=self.cohort.showing(self.settled(references, ages)))

    def settled(self, templates: Floats, ages: Floats | None = None) -> Floats:
        """Templates without what their age does to them.

        Args:
            templates: (n, d) float32 unit length.
            ages: (n,) years; NaN where unknown, which is then estimated.

        Returns:
            (n, d) float32 unit length.
        """
        if self.adaptation is not None:
            templates = self.adaptation.adapted(templates)
        return templates if self.ageing is None else self.ageing.without_age(templates, ages)

    def scores(
        self,
        probes: Floats,
        references: Floats,
        probe_ages: Floats | None = None,
        reference_ages: Floats | None = None,
    ) -> Floats:
        """Compare every probe with every reference; symmetric in the two.

        Args:
            probes: (p, d) float32 unit length.
            references: (r, d) float32 unit length.
            probe_ages: (p,) years; None or NaN where unknown.
            reference_ages: (r,) years; likewise.

        Returns:
            (p, r) float32 decision scores.
        """
        return self.cohort.decision_scores(
            self.settled(probes, probe_ages), self.settled(references, reference_ages)
        )
