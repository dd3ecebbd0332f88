"""Enrolled pictures of people who do not exist, without looking at any picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.evaluate.enrolment import BASELINE, Enrolled
from matching.evaluate.report import People
from tests.matching.worlds import world


@dataclass(frozen=True, eq=False)
class Data:
    """What engines enrolled of one set of pictures."""

    everyone: People
    homeward: Enrolled
    baseline: Enrolled


def data(people: int = 60, pictures: int = 3, *, not_found: tuple[int, ...] = (), seed: int = 0) -> Data:
    """A set of pictures that two engines enrolled, the second one a little worse.

    Args:
        people: persons.
        pictures: of each; the first is the record.
        not_found: pictures on which the second engine found no face.
        seed: other seeds, other people.
    """
    drawn = world(people, pictures, seed=seed)
    draw = np.random.default_rng(seed + 1)
    worse = drawn.templates + draw.normal(scale=0.04, size=drawn.templates.shape).astype(np.float32)
    worse[list(not_found)] = np.nan
    is_record = np.tile(np.eye(pictures)[0], people)
    everyone = People(drawn.people.astype(np.intp), drawn.ages.astype(np.float32), is_record)
    return Data(
        everyone,
        enrolled("dlib", drawn.templates),
        enrolled(BASELINE, worse),
    )


def enrolled(name: str, templates: NDArray[np.float32]) -> Enrolled:
    """Templates as if an engine had made them in a tenth of a second each."""
    encoder = "face_recognition" if name == BASELINE else name
    times = np.linspace(80, 120, len(templates))
    return Enrolled(name, "test", encoder, templates, times, np.ones(len(templates), bool))
