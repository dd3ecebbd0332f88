"""True accept rates, equal error rates and calibration over pairs of pictures, with intervals over people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATES: Final = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
"""False-match rates at which true accept rates are given."""

SUPPORTED: Final = 10
"""False matches that a rate needs to mean anything; fewer are marked as unsupported."""

RULE_OF_THREE: Final = 3.0
"""See `Interval.share`."""

_EER_PLACES: Final = 4001
"""Thresholds among which the equal error rate is looked for: it is then known to 1 in 8,000."""

Column = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval over resampled people."""

    value: float | None
    low: float | None
    high: float | None
    reason: str = ""
    """Why there is no figure."""

    @classmethod
    def of(cls, value: float, resampled: Column) -> "Interval":
        """A figure and the figures of people drawn anew."""
        usable = resampled[np.isfinite(resampled)]
        if not np.isfinite(value) or len(usable) < len(resampled) / 2:
            return cls(None, None, None, "too few comparisons")
        low, high = np.quantile(usable, [0.025, 0.975])
        return cls(float(value), float(min(low, value)), float(max(high, value)))

    @classmethod
    def share(cls, value: float, resampled: Column, people: int) -> "Interval":
        """The same for a share. One of 0 or 1 is 0 or 1 in every draw, so its far end follows another rule.

        Source:
            Rule of 3: what happened to none of n independent people happens to at most 3 in n, at 95 %
            (ISO/IEC 19795-1).
        """
        found = cls.of(value, resampled)
        end = min(RULE_OF_THREE / max(people, 1), 1.0)
        if found.value == 0:
            return replace(found, high=max(found.high or 0.0, end))
        if found.value == 1:
            return replace(found, low=min(found.low or 0.0, 1 - end))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """All pairs of different pictures of one engine, or a part of them; non-mated ones by falling score."""

    mated: Column
    """(m,) scores of pictures of one person."""
    mated_person: NDArray[np.intp]
    others: Column
    """(k,) scores of different persons, highest first."""
    others_one: NDArray[np.intp]
    others_other: NDArray[np.intp]

    @classmethod
    def of(
        cls, scores: NDArray[np.float32], people: NDArray[np.intp], part: Flags | None = None
    ) -> "Comparisons":
        """Take the pairs of a matrix of scores.

        Args:
            scores: (n, n), symmetric.
            people: (n,) numbers of persons.
            part: (n, n) which pairs; None for all.
        """
        one, other = np.triu_indices(len(people), 1)
        if part is not None:
            inside = part[one, other]
            one, other = one[inside], other[inside]
        values = scores[one, other].astype(np.float64)
        same = people[one] == people[other]
        order = np.argsort(-values[~same], kind="stable")
        return cls(
            values[same],
            people[one[same]],
            values[~same][order],
            people[one[~same]][order],
            people[other[~same]][order],
        )

    def accept_rates(self, draw: Column, at: Mapping[str, float]) -> dict[str, float]:
        """Shares of accepted pairs when people are drawn again and again.

        A pair is accepted above a threshold. That of a false-match rate lies at the non-mated score that this
        share of the non-mated pairs reaches, so no more than the share is above it; nothing is interpolated.

        Args:
            draw: (persons,) how often each person counts.
            at: thresholds from elsewhere, by name.

        Returns:
            The true accept rate at each of `RATES` by its name, the equal error rate as `eer`, and for each
            threshold from elsewhere `tar NAME` and `fmr NAME`.
        """
        own = draw[self.mated_person]
        weights = draw[self.others_one] * draw[self.others_other]
        total, mass = weights.sum(), own.sum()
        if not total or not mass:
            names = (*RATES, "eer", *(f"{kind} {name}" for kind in ("tar", "fmr") for name in at))
            return dict.fromkeys(names, float("nan"))
        reached = np.cumsum(weights)
        found: dict[str, float] = {}
        for name, rate in RATES.items():
            place = min(int(np.searchsorted(reached, rate * total, side="right")), len(self.others) - 1)
            found[name] = float(own[self.mated > self.others[place]].sum() / mass)
        for name, threshold in at.items():
            above = int(np.searchsorted(-self.others, -threshold, side="left"))
            found[f"tar {name}"] = float(own[self.mated > threshold].sum() / mass)
            found[f"fmr {name}"] = float(reached[above - 1] / total) if above else 0.0
        order = np.argsort(self.mated, kind="stable")
        missed = np.concatenate([[0.0], np.cumsum(own[order])]) / mass
        places = np.linspace(0, len(self.others) - 1, _EER_PLACES).astype(int)
        misses = missed[np.searchsorted(self.mated[order], self.others[places], side="right")]
        matches = (reached[places] - weights[places]) / total
        crossing = int(np.argmin(np.abs(misses - matches)))
        found["eer"] = float((misses[crossing] + matches[crossing]) / 2)
        return found

    def threshold(self, rate: float) -> float:
        """The score that this share of non-mated pairs lies above."""
        return float(self.others[min(int(rate * len(self.others)), len(self.others) - 1)])

    @property
    def mated_people(self) -> int:
        """Persons with a mated pair."""
        return len(np.unique(self.mated_person))

    @property
    def auc(self) -> float | None:
        """How often a mated pair scores higher than a non-mated one, ties as halves; None without either."""
        if not len(self.mated) or not len(self.others):
            return None
        rising = self.others[::-1]
        below = np.searchsorted(rising, self.mated, side="left")
        upto = np.searchsorted(rising, self.mated, side="right")
        return float((below + upto).mean() / (2 * len(rising)))

    def histogram(self, bins: int = 40) -> dict[str, list[float]]:
        """Scores of both kinds in bins of equal width, each kind as shares of its own."""
        edges = np.histogram_bin_edges(np.concatenate([self.mated, self.others]), bins)
        shares = (
            (np.histogram(column, edges)[0] / max(len(column), 1)).tolist()
            for column in (self.mated, self.others)
        )
        return dict(zip(("edges", "mated", "non_mated"), (edges.tolist(), *shares), strict=True))

    def with_misses(self, persons: NDArray[np.intp]) -> "Comparisons":
        """The same with mated pairs that could not be compared, which count as never accepted.

        Args:
            persons: (k,) the person of each such pair.
        """
        missed = np.full(len(persons), -np.inf)
        return replace(
            self,
            mated=np.concatenate([self.mated, missed]),
            mated_person=np.concatenate([self.mated_person, persons]),
        )

    def curve(self, points: int = 200) -> tuple[list[float], list[float]]:
        """False-match and false non-match rates along all thresholds, for plots."""
        count = len(self.others)
        places = np.unique(np.geomspace(1, count, points).astype(int)) - 1
        mated = np.sort(self.mated)
        misses = np.searchsorted(mated, self.others[places], side="right") / max(len(mated), 1)
        return ((places + 1) / count).tolist(), misses.tolist()


