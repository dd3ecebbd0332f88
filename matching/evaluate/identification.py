"""Finding the right record among many: ranks, distractors, and what the default operating point brings up."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.evaluate.enrolment import Enrolled
from matching.evaluate.scoring import rank_scores
from matching.policy import Rules
from matching.ranking import Gallery

RANKS: Final = (1, 5, 20)
PACKAGE_TOLERANCE: Final = 0.6
"""L2 distance up to which face_recognition's `compare_faces` says two faces are one person."""
_OF_ONE_AGE: Final = 24
"""Templates, at least, that the mean of an age is taken over."""
_DRAWN_AT_A_TIME: Final = 4096
_AT_A_TIME: Final = 64
_CHECKED: Final = 5_000
"""Distractors that are compared with strangers, to see how well they stand for them."""

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A gallery and the probes that are searched in it, as rows of the enrolled templates."""

    gallery: Numbers
    probes: Numbers


def search_of(people: Numbers, ages: Floats, is_record: NDArray[np.float64]) -> Search:
    """Choose gallery and probes.

    What the data call records is the gallery. Where they do not say, the youngest picture of each person with
    several is (the first where ages are unknown), and the others are the probes.

    Args:
        people: (n,) numbers of persons.
        ages: (n,) years or NaN.
        is_record: (n,) 1, 0 or NaN where the data do not say.
    """
    if np.isfinite(is_record).all() and is_record.any():
        gallery = np.flatnonzero(is_record == 1)
        probes = np.flatnonzero((is_record == 0) & np.isin(people, people[gallery]))
        return Search(gallery, probes)
    order = np.lexsort((np.arange(len(people)), np.nan_to_num(ages, nan=0.0), people))
    firsts = order[np.concatenate([[True], people[order][1:] != people[order][:-1]])]
    return Search(np.sort(firsts), np.setdiff1d(np.arange(len(people)), firsts))


def ranks(enrolled: Enrolled, people: Numbers, search: Search, distractors: Floats) -> Numbers:
    """The rank of each probe's person, best over the person's records, ties counted against it; (p,)."""
    templates = enrolled.templates
    order = search.gallery[np.argsort(people[search.gallery], kind="stable")]
    starts = np.flatnonzero(np.concatenate([[True], people[order][1:] != people[order][:-1]]))
    persons = people[order][starts]
    found = np.empty(len(search.probes), np.intp)
    for start in range(0, len(search.probes), _AT_A_TIME):
        rows = search.probes[start : start + _AT_A_TIME]
        best = np.maximum.reduceat(rank_scores(enrolled, templates[rows], templates[order]), starts, axis=1)
        own = best[np.arange(len(rows)), np.searchsorted(persons, people[rows])]
        better = (best >= own[:, None]).sum(1) - 1
        if len(distractors):
            better += (rank_scores(enrolled, templates[rows], distractors) >= own[:, None]).sum(1)
        found[start : start + len(rows)] = better + 1
    return found


def leave_one_out(scores: Floats, people: Numbers) -> NDArray[np.bool_]:
    """Whether each picture's most similar other picture is of the same person; (n,)."""
    without_self = scores.copy()
    np.fill_diagonal(without_self, -np.inf)
    return np.asarray(people[without_self.argmax(1)] == people, np.bool_)


