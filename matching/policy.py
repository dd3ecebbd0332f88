"""Which records people look at, in which order, and how many of them are expected to be wrong.

Records are ranked by their comparison scores and by nothing else. Whether one is shown follows from
false-match rates, since strangers of three years look alike to an encoder made for adults and strangers of
thirteen do not. What is said of it is a likelihood ratio that knows both ages.
"""

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from matching.calibration import (
    AgeEstimate,
    Calibration,
    CalibrationMissing,
    LikelihoodRatio,
    combined,
    default_calibration,
    plausibility,
)
from matching.candidate_list import Candidate, CandidateList, Hazard, ProbeFacts
from matching.decision import DecisionSpace
from matching.error_model import ERROR_MODELS, AgeBand, age_band
from matching.false_match import FalseMatchModel, ScoreKind
from matching.ranking import Gallery, unit

CANDIDATE_LIST_LIMIT: Final = 10
"""Candidates of one probe at most. Reviewers who pick from long lists of children's faces are wrong in more
than 60 % of cases (White et al. 2015, PLOS ONE 10(10)); short lists make it better."""

EXPECTED_FALSE_FIRST: Final = 0.1
"""Wrong candidates that the list shown first holds on average: one in ten probes brings one."""

WIDE_RATE: Final = 0.01
"""False-match rate down to which a record stands behind "more": cutting the right record loses a child.

Source:
    FG-NET, true accept rate at a false-match rate of 1 %: 26 % at ages 0 to 3, 79 % at 4 to 7, 90 % from 8 on
    (dlib); at 0.1 % it is far lower.
"""

WIDE_GAP: Final = 3.0
"""Years between two pictures beyond which a candidate is flagged: rank-1 for photos taken at 0 to 3 falls
from 54 % (up to 2 years) to 22 % (6 to 10 years); FG-NET, two networks fused."""

INFANT_BELOW: Final = 4.0
"""Years below which even the best encoder errs on one pair in six (FG-NET, equal error rate 17 %)."""

EXPECTED_AGE_DEVIATION: Final = 0.5
"""Years by which a record's age on the day of a photo may be off: days of birth and of photos are rounded."""

_ROUNDING: Final = 1e-4
"""By how much the product of many probes may differ from that of one."""

