"""A linear change of templates, learned from an authority's own labelled pictures.

Directions in which one person's pictures differ (age, light, pose) are shrunk, directions in which people
differ are kept. Nothing is learned here unless an operator asks for it, and nothing is shipped: pictures of
children that Homeward could learn from may not be used for that.

Source:
    Within-class whitening with linear discriminant analysis. Learned on LAG, tested on FG-NET with both ages
    known, two networks: true accept rate at a false match rate of 0.1 % 38 % to 46 %, Cllr 0.41 to 0.35. The
    same, learned from synthetic people, gained nothing on real ones.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FEWEST_PEOPLE: Final = 200
"""Persons with two pictures below which nothing is learned: fewer do not show how people differ in hundreds
of directions."""

DIRECTIONS: Final = 96
"""Directions that are kept at most; source: the module's."""

SHRINKAGE: Final = 0.1
"""Part of the variation within persons that is taken to be alike in all directions. Without it the directions
in which few pictures happen to agree would count most."""

_LARGEST_FILE: Final = 16_000_000
"""Bytes; a matrix of 1024 by 96 has 400 kB."""


class TooFewToLearn(ValueError):
    """There are too few labelled people."""


class AdaptationUnreadable(ValueError):
    """The file holds no adaptation."""


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """A change of templates before they are compared for a decision."""

    mean: Floats
    """(d,) subtracted first."""
    matrix: Floats
    """(d, k) that directions are multiplied by."""

    def __post_init__(self) -> None:
        """Refuse what would make no templates."""
        if self.mean.ndim != 1 or self.matrix.ndim != 2 or len(self.mean) != len(self.matrix):  # noqa: PLR2004 - rows and columns.
            raise ValueError("an adaptation has a mean and a matrix of one length")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.matrix).all() and self.matrix.any()):
            raise ValueError("an adaptation is made of finite numbers")

    @property
    def sha256(self) -> str:
        """Digest of its numbers."""
        return hashlib.sha256(self.mean.tobytes() + self.matrix.tobytes()).hexdigest()

    def adapted(self, templates: Floats) -> Floats:
        """Change templates.

        Args:
            templates: (n, d) float32 unit length.

        Returns:
            (n, k) float32 unit length, to be compared with each other only.
        """
        changed = (templates - self.mean) @ self.matrix
        length = np.maximum(np.linalg.norm(changed, axis=1, keepdims=True), np.float32(1e-6))
        return np.asarray(changed / length, np.float32)

    @classmethod
    def learned(cls, templates: Floats, people: NDArray[np.integer]) -> Self:
        """Learn from labelled pictures.

        Args:
            templates: (n, d) float32 unit length.
            people: (n,) numbers of the persons.

        Raises:
            TooFewToLearn: fewer than `FEWEST_PEOPLE` persons have two pictures.
        """
        _, persons, counts = np.unique(people, return_inverse=True, return_counts=True)
        useful = counts[persons] > 1
        _, persons = np.unique(persons[useful], return_inverse=True)
        found = int(persons.max()) + 1 if useful.any() else 0
        if found < FEWEST_PEOPLE:
            raise TooFewToLearn(f"{FEWEST_PEOPLE} persons with two pictures are needed, not {found}")
        rows = templates[useful].astype(np.float64)
        mean = rows.mean(axis=0)
        sizes = np.bincount(persons).astype(np.float64)
        middles = np.zeros((found, rows.shape[1]))
        np.add.at(middles, persons, rows - mean)
        middles /= sizes[:, None]
        within = rows - mean - middles[persons]
        scatter = within.T @ within / (len(rows) - found)
        dimensions = len(mean)
        alike = np.trace(scatter) / dimensions * np.eye(dimensions)
        values, vectors = np.linalg.eigh((1 - SHRINKAGE) * scatter + SHRINKAGE * alike)
        whitening = vectors / np.sqrt(values)
        between = middles @ whitening
        # The directions in which people differ most, once everybody differs from themselves alike everywhere.
        _, _, directions = np.linalg.svd(between, full_matrices=False)
        matrix = whitening @ directions[: min(DIRECTIONS, found - 1)].T
        return cls(mean.astype(np.float32), np.ascontiguousarray(matrix, dtype=np.float32))


def write_adaptation(adaptation: Adaptation, path: Path) -> None:
    """Write an adaptation; a reader never sees half a file."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, mean=adaptation.mean, matrix=adaptation.matrix)
    part.replace(path)


def read_adaptation(path: Path) -> Adaptation:
    """Read an adaptation.

    Raises:
        FileNotFoundError: there is none.
        AdaptationUnreadable: the file holds none.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise AdaptationUnreadable(f"{path.name} holds no adaptation: too large")
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return Adaptation(file["mean"].astype(np.float32), file["matrix"].astype(np.float32))
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise AdaptationUnreadable(f"{path.name} holds no adaptation: {error}") from error
