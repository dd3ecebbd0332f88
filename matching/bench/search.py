"""How long a search takes, by gallery size, beside reading the gallery's bytes and a plain search.

Templates are random unit vectors: the time of an exact search does not depend on what they are of.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.search import ID_BYTES, ExactIndex

SIZES: Final = (10_000, 100_000, 1_000_000)
"""Templates in the gallery."""
WANTED: Final = 20
"""Templates that a search asks for."""
_REPEATED_S: Final = 2.0
"""Seconds for which the steps are repeated at least."""
_FEWEST_RUNS: Final = 7
_SEED: Final = 20_261_123
_ROWS_AT_A_TIME: Final = 100_000

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """One step at one gallery size."""

    name: str
    ms: float
    """Milliseconds by the clock, median of repeated runs."""
    ratio: float
    """The same as a multiple of the time in which the templates' bytes are read."""


def measure(sizes: tuple[int, ...] = SIZES, dimensions: int = 128) -> list[Measured]:
    """Measure searches.

    Args:
        sizes: templates in the gallery.
        dimensions: numbers in a template.

    Returns:
        For each size: reading the bytes, the index, the index asked with 64 probes at once (for one of them),
        and a search written with the package's means, as distances and a full sort.
    """
    return [row for size in sizes for row in _at_size(size, dimensions)]


def _at_size(size: int, dimensions: int) -> Iterator[Measured]:
    index, probes = _random_index(size, dimensions)
    probe, templates = probes[0], index.templates
    words = templates.reshape(-1).view(np.uint64)
    reading, search = _medians_ms(words.max, lambda: index.search(probe, WANTED))
    (batch,) = _medians_ms(lambda: index.scores(probes))
    (plain,) = _medians_ms(lambda: brute_force(templates, probe, WANTED))
    yield Measured(f"read {size:,} x {dimensions} float32", reading, 1.0)
    for name, ms in (
        ("exact index", search),
        (f"exact index, {len(probes)} probes at once", batch / len(probes)),
        ("brute force", plain),
    ):
        yield Measured(f"{name}, {size:,}", ms, ms / reading)


def brute_force(templates: Vectors, probe: Vectors, wanted: int) -> NDArray[np.intp]:
    """The search as it is usually written: `face_recognition.face_distance`, then a sort of everything.

    Args:
        templates: (n, d) float32.
        probe: (d,) float32.
        wanted: rows to find.

    Returns:
        The nearest rows, nearest first.
    """
    distances = np.linalg.norm(templates - probe, axis=1)
    return np.argsort(distances)[:wanted]


def _random_index(size: int, dimensions: int) -> tuple[ExactIndex, Vectors]:
    """An index in its ordinary layout, filled as a growing gallery is, and 64 probes."""
    rng = np.random.default_rng(_SEED)
    index = ExactIndex(dimensions)
    for start in range(0, size, _ROWS_AT_A_TIME):
        count = min(_ROWS_AT_A_TIME, size - start)
        numbers = np.arange(start, start + count, dtype=">u8")
        ids = np.zeros((count, ID_BYTES), dtype=np.uint8)
        ids[:, 8:] = numbers.view(np.uint8).reshape(count, 8)
        index.add(ids.view(f"S{ID_BYTES}").reshape(count), _random_units(rng, count, dimensions))
    return index, _random_units(rng, 64, dimensions)


def _random_units(rng: np.random.Generator, count: int, dimensions: int) -> Vectors:
    rows = rng.standard_normal((count, dimensions), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _medians_ms(*steps: Callable[[], object]) -> list[float]:
    """Time steps in turn, so that whatever else the machine does meets all of them alike."""
    for step in steps:
        step()
    taken: list[list[float]] = [[] for _ in steps]
    while len(taken[0]) < _FEWEST_RUNS or sum(map(sum, taken)) < _REPEATED_S:
        for step, times in zip(steps, taken, strict=True):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
    return [1000 * statistics.median(times) for times in taken]