_BANDS: Final = (*AgeBand, None)
"""Age bands by the numbers that they have in arrays; the last one is that of an unknown age."""


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What a gallery is searched by: made once, used for every probe until the gallery changes."""

    gallery: Gallery
    space: DecisionSpace | None
    """What decision scores are made by; None where there are too few references for any."""
    false_matches: FalseMatchModel
    calibration: Calibration
    bands: NDArray[np.intp]
    """(n,) number of each reference's age band."""
    counts: NDArray[np.intp]
    """(6,) references of each band in the whole gallery; `gallery` may hold a few of them."""
    wide: NDArray[np.float64]
    """Score at or above which a reference of each band makes its record a candidate."""
    strict: NDArray[np.float64]
    """Score at or above which it is shown first."""

    @classmethod
    def of(cls, encoder: str, gallery: Gallery, calibration: Calibration | None = None) -> Self:
        """Choose by what to decide: the best that this deployment has.

        - False-match rates: the gallery's own; else those of the calibration's labelled pairs; else cited.
        - Likelihood ratios: the calibration; else the cited one, also where the calibration is of decision
          scores and the gallery is too small to have any.

        Args:
            encoder: the encoder's name.
            gallery: all references.
            calibration: the deployment's own; None if it has none.

        Raises:
            CalibrationMissing: nobody has measured this encoder's scores, so there is no threshold. Records
                can still be ranked, for people to look through; see `matching.ranking.rank`.
        """
        adaptation = None if calibration is None else calibration.adaptation
        space = DecisionSpace.of(gallery.references, gallery.ages, adaptation)
        usable = calibration if calibration and (space or calibration.kind == ScoreKind.COMPARISON) else None
        found = usable or default_calibration(encoder)
        rates = FalseMatchModel.from_gallery(space.cohort, gallery) if space else None
        if rates is None and found.false_matches:
            rates = FalseMatchModel(found.kind, found.false_matches, MappingProxyType({}))
        if rates is None and encoder not in ERROR_MODELS:
            raise CalibrationMissing(encoder)
        return cls._made(gallery, space, rates or FalseMatchModel.cited(encoder), found)

    def renewed(self, gallery: Gallery, removed: NDArray[np.intp]) -> Self | None:
        """The rules after a few references came and went; these rules may not be used any more.

        What was learned from all references together is kept: the age model, the false-match rates. It costs
        a fiftieth of `of` in a gallery of 60,000.

        Args:
            gallery: all references that stay, in their order, and behind them those that came.
            removed: (k,) rows of the gallery before.

        Returns:
            The rules; None if too few references are left for what was learned.
        """
        space = self.space
        if space is not None:
            came = slice(len(self.bands) - len(removed), None)
            space = space.renewed(removed, gallery.references[came], gallery.ages[came])
            if space is None:
                return None
        return self._made(gallery, space, self.false_matches, self.calibration)

    def of_size(self, references: int) -> Self:
        """The rules for a larger gallery, of so many references, of which this one is an even sample."""
        counts = np.floor(self.counts / max(self.size, 1) * references).astype(np.intp)
        counts[counts.argmax()] += references - counts.sum()
        return self._made(self.gallery, self.space, self.false_matches, self.calibration, counts)

    def showing(self, gallery: Gallery) -> Self:
        """The same rules for a few references of the gallery: as strict, and learned from the same.

        Args:
            gallery: those references.
        """
        space = self.space and self.space.showing(gallery.references, gallery.ages)
        return replace(self, gallery=gallery, space=space, bands=_bands(gallery.ages))

    @classmethod
    def _made(
        cls,
        gallery: Gallery,
        space: DecisionSpace | None,
        rates: FalseMatchModel,
        calibration: Calibration,
        counts: NDArray[np.intp] | None = None,
    ) -> Self:
        bands = _bands(gallery.ages)
        if counts is None:
            counts = np.bincount(bands, minlength=len(_BANDS))
        rare = min(EXPECTED_FALSE_FIRST / max(int(counts.sum()), 1), WIDE_RATE)
        strict = [rates.sure_threshold(rare, band) for band in AgeBand]
        return cls(
            gallery,
            space,
            rates,
            calibration,
            bands,
            counts,
            np.array([rates.threshold(WIDE_RATE, band) for band in _BANDS]),
            # Shown first, an unknown age must convince in every band.
            np.array([*strict, max(strict)]),
        )

    @property
    def size(self) -> int:
        """References of the whole gallery."""
        return int(self.counts.sum())

    @property
    def operating_point(self) -> str:
        """How strict the short list is, as a code to keep with a search."""
        return f"expected_false_{EXPECTED_FALSE_FIRST:g}"

    @property
    def expected_false(self) -> float:
        """Mean number of wrong candidates in a list made by these rules.

        Each reference is counted for itself, with the probe in its own age band, where strangers are most
        alike; so the true number is at most this.
        """
        rates = [
            self.false_matches.rate_at_most(at, band) for at, band in zip(self.wide, _BANDS, strict=True)
        ]
        return min(float(self.counts @ rates), float(CANDIDATE_LIST_LIMIT))

    @property
    def expected_false_first(self) -> float:
        """Mean number of wrong candidates shown first by these rules; at most `EXPECTED_FALSE_FIRST`."""
        return min(EXPECTED_FALSE_FIRST, WIDE_RATE * self.size)

    def search(
        self,
        probe: NDArray[np.float32],
        facts: ProbeFacts | None = None,
        *,
        expected_ages: NDArray[np.float32] | None = None,
        rows: NDArray[np.intp] | None = None,
    ) -> CandidateList:
        """Compare a probe with the gallery and choose the records that people will look at.

        - A record is a candidate if one of its references is as like the probe as one stranger in a hundred
          of that age (`WIDE_RATE`).
        - It is shown first if a search brings up at most `EXPECTED_FALSE_FIRST` wrong candidates that are as
          unusual.
        - Both parts stand in the order of the records' best comparison scores, and together they hold at most
          `CANDIDATE_LIST_LIMIT`.
        - No age, stated or missing, takes a record out.

        Args:
            probe: (d,) float32 template.
            facts: what else is known of the probe.
            expected_ages: (n,) years that the child of each reference had on the day of the probe's photo;
                NaN where that is unknown; None if nothing is known of any.
            rows: (k,) references that are compared; None for all. The expected numbers are those of the whole
                gallery all the same, since that is what probes are searched in.

        Raises:
            ValueError: the probe's length is not the gallery's.
        """
        compared = _Compared.of(self, probe, rows)
        facts = facts or ProbeFacts()
        chosen = []
        for rank, (record, places, first) in enumerate(compared.chosen(self), start=1):
            rates = [
                self.false_matches.rate_at_most(
                    float(compared.deciding[place]), _BANDS[self.bands[compared.rows[place]]]
                )
                for place in places
            ]
            place = places[int(np.argmin(rates))]
            row = int(compared.rows[place])
            expected = None
            if expected_ages is not None and not math.isnan(expected_ages[row]):
                expected = AgeEstimate(float(expected_ages[row]), EXPECTED_AGE_DEVIATION)
            decision = None if compared.decisions is None else float(compared.decisions[place])
            score = float(compared.scores[place])
            chosen.append(
                Candidate(
                    record=record,
                    reference=row,
                    score=score,
                    decision=decision,
                    decided_by=self.false_matches.kind,
                    threshold=float(self.wide[self.bands[row]]),
                    rank=rank,
                    first=first,
                    expected_false=self.size * min(rates),
                    likelihood=self._likelihood(score, decision, row, facts, expected),
                    hazards=self._hazards(row, facts, expected),
                )
            )
        alike = self._with_lookalikes([candidate.reference for candidate in chosen])
        flagged = tuple(
            replace(candidate, hazards=candidate.hazards | {Hazard.LOOKALIKE})
            if candidate.reference in alike
            else candidate
            for candidate in chosen
        )
        return CandidateList(flagged, self.expected_false_first, self.expected_false)

    def promising(
        self, probes: NDArray[np.float32], rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.intp]:
        """Which of many probes have a candidate, without saying which: one matrix product for all of them.

        Args:
            probes: (p, d) float32 templates.
            rows: (k,) references that are compared; None for all.

        Returns:
            The numbers of those probes; `search` with the others finds nobody.
        """
        rows = np.arange(len(self.gallery.references)) if rows is None else rows
        _, _, deciding = self.compare(unit(probes), rows)
        reached = deciding >= self.wide[self.bands[rows]] - _ROUNDING
        return np.flatnonzero(reached.any(axis=1))

    def compare(
        self, probes: NDArray[np.float32], rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32]]:
        """Compare probes with references by both kinds of score.

        Args:
            probes: (p, d) float32 unit length.
            rows: (k,) references, ascending.

        Returns:
            (p, k) comparison scores, decision scores if there are any, and whichever of the two decides.
        """
        everything = len(rows) == len(self.gallery.references)
        scores = probes @ (self.gallery.references if everything else self.gallery.references[rows]).T
        decisions = None
        if self.space is not None:
            settled, cohort = self.space.settled(probes), self.space.cohort
            # Where nothing was taken out of templates, the products are the same.
            products = (
                scores
                if self.space.unchanged
                else settled @ (cohort.templates if everything else cohort.templates[rows]).T
            )
            decisions = cohort.decide(products, cohort.describe(settled), None if everything else rows)
        deciding = decisions if self.false_matches.kind == ScoreKind.DECISION else scores
        assert deciding is not None
        return scores, decisions, deciding

    def _likelihood(
        self,
        score: float,
        decision: float | None,
        row: int,
        facts: ProbeFacts,
        expected: AgeEstimate | None,
    ) -> LikelihoodRatio:
        own = self.calibration.kind == ScoreKind.DECISION and decision is not None
        found = self.calibration.likelihood_ratio(
            decision if own and decision is not None else score,
            self._reference_age(row),
            combined(facts.age, expected),
            poor_face=facts.poor_face,
        )
        against = plausibility(facts.age, expected)
        return LikelihoodRatio(found.log10 + against, found.low + against, found.high + against)

    def _hazards(self, row: int, facts: ProbeFacts, expected: AgeEstimate | None) -> frozenset[Hazard]:
        then, now = self._reference_age(row), combined(facts.age, expected)
        ages = [age.years for age in (then, now) if age is not None]
        present = {
            Hazard.INFANT: bool(ages) and min(ages) < INFANT_BELOW,
            Hazard.WIDE_GAP: max(ages, default=0.0) - min(ages, default=0.0) > WIDE_GAP,
            Hazard.AGE_UNKNOWN: then is None or now is None,
            Hazard.POOR_FACE: facts.poor_face,
            Hazard.UNCALIBRATED: self.calibration.shipped,
        }
        return frozenset(hazard for hazard, is_present in present.items() if is_present)

    def _reference_age(self, row: int) -> AgeEstimate | None:
        age = float(self.gallery.ages[row])
        return None if math.isnan(age) else AgeEstimate(age, 0.0)

    def _with_lookalikes(self, rows: list[int]) -> set[int]:
        """Those references that another record is as like as candidates are that are shown first."""
        if not rows:
            return set()
        everything = np.arange(len(self.gallery.references))
        _, _, deciding = self.compare(self.gallery.references[rows], everything)
        others = self.gallery.records != self.gallery.records[rows][:, None]
        like = ((deciding >= self.strict[self.bands]) & others).any(axis=1)
        return {row for row, is_like in zip(rows, like.tolist(), strict=True) if is_like}


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """A probe compared with some of the gallery's references."""

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    """(k,) comparison scores with those rows."""
    decisions: NDArray[np.float32] | None
    deciding: NDArray[np.float32]
    """Whichever of the two decides."""

    @classmethod
    def of(cls, rules: Rules, probe: NDArray[np.float32], rows: NDArray[np.intp] | None) -> Self:
        if probe.shape != rules.gallery.references.shape[1:]:
            raise ValueError("a probe has as many numbers as a reference")
        rows = np.arange(len(rules.gallery.references)) if rows is None else rows
        scores, decisions, deciding = rules.compare(unit(probe)[None], rows)
        return cls(rows, scores[0], None if decisions is None else decisions[0], deciding[0])

    def chosen(self, rules: Rules) -> list[tuple[int, list[int], bool]]:
        """Candidate records in the order of the list.

        Returns:
            For each its number, the places in `rows` of its references that reach the threshold, and whether
            it is shown first.
        """
        bands = rules.bands[self.rows]
        passing = np.flatnonzero(self.deciding >= rules.wide[bands])
        records = rules.gallery.records[self.rows[passing]]
        places_of: dict[int, list[int]] = {}
        for at in np.lexsort((self.rows[passing], records, -self.scores[passing])):
            places_of.setdefault(int(records[at]), []).append(int(passing[at]))
        strict = self.deciding >= rules.strict[bands]
        found = [(record, places, bool(strict[places].any())) for record, places in places_of.items()]
        return sorted(found, key=lambda each: not each[2])[:CANDIDATE_LIST_LIMIT]


def _bands(ages: NDArray[np.float32]) -> NDArray[np.intp]:
    """The number of each age's band in `_BANDS`."""
    numbers = {band: number for number, band in enumerate(_BANDS)}
    return np.array([numbers[age_band(float(age))] for age in ages], dtype=np.intp)
