"""Decision scores: comparison scores that mean the same whoever the probe and the reference are.

Some faces are like everybody: an infant's, a blurred one, one lit like the rest of the gallery. A fixed
threshold on the cosine lets their strangers through and stops others' own photos. So for decisions, and never
for ranking, a score is centred on the deployment's own gallery and compared with the scores that probe and
reference have with the strangers most like them (adaptive symmetric score normalisation, AS-norm).

The strangers are a *cohort*: a sample of the gallery drawn by the templates' own digests. The sample does not
depend on the order of enrolment, changes little when a record comes or goes, and keeps its size however large
the gallery grows, so that a decision score means in a gallery of 60,000 what it meant in one of 2,000.

Source:
    AS-norm: Matejka et al., Analysis of Score Normalization in Multilingual Speaker Recognition, Interspeech
    2017. FG-NET, all pairs, dlib, the gallery itself as cohort, its 300 most similar of 971: true accept rate
    at a false match rate of 0.1 % rises from 28 % to 50 %. Used for ranking it hurts: photo at 0-3, gap 6-10
    years, rank-1 falls from 14 % to 8 %.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

COHORT_SIZE: Final = 2_000
"""Members of a cohort at most. Describing 60,000 references of 320 numbers takes seconds on one core."""

NEIGHBOURS: Final = 300
"""Most similar members that a face is compared with, in a full cohort; source: the module's."""

NEIGHBOUR_SHARE: Final = NEIGHBOURS / COHORT_SIZE
"""The same as a share: a smaller cohort uses as large a part of itself, so that scores keep their meaning."""

MINIMUM_COHORT: Final = 100
"""Members without which there are no decision scores: 15 % of 100 are 15 faces, their spread known to 18 %.

Source:
    Synthetic, 20 people with five pictures each, drawn 12 times: true accept rate at a false match rate of
    0.1 % 80 % by cosine, 95 % normalised.
"""

MATES_LEFT_OUT: Final = 1
"""Most similar members that count for nothing: a person's own other photo would stand there.

Source:
    Synthetic, 170 people searched in 340 of their own photos, true accept rate at a false match rate of
    0.1 %: 80.7 % by comparison scores; 91.3, 91.0, 90.3 and 89.8 % with 0, 1, 2 and 4 left out. A cohort of
    other people gives 87.8 % with 1, 2 or 4. So leaving one out costs next to nothing.
"""

_IDENTICAL: Final = 1 - 1e-5
"""Cosine from which a member is the very template that is looked at, beyond rounding."""

_LEAST_SPREAD: Final = 0.01
"""Cosine. No face's strangers are as equal as this; it keeps a cohort of copies from dividing by zero."""

_CELLS_AT_A_TIME: Final = 8_000_000
"""Scores held in memory at a time: 32 MB, and as much again while they are sorted."""


class CohortTooSmall(ValueError):
    """There are too few references to say what is usual among strangers."""


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What normalising has to know of n templates, one number each."""

    projection: NDArray[np.float32]
    """(n,) product with the cohort's mean template."""
    length: NDArray[np.float32]
    """(n,) distance from the cohort's mean template, > 0."""
    mean: NDArray[np.float32]
    """(n,) mean centred cosine with the most similar strangers."""
    spread: NDArray[np.float32]
    """(n,) standard deviation of the same, > 0."""

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> "Traits":
        """The traits of some of the templates."""
        return Traits(self.projection[rows], self.length[rows], self.mean[rows], self.spread[rows])


