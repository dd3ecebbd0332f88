"""Fitting a calibration to labelled comparisons, and measuring it on people it has not seen."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from matching.adaptation import Adaptation
from matching.calibration.fitted import KNOT_SHARES, LEVELS, PIECES, SLOPES, FittedModel, design
from matching.calibration.measures import cllr, min_cllr
from matching.calibration.model import Calibration
from matching.calibration.pairs import Pairs
from matching.calibration.provenance import Counts, Figures, Provenance
from matching.error_model import AgeBand, ErrorModel, age_band
from matching.false_match import ScoreKind, fitted_errors, for_all_bands

ENSEMBLE: Final = 100
"""Fits to people drawn with replacement; their 2.5 and 97.5 % points are the interval."""

FEWEST_PEOPLE: Final = 30
"""Persons with a mated pair below which nothing is fitted: the interval would be wider than the default's."""

FOLDS: Final = 5

_RIDGE: Final = 0.1
"""Penalty on coefficients of ages, gaps and pieces, in mated comparisons: without data they stay 0, and the
curve is that of all ages together."""

_GAP_NAMES: Final = ((2.5, "0-2"), (5.5, "3-5"), (10.5, "6-10"), (math.inf, ">10"))

Column = NDArray[np.float64]


class TooFewPeople(ValueError):
    """The labelled pictures show too few persons, or too few of them twice."""


def fit(
    scores: Column,
    mated: NDArray[np.bool_],
    younger_age: Column,
    gap: Column,
    person_one: NDArray[np.int64],
    person_other: NDArray[np.int64],
    *,
    encoder: str,
    version: str,
    kind: ScoreKind,
    source: str,
    manifest_sha256: str = "",
    command: str = "",
    made_at: str = "",
    synthetic: bool = False,
    adaptation: Adaptation | None = None,
    ensemble: int = ENSEMBLE,
) -> Calibration:
    """Fit a calibration.

    Args:
        scores: (n,) of one kind and one encoder.
        mated: (n,) whether both sides are one person.
        younger_age: (n,) years, the lower of the two ages.
        gap: (n,) years between the two.
        person_one: (n,) number of the person on one side.
        person_other: (n,) the same of the other side.
        encoder: its name.
        version: its version.
        kind: which score this is.
        source: the data in words.
        manifest_sha256: of the list of pictures.
        command: what was run.
        made_at: ISO 8601.
        synthetic: whether the people do not exist.
        adaptation: what the templates were changed by before they were compared.
        ensemble: fits that the interval is taken from.

    Returns:
        The calibration, with its figures on held-out people.

    Raises:
        TooFewPeople: fewer than `FEWEST_PEOPLE` persons have two pictures.
        ValueError: the columns contradict each other.
    """
    pairs = Pairs(scores, mated, younger_age, gap, *_numbered(person_one, person_other))
    people = _people(pairs)
    if people < FEWEST_PEOPLE:
        raise TooFewPeople(f"{FEWEST_PEOPLE} persons with two pictures are needed, not {people}")
    lowest, highest = supported(pairs)
    provenance = Provenance(
        source, manifest_sha256, command, made_at, synthetic, people, _counts(pairs), _held_out(pairs)
    )
    return Calibration(
        encoder,
        version,
        kind,
        fit_model(pairs, ensemble),
        lowest=lowest,
        highest=highest,
        provenance=provenance,
        false_matches=_false_matches(pairs),
        adaptation=adaptation,
    )


def supported(pairs: Pairs) -> tuple[float, float]:
    """The smallest and the largest log10 likelihood ratio that comparisons support.

    No ratio is larger than the number of people, or of pairs of people, that could have contradicted it.
    """
    strangers = np.column_stack([pairs.one, pairs.other])[~pairs.mated]
    pairs_of_people = np.unique(np.sort(strangers, axis=1), axis=0)
    return -math.log10(_people(pairs) + 1), math.log10(len(pairs_of_people) + 1)


def fit_model(pairs: Pairs, ensemble: int) -> FittedModel:
    """Fit the point, and an ensemble on people drawn with replacement."""
    weights = pairs.weights()
    used = pairs[weights > 0]
    weights = weights[weights > 0]
    centre = float(np.average(used.scores, weights=weights))
    scale = float(np.sqrt(np.average((used.scores - centre) ** 2, weights=weights))) or 1.0
    standard = (used.scores - centre) / scale
    knots = tuple(_quantiles(standard, weights, np.array(KNOT_SHARES)).tolist())
    features = design(standard, used.younger, used.gap, knots)
    ridge = _RIDGE / max(int(used.mated.sum()), 1)
    point = _minimised(features, used.mated, weights, ridge, None)
    rows = [point]
    draw = np.random.default_rng(0)
    persons = int(max(pairs.one.max(), pairs.other.max())) + 1
    for _ in range(ensemble):
        drawn = draw.multinomial(persons, np.full(persons, 1 / persons)).astype(np.float64)
        rows.append(_minimised(features, used.mated, used.weights(drawn), ridge, point))
    return FittedModel(
        centre,
        scale,
        knots,
        np.array(rows),
        float(used.younger.min()),
        float(used.younger.max()),
        float(used.gap.max()),
    )


