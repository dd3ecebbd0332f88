"""Templates of people who do not exist, drawn from normal distributions.

The worlds have the two traits of children's faces that matter here: the younger, the more alike strangers
are; and the more years between two pictures, the less alike one person is to themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class World:
    """n pictures: their templates, whom they show and at what age."""

    templates: NDArray[np.float32]
    people: NDArray[np.int64]
    ages: NDArray[np.float64]


def world(
    people: int, pictures: int = 4, *, seed: int = 0, dimensions: int = 48, oldest: float = 17.0
) -> World:
    """Draw a world.

    Args:
        people: persons.
        pictures: of each.
        seed: other seeds, other people.
        dimensions: numbers in a template.
        oldest: years; the youngest picture of a person is from 1 to 12, the others up to 12 years later.
    """
    draw = np.random.default_rng(seed)
    common = np.random.default_rng(99)
    everybody = common.normal(size=dimensions)
    ageing = common.normal(size=dimensions)
    first = draw.uniform(1, 12, people)
    ages = np.minimum(
        first[:, None] + np.r_[0, 1, 1, 1][:pictures] * draw.uniform(0, 12, (people, pictures)), oldest
    )
    numbers = np.repeat(np.arange(people), pictures)
    identity = np.repeat(draw.normal(size=(people, dimensions)), pictures, axis=0)
    change = draw.normal(size=(people * pictures, dimensions))
    flat = ages.ravel()
    since = np.sqrt(np.abs(flat - np.repeat(first, pictures)) / 12)[:, None]
    own = (0.45 + 0.04 * flat)[:, None] * (identity + 1.3 * since * change)
    noise = 0.75 * draw.normal(size=own.shape)
    templates = 0.8 * everybody + (1 - flat / 12)[:, None] * 0.7 * ageing + own + noise
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    return World(templates.astype(np.float32), numbers.astype(np.int64), flat)
