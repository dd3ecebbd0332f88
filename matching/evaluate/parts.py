"""Parts of the comparisons: by age band, and by the years between two pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.error_model import AgeBand, age_band
from matching.evaluate.calibrated import LikelihoodRatios
from matching.evaluate.identification import Search

GAPS: Final = {"0-2": (0.0, 2.5), "3-5": (2.5, 5.5), "6-10": (5.5, 10.5), ">10": (10.5, np.inf)}
"""Years between two pictures, from and to."""

ADULT: Final = 18.0
"""Years from which a pair's younger picture no longer shows a child; such pairs count in no gap."""

Flags = NDArray[np.bool_]
Ages = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some of the comparisons."""

    name: str
    pairs: Flags
    """(n, n) pairs of pictures."""
    ratios: Flags | None
    """(r,) likelihood ratios."""
    probes: Flags
    """(p,) probes."""


def by_age_band(
    ages: Ages, people: NDArray[np.intp], search: Search, held: LikelihoodRatios | None
) -> Iterator[Part]:
    """Pairs whose two pictures lie in one band; probes by the age on the record's nearest picture."""
    bands = np.array([band.value if (band := age_band(float(age))) else "" for age in ages])
    record_ages, _ = _records(ages, people, search)
    of_probe = np.array([band.value if (band := age_band(float(age))) else "" for age in record_ages])
    for band in AgeBand:
        inside = bands == band.value
        rows = None
        if held is not None:
            older = held.younger + held.gap
            rows = np.array(
                [
                    age_band(float(one)) is band and age_band(float(other)) is band
                    for one, other in zip(held.younger, older, strict=True)
                ]
            )
        yield Part(band.value, inside[:, None] & inside, rows, of_probe == band.value)


def by_gap(
    ages: Ages, people: NDArray[np.intp], search: Search, held: LikelihoodRatios | None
) -> Iterator[Part]:
    """Pairs so many years apart, the younger picture of a child; probes by their nearest record's gap."""
    gap = np.abs(ages[:, None] - ages)
    child = np.minimum(ages[:, None], ages) < ADULT
    _, of_probe = _records(ages, people, search)
    for name, (low, high) in GAPS.items():
        rows = None if held is None else (held.gap >= low) & (held.gap < high) & (held.younger < ADULT)
        yield Part(name, (gap >= low) & (gap < high) & child, rows, (of_probe >= low) & (of_probe < high))


def _records(ages: Ages, people: NDArray[np.intp], search: Search) -> tuple[Ages, Ages]:
    """For each probe the age on the record picture of its person nearest in age, and the years between."""
    age = np.full(len(search.probes), np.nan, np.float32)
    gap = np.full(len(search.probes), np.nan, np.float32)
    for place, probe in enumerate(search.probes):
        own = ages[search.gallery[people[search.gallery] == people[probe]]]
        gaps = np.abs(own - ages[probe])
        if np.isfinite(gaps).any():
            nearest = int(np.nanargmin(gaps))
            age[place], gap[place] = own[nearest], gaps[nearest]
    return age, gap