def _minimised(
    features: NDArray[np.float64],
    mated: NDArray[np.bool_],
    weights: Column,
    ridge: float,
    start: Column | None,
) -> Column:
    """Coefficients with the least weighted logarithmic loss; slopes are never negative."""
    signs = np.where(mated, 1.0, -1.0)
    # The level and the slope of all ages together are free; what departs from them is penalised.
    penalty = np.full(LEVELS + SLOPES, ridge)
    penalty[[0, *range(LEVELS, LEVELS + PIECES)]] = ridge / 100

    def loss(coefficients: Column) -> tuple[float, Column]:
        margins = signs * (features @ coefficients)
        pull = -signs * weights * np.exp(-np.logaddexp(0, margins))
        value = float(weights @ np.logaddexp(0, -margins) + 0.5 * penalty @ coefficients**2)
        return value, features.T @ pull + penalty * coefficients

    if start is None:
        start = np.zeros(LEVELS + SLOPES)
        start[LEVELS : LEVELS + PIECES] = 1.0
    bounds = [(None, None)] * LEVELS + [(0.0, None)] * SLOPES
    found: Column = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300, "ftol": 1e-9}
    ).x
    return found


def _held_out(pairs: Pairs) -> tuple[Figures, ...]:
    """Cross-validation over people: each fold's comparisons are among people the fit has not seen."""
    persons = int(max(pairs.one.max(), pairs.other.max())) + 1
    fold = np.random.default_rng(1).permutation(persons) % FOLDS
    found: list[tuple[Column, Pairs]] = []
    for number in range(FOLDS):
        inside = (fold[pairs.one] == number) & (fold[pairs.other] == number)
        outside = (fold[pairs.one] != number) & (fold[pairs.other] != number)
        test, train = pairs[inside], pairs[outside]
        if test.mated.any() and not test.mated.all() and train.mated.any():
            model = fit_model(train, 0)
            ratios = model.ratios(test.scores, test.younger, test.gap)[:, 0]
            found.append((np.clip(ratios, *supported(train)), test))
    if not found:
        return ()
    ratios = np.concatenate([each for each, _ in found])
    mated = np.concatenate([test.mated for _, test in found])
    younger = np.concatenate([test.younger for _, test in found])
    bands = np.array([_band_name(age) for age in younger])
    figures = []
    for name in ("all", *(band.value for band in AgeBand)):
        rows = np.full(len(ratios), fill_value=True) if name == "all" else bands == name
        if mated[rows].any() and not mated[rows].all():
            own, cost = ratios[rows], mated[rows]
            figures.append(
                Figures(
                    name,
                    int(cost.sum()),
                    int((~cost).sum()),
                    cllr(own, cost),
                    min_cllr(own, cost),
                )
            )
    return tuple(figures)


def _false_matches(pairs: Pairs) -> Mapping[AgeBand, ErrorModel] | None:
    """False-match rates by the younger age's band; None if no band has enough comparisons."""
    strangers = pairs[~pairs.mated]
    bands = np.array([_band_name(age) for age in strangers.younger])
    fitted = {band: fitted_errors(strangers.scores[bands == band.value]) for band in AgeBand}
    measured = {band: found[0] for band, found in fitted.items() if found is not None}
    return for_all_bands(measured) if measured else None


def _counts(pairs: Pairs) -> tuple[Counts, ...]:
    """Pairs by age band and by gap."""
    bands = np.array([_band_name(age) for age in pairs.younger])
    gaps = np.array([next(name for end, name in _GAP_NAMES if years < end) for years in pairs.gap])
    found = []
    for kind, names, of_pair in (
        ("age", [band.value for band in AgeBand], bands),
        ("gap", [name for _, name in _GAP_NAMES], gaps),
    ):
        for name in names:
            part = pairs[of_pair == name]
            if len(part):
                own = int(part.mated.sum())
                found.append(Counts(f"{kind} {name}", _people(part), own, len(part) - own))
    return tuple(found)


def _people(pairs: Pairs) -> int:
    return int(np.unique(pairs.one[pairs.mated]).size)


def _band_name(age: float) -> str:
    band = age_band(float(age))
    return "" if band is None else band.value


def _numbered(
    one: NDArray[np.int64], other: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Persons' numbers without holes, from 0."""
    _, numbers = np.unique(np.concatenate([one, other]), return_inverse=True)
    return numbers[: len(one)].astype(np.int64), numbers[len(one) :].astype(np.int64)


def _quantiles(values: Column, weights: Column, shares: Column) -> Column:
    order = np.argsort(values, kind="stable")
    heights = np.cumsum(weights[order]) / weights.sum()
    at: Column = values[order][np.minimum(np.searchsorted(heights, shares), len(values) - 1)]
    return at
