"""True accept rates, equal error rates and calibration over pairs of pictures, with intervals over people."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATES: Final = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
"""False-match rates at which true accept rates are given."""

SUPPORTED: Final = 10
"""False matches that a rate needs to mean anything; fewer are marked as unsupported."""

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

    def accept_rates(self, draw: Column) -> dict[str, float]:
        """True accept rate at each of `RATES`, and the equal error rate under `eer`.

        A pair is accepted above the threshold, which lies at the non-mated score that the stated share reaches,
        so the false-match rate is at most the stated one.

        Args:
            draw: (persons,) how often each person counts.
        """
        own = draw[self.mated_person]
        weights = draw[self.others_one] * draw[self.others_other]
        total, mass = weights.sum(), own.sum()
        if not total or not mass:
            return dict.fromkeys((*RATES, "eer"), float("nan"))
        reached = np.cumsum(weights)
        found: dict[str, float] = {}
        for name, rate in RATES.items():
            place = min(int(np.searchsorted(reached, rate * total, side="right")), len(self.others) - 1)
            found[name] = float(own[self.mated > self.others[place]].sum() / mass)
        order = np.argsort(self.mated, kind="stable")
        missed = np.concatenate([[0.0], np.cumsum(own[order])]) / mass
        places = np.linspace(0, len(self.others) - 1, 4001).astype(int)
        misses = missed[np.searchsorted(self.mated[order], self.others[places], side="right")]
        matches = reached[places] / total
        crossing = int(np.argmin(np.abs(misses - matches)))
        found["eer"] = float((misses[crossing] + matches[crossing]) / 2)
        return found

    def threshold(self, rate: float) -> float:
        """The score that this share of non-mated pairs lies above."""
        return float(self.others[min(int(rate * len(self.others)), len(self.others) - 1)])

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
    comparisons: Comparisons, people: NDArray[np.intp], resamples: int, seed: int
) -> tuple[dict[str, Interval], dict[str, Column]]:
    """Rates with intervals, and the resampled values themselves, for ratios of engines.

    Args:
        comparisons: the pairs.
        people: (n,) numbers of the persons of all pictures, so that engines are resampled alike.
        resamples: how often people are drawn.
        seed: of the drawing.
    """
    if not len(comparisons.mated) or not len(comparisons.others):
        nothing = Interval(None, None, None, "no such pairs")
        return dict.fromkeys((*RATES, "eer"), nothing), {}
    values = comparisons.accept_rates(np.ones(int(people.max()) + 1))
    drawn = [comparisons.accept_rates(draw) for draw in draws(people, resamples, seed)]
    columns = {name: np.array([each[name] for each in drawn]) for name in values}
    return {name: Interval.of(values[name], columns[name]) for name in values}, columns