class Cohort:
    """A gallery's references, the sample of them that stands for strangers, and the traits of all of them.

    References may be added and removed. What depends on them is computed when it is next asked for, and for
    all of them only if the sample has changed; the result is that of a cohort made anew.
    """

    def __init__(self, templates: NDArray[np.float32], size: int = COHORT_SIZE) -> None:
        self._rows = _checked(templates)
        self._digests = _digests(self._rows)
        self._size = size
        self._drawn: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._traits: Traits | None = None
        self._sample()

    @classmethod
    def of(cls, templates: NDArray[np.float32], size: int = COHORT_SIZE) -> Self:
        """Make the cohort of a gallery.

        Args:
            templates: (n, d) float32 unit length, the gallery's references in its order.
            size: members that are drawn at most.
        """
        return cls(templates, size)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def templates(self) -> NDArray[np.float32]:
        """(n, d) the gallery's references, in its order."""
        return self._rows

    @property
    def sufficient(self) -> bool:
        """Whether there are decision scores at all."""
        return len(self._members) >= MINIMUM_COHORT

    @property
    def references(self) -> Traits:
        """The traits of the gallery's references, in its order.

        Raises:
            CohortTooSmall: see `sufficient`.
        """
        known = 0 if self._traits is None else len(self._traits.mean)
        if self._traits is None:
            self._traits = self.describe(self._rows)
        elif known < len(self._rows):
            self._traits = _joined(self._traits, self.describe(self._rows[known:]))
        return self._traits

    def add(self, templates: NDArray[np.float32]) -> None:
        """Append references; cheapest in batches.

        Args:
            templates: (m, d) float32 unit length.
        """
        rows = _checked(templates)
        self._rows = np.concatenate([self._rows, rows])
        self._digests = np.concatenate([self._digests, _digests(rows)])
        self._sample()

    def remove(self, positions: NDArray[np.intp]) -> None:
        """Take references out; those behind them move up.

        Args:
            positions: rows of the gallery as it is now.
        """
        keep = np.ones(len(self._rows), dtype=bool)
        keep[positions] = False
        if self._traits is not None:
            self._traits = self._traits[np.flatnonzero(keep[: len(self._traits.mean)])]
        self._rows, self._digests = self._rows[keep], self._digests[keep]
        self._sample()

    def showing(self, templates: NDArray[np.float32]) -> "Cohort":
        """The same cohort for other references, which are not drawn for it.

        Args:
            templates: (n, d) float32 unit length, of the same gallery.

        Returns:
            A cohort to which nothing may be added, and from which nothing may be taken.
        """
        shown = Cohort.__new__(type(self))
        shown.__dict__.update(self.__dict__)
        shown._rows, shown._traits = _checked(templates), None  # noqa: SLF001 - it is a cohort, too.
        return shown

    def describe(self, templates: NDArray[np.float32]) -> Traits:
        """Compare templates with the cohort.

        A member identical to a template is not a stranger and left out, so a reference is never normalised by
        itself; the next `MATES_LEFT_OUT` is left out too, since it may show the same person.

        Args:
            templates: (n, d) float32 unit length, references or probes.

        Returns:
            Their traits; 4 numbers each.

        Raises:
            CohortTooSmall: see `sufficient`.
        """
        if not self.sufficient:
            raise CohortTooSmall(
                f"decision scores need {MINIMUM_COHORT} references, not {len(self._members)}"
            )
        neighbours = max(round(NEIGHBOUR_SHARE * len(self._members)), 2)
        wanted = MATES_LEFT_OUT + neighbours
        lengths, means, spreads = [], [], []
        step = max(_CELLS_AT_A_TIME // len(self._members), 1)
        for start in range(0, max(len(templates), 1), step):
            centred, length = self._centre_on_mean(templates[start : start + step])
            scores = centred @ self._members.T
            scores[scores >= _IDENTICAL] = -1.0
            scores.partition(len(self._members) - wanted, axis=1)
            nearest = scores[:, -wanted:]
            nearest.partition(neighbours - 1, axis=1)
            strangers = nearest[:, :neighbours]
            lengths.append(length)
            means.append(strangers.mean(axis=1))
            spreads.append(np.maximum(strangers.std(axis=1), np.float32(_LEAST_SPREAD)))
        return Traits(
            templates @ self._mean, np.concatenate(lengths), np.concatenate(means), np.concatenate(spreads)
        )

    def decision_scores(
        self, probes: NDArray[np.float32], references: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Compare every probe with every reference; symmetric in the two.

        Args:
            probes: (p, d) float32 unit length.
            references: (r, d) float32 unit length, of the gallery or not.

        Returns:
            (p, r) float32: standard deviations above what is usual among the most similar strangers.

        Raises:
            CohortTooSmall: see `sufficient`.
        """
        ours, theirs = self.describe(probes), self.describe(references)
        scores = self._centre_on_mean(probes)[0] @ self._centre_on_mean(references)[0].T
        step = max(_CELLS_AT_A_TIME // max(len(references), 1), 1)
        for start in range(0, len(probes), step):
            rows = slice(start, start + step)
            scores[rows] = _normalised(scores[rows], ours[rows], theirs)
        return scores

    def decide(
        self, scores: NDArray[np.float32], probes: Traits, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """Turn comparison scores of probes with the gallery into decision scores, without the templates.

        Args:
            scores: (p, k) comparison scores of each probe with the wanted references.
            probes: the p probes' traits, from `describe`.
            rows: (k,) the wanted references, as rows of the gallery; None for all, in its order.

        Returns:
            (p, k) float32 decision scores, the same as `decision_scores` has.

        Raises:
            CohortTooSmall: see `sufficient`.
        """
        traits = self.references if rows is None else self.references[rows]
        products = scores - probes.projection[:, None] - traits.projection + self._mean @ self._mean
        return _normalised(products / (probes.length[:, None] * traits.length), probes, traits)

    def _sample(self) -> None:
        """Draw the cohort; traits stay known only if it is the one that was."""
        chosen = np.argsort(self._digests, kind="stable")[: self._size]
        drawn = self._digests[chosen]
        if self._traits is not None and np.array_equal(drawn, self._drawn):
            return
        self._drawn, self._traits = drawn, None
        # In the order of digests, so that sums round alike whatever the order of enrolment.
        total = self._rows[chosen].sum(axis=0, dtype=np.float64)
        self._mean = (total / max(len(chosen), 1)).astype(np.float32)
        self._members, _ = self._centre_on_mean(self._rows[chosen])

    def _centre_on_mean(
        self, templates: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Directions seen from the mean template, and the distances from it."""
        centred = templates - self._mean
        length = np.maximum(np.linalg.norm(centred, axis=1), np.float32(1e-6))
        return centred / length[:, None], length


def _normalised(cosines: NDArray[np.float32], ours: Traits, theirs: Traits) -> NDArray[np.float32]:
    """Half the sum of both sides' standard scores, for (p, r) centred cosines."""
    factor = 0.5 / ours.spread[:, None] + 0.5 / theirs.spread
    shift = (0.5 * ours.mean / ours.spread)[:, None] + 0.5 * theirs.mean / theirs.spread
    scores: NDArray[np.float32] = cosines * factor - shift
    return scores


def _joined(first: Traits, second: Traits) -> Traits:
    return Traits(
        np.concatenate([first.projection, second.projection]),
        np.concatenate([first.length, second.length]),
        np.concatenate([first.mean, second.mean]),
        np.concatenate([first.spread, second.spread]),
    )


def _checked(templates: NDArray[np.float32]) -> NDArray[np.float32]:
    if templates.ndim != 2 or not np.isfinite(templates).all():  # noqa: PLR2004 - rows and columns.
        raise ValueError("templates are an (n, d) array of finite numbers")
    return np.ascontiguousarray(templates, dtype=np.float32)


def _digests(rows: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A number for each template that is spread evenly and is its own whatever stands around it."""
    found = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(found, dtype="<u8").astype(np.uint64)
