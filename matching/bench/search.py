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
_REPEATED_S: Final = 1.0
"""Seconds for which a step is repeated at least."""
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
    reading = _median_ms(words.max)
    steps: tuple[tuple[str, Callable[[], object], int], ...] = (
        ("exact index", lambda: index.search(probe, WANTED), 1),
        ("exact index, 64 probes at once", lambda: index.scores(probes), len(probes)),
        ("brute force", lambda: brute_force(templates, probe, WANTED), 1),
    )
    yield Measured(f"read {size:,} x {dimensions} float32", reading, 1.0)
    for name, step, searches in steps:
        taken = _median_ms(step) / searches
        yield Measured(f"{name}, {size:,}", taken, taken / reading)


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


def _median_ms(step: Callable[[], object]) -> float:
    step()
    taken: list[float] = []
    while len(taken) < _FEWEST_RUNS or sum(taken) < _REPEATED_S:
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)