def distractors_like(templates: Floats, ages: Floats, count: int, seed: int) -> tuple[Floats, Floats]:
    """Templates of people who do not exist, as spread and as dense as those that do.

    Each is drawn from a normal distribution: around the mean template of its age, with the covariance that
    all templates have around the means of theirs, as wide as it is at that age. It is thus a mix of everybody
    with small weights and resembles nobody more than a stranger does.

    Args:
        templates: (n, d) float32, of the gallery.
        ages: (n,) years or NaN.
        count: how many.
        seed: of the drawing.

    Returns:
        (count, d) templates, at the length of their kind, and (count,) ages, drawn from the gallery's.
    """
    random = np.random.default_rng(seed)
    order = np.argsort(np.nan_to_num(ages, nan=-1.0), kind="stable")
    known = templates[order].astype(np.float64)
    wide = min(len(order), max(_OF_ONE_AGE, len(order) // 8))
    starts = np.clip(np.arange(len(order)) - wide // 2, 0, len(order) - wide)

    def around(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the rows of about the same age, for each row."""
        sums = np.concatenate([np.zeros((1, rows.shape[1])), rows.cumsum(0)])
        return np.asarray((sums[starts + wide] - sums[starts]) / wide, np.float64)

    means = around(known)
    residuals = known - means
    squares = (residuals**2).sum(1, keepdims=True)
    widths = np.sqrt(around(squares) / squares.mean())
    rows = random.integers(0, len(order), count)
    made = np.empty((count, templates.shape[1]), np.float32)
    for start in range(0, count, _DRAWN_AT_A_TIME):
        part = rows[start : start + _DRAWN_AT_A_TIME]
        weights = random.normal(size=(len(part), len(order))) / np.sqrt(len(order))
        drawn = means[part] + widths[part] * (weights @ residuals)
        lengths = np.linalg.norm(known[part], axis=1) / np.linalg.norm(drawn, axis=1)
        made[start : start + len(part)] = drawn * lengths[:, None]
    return made, ages[order][rows]


def likeness_of_strangers(
    enrolled: Enrolled, people: Numbers, search: Search, distractors: Floats
) -> dict[str, dict[str, float]]:
    """How like probes are to records of other people, and to distractors: comparison scores at some shares.

    Distractors stand for strangers as well as the two columns agree.
    """
    templates, rows = enrolled.templates, search.gallery
    real, made = [], []
    for start in range(0, len(search.probes), _AT_A_TIME):
        probes = search.probes[start : start + _AT_A_TIME]
        others = people[probes][:, None] != people[rows]
        real.append(rank_scores(enrolled, templates[probes], templates[rows])[others])
        # A part of the distractors says as much as all of them.
        made.append(rank_scores(enrolled, templates[probes], distractors[:_CHECKED]).ravel())
    strangers, mixes = np.concatenate(real), np.concatenate(made)
    return {
        f"{share:g}": {
            "strangers": float(np.quantile(strangers, share)),
            "distractors": float(np.quantile(mixes, share)),
        }
        for share in (0.5, 0.9, 0.99, 0.999)
    }


@dataclass(frozen=True, slots=True, eq=False)
class AtOperatingPoint:
    """What the service's own rules bring up."""

    false_first: NDArray[np.float64]
    """(p,) wrong candidates shown first."""
    false_all: NDArray[np.float64]
    """(p,) wrong candidates in the whole list."""
    right_first: NDArray[np.bool_]
    """(p,) whether the right record is shown first."""
    right_all: NDArray[np.bool_]
    """(p,) whether it is in the list at all."""
    expected_first: float
    """Wrong candidates shown first that the rules announce."""
    expected_all: float


def at_operating_point(
    enrolled: Enrolled, people: Numbers, ages: Floats, search: Search, distractors: tuple[Floats, Floats]
) -> AtOperatingPoint:
    """Search every probe by the default rules."""
    count = int(people.max()) + 1
    rows = search.gallery
    gallery = Gallery(
        np.concatenate([enrolled.templates[rows], distractors[0]]),
        np.concatenate([people[rows], count + np.arange(len(distractors[0]))]).astype(np.int64),
        np.concatenate([ages[rows], distractors[1]]).astype(np.float32),
    )
    rules = Rules.of(enrolled.encoder, gallery)
    first, whole, right, right_first = [], [], [], []
    for probe in search.probes:
        found = rules.search(enrolled.templates[probe])
        wrong = [candidate.first for candidate in found.candidates if candidate.record != people[probe]]
        own = [candidate.first for candidate in found.candidates if candidate.record == people[probe]]
        first.append(sum(wrong))
        whole.append(len(wrong))
        right.append(bool(own))
        right_first.append(any(own))
    return AtOperatingPoint(
        np.array(first, float),
        np.array(whole, float),
        np.array(right_first),
        np.array(right),
        rules.expected_false_first,
        rules.expected_false,
    )


def false_at_default(
    enrolled: Enrolled, people: Numbers, search: Search, distractors: Floats
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What the package's own tolerance of 0.6 brings up.

    Returns:
        (p,) wrong records within it, and (p,) whether the right one is.
    """
    templates, rows = enrolled.templates, search.gallery
    wrong, right = [], []
    for probe in search.probes:
        near = rank_scores(enrolled, templates[[probe]], templates[rows])[0] >= 1 - PACKAGE_TOLERANCE
        found = np.unique(people[rows][near])
        far = rank_scores(enrolled, templates[[probe]], distractors)[0] if len(distractors) else np.empty(0)
        own = people[probe] in found
        wrong.append(len(found) - own + int((far >= 1 - PACKAGE_TOLERANCE).sum()))
        right.append(own)
    return np.array(wrong, float), np.array(right)