def draws(people: NDArray[np.intp], count: int, seed: int) -> Iterator[Column]:
    """Draw as many people as there are, with replacement, again and again; (persons,) counts each time."""
    persons = int(people.max()) + 1
    there = np.unique(people)
    random = np.random.default_rng(seed)
    for _ in range(count):
        drawn = random.choice(there, len(there))
        yield np.bincount(drawn, minlength=persons).astype(np.float64)


def accept_rates(
    comparisons: Comparisons,
    people: NDArray[np.intp],
    resamples: int,
    seed: int,
    at: Mapping[str, float] | None = None,
) -> tuple[dict[str, Interval], dict[str, Column]]:
    """Rates with intervals, and the resampled values themselves, for ratios of engines.

    Args:
        comparisons: the pairs.
        people: (n,) numbers of the persons of all pictures, so that engines are resampled alike.
        resamples: how often people are drawn.
        seed: of the drawing.
        at: thresholds from elsewhere, see `Comparisons.accept_rates`.
    """
    at = at or {}
    if not len(comparisons.mated) or not len(comparisons.others):
        nothing = Interval(None, None, None, "no such pairs")
        names = (*RATES, "eer", *(f"{kind} {name}" for kind in ("tar", "fmr") for name in at))
        return dict.fromkeys(names, nothing), {}
    values = comparisons.accept_rates(np.ones(int(people.max()) + 1), at)
    drawn = [comparisons.accept_rates(draw, at) for draw in draws(people, resamples, seed)]
    columns = {name: np.array([each[name] for each in drawn]) for name in values}
    persons = comparisons.mated_people
    return {
        name: Interval.of(value, columns[name])
        if name == "eer" or name.startswith("fmr")
        else Interval.share(value, columns[name], persons)
        for name, value in values.items()
    }, columns
