"""Everything that is measured of one engine, as plain values that JSON can hold."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matching.calibration.measures import reliability
from matching.evaluate.calibrated import LikelihoodRatios, held_out, shipped
from matching.evaluate.enrolment import Enrolled
from matching.evaluate.identification import (
    RANKS,
    Search,
    at_operating_point,
    distractors_like,
    false_at_default,
    leave_one_out,
    likeness_of_strangers,
    ranks,
    search_of,
)
from matching.evaluate.parts import Part, by_age_band, by_gap
from matching.evaluate.scoring import decision_scores, rank_scores
from matching.evaluate.verification import (
    RATES,
    RULE_OF_THREE,
    SUPPORTED,
    Comparisons,
    Interval,
    accept_rates,
    draws,
)

Flags = NDArray[np.bool_]
Numbers = NDArray[np.intp]
Floats = NDArray[np.float32]
Figures = dict[str, Any]

_NO_PICTURES: Final = Interval(None, None, None, "no such pictures")


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who is on the pictures; a row for each."""

    person: Numbers
    age: Floats
    is_record: NDArray[np.float64]

    def rows(self, chosen: Flags) -> "People":
        """Some of the pictures."""
        return People(self.person[chosen], self.age[chosen], self.is_record[chosen])


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly to measure."""

    resamples: int = 200
    seed: int = 0
    distractors: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """An engine's figures, and the resampled rates that ratios of engines are made of."""

    figures: Figures
    resampled: dict[str, NDArray[np.float64]]
    mated_people: int
    """Persons with a mated pair."""


class Measuring:
    """One engine on the pictures in which every engine found the face."""

    def __init__(self, enrolled: Enrolled, everyone: People, together: Flags, plan: Plan) -> None:
        self._all, self._everyone, self._plan = enrolled, everyone, plan
        self._people = everyone.rows(together)
        self._own = enrolled.rows(together)
        # What normalises scores is everything that the engine has enrolled, as in a deployment.
        people = everyone.rows(enrolled.found)
        self._all_scores, self._words = decision_scores(
            enrolled.rows(enrolled.found), people.person, people.age
        )
        inside = together[enrolled.found]
        self._scores = self._all_scores[np.ix_(inside, inside)]

    def run(self) -> Measured:
        """Measure."""
        people, own, scores = self._people, self._own, self._scores
        held = held_out(scores, people.person, people.age)
        search = search_of(people.person, people.age, people.is_record)
        rows = search.gallery
        made = distractors_like(
            own.templates[rows], people.age[rows], self._plan.distractors, self._plan.seed
        )
        placed = ranks(own, people.person, search, made[0])
        comparisons = Comparisons.of(scores, people.person)
        rates, resampled = accept_rates(comparisons, people.person, self._plan.resamples, self._plan.seed)
        raw = rank_scores(own, own.templates, own.templates)
        several = np.bincount(people.person)[people.person] > 1
        nearest = leave_one_out(raw, people.person)[several]
        cited = None if own.is_baseline else shipped(own.encoder, raw, people.person, people.age)
        at = {name: comparisons.threshold(rate) for name, rate in RATES.items()}

        def parts(of: Iterable[Part]) -> Figures:
            return {part.name: self._part(held, part, (search, placed), at) for part in of}

        figures = {
            "version": own.version,
            "score": self._words,
            **_verification(comparisons, rates),
            **self._costs(held, None),
            "cllr_shipped": self._costs(cited, None, "it has no shipped calibration")["cllr"],
            "rank": self._ranks(placed, people.person[search.probes]),
            "rank_leave_one_out": self._share(nearest, people.person[several]),
            "failure_to_enrol": self._share(~self._all.found, self._everyone.person),
            "cpu_ms_per_photo": _milliseconds(self._all.milliseconds),
            "by_age_band": parts(by_age_band(people.age, people.person, search, held)),
            "by_gap": parts(by_gap(people.age, people.person, search, held)),
            "all_pictures": self._over_all(made[0]),
            "operating_point": self._operating_point(search, made),
            **_curves(comparisons, held, placed),
        }
        if self._plan.distractors:
            figures["distractors"] = likeness_of_strangers(own, people.person, search, made[0])
        return Measured(figures, resampled, comparisons.mated_people)

    def _part(
        self,
        held: LikelihoodRatios | None,
        part: Part,
        found: tuple[Search, Numbers],
        at: dict[str, float],
    ) -> Figures:
        """The figures of a part, with thresholds of its own and with those of all pairs."""
        people, (search, placed) = self._people, found
        comparisons = Comparisons.of(self._scores, people.person, part.pairs)
        rates, _ = accept_rates(comparisons, people.person, self._plan.resamples, self._plan.seed, at)
        return {
            **_verification(comparisons, rates),
            "at_global_threshold": {
                name: {"tar": asdict(rates[f"tar {name}"]), "fmr": asdict(rates[f"fmr {name}"])}
                for name in at
            },
            **self._costs(held, part.ratios),
            "rank": self._ranks(placed[part.probes], people.person[search.probes][part.probes]),
            "cpu_ms_per_photo": _milliseconds(self._own.milliseconds[part.pairs.any(axis=1)]),
        }

    def _over_all(self, distractors: Floats) -> Figures:
        """The figures over all pictures: one whose face was not found is never accepted and never ranked."""
        found, people = self._all.found, self._everyone
        own, those = self._all.rows(found), people.rows(found)
        comparisons = Comparisons.of(self._all_scores, those.person)
        comparisons = comparisons.with_misses(_uncompared(people.person, found))
        rates, _ = accept_rates(comparisons, people.person, self._plan.resamples, self._plan.seed)
        search = search_of(people.person, people.age, people.is_record)
        gallery = search.gallery[found[search.gallery]]
        able = found[search.probes] & np.isin(people.person[search.probes], people.person[gallery])
        placed = np.full(len(search.probes), np.iinfo(np.intp).max)
        placed[able] = ranks(self._all, people.person, Search(gallery, search.probes[able]), distractors)
        nearest = np.zeros(len(found), bool)
        nearest[found] = leave_one_out(rank_scores(own, own.templates, own.templates), those.person)
        several = np.bincount(people.person)[people.person] > 1
        return {
            **_verification(comparisons, rates),
            "rank": self._ranks(placed, people.person[search.probes]),
            "rank_leave_one_out": self._share(nearest[several], people.person[several]),
        }

    def _costs(
        self,
        held: LikelihoodRatios | None,
        rows: Flags | None,
        without: str = "too few people to calibrate on",
    ) -> Figures:
        if held is None:
            nothing = asdict(Interval(None, None, None, without))
            return {"cllr": nothing, "min_cllr": nothing}
        chosen = np.ones(len(held.ratios), bool) if rows is None else rows
        costs = held.cost(chosen, self._people.person, self._plan.resamples, self._plan.seed)
        return {name: asdict(cost) for name, cost in costs.items()}

    def _ranks(self, placed: Numbers, of: Numbers) -> Figures:
        return {str(rank): self._share(placed <= rank, of) for rank in RANKS}

    def _share(self, flags: Flags, of: Numbers) -> Figures:
        """A share with its interval over people."""
        if not len(flags):
            return {**asdict(_NO_PICTURES), "of": 0}
        drawn = self._means(flags.astype(float), of)
        return {
            **asdict(Interval.share(float(flags.mean()), drawn, len(np.unique(of)))),
            "of": len(flags),
        }

    def _mean(self, values: NDArray[np.float64], of: Numbers) -> Interval:
        """A mean over probes with its interval over people."""
        if not len(values):
            return _NO_PICTURES
        if not values.any():
            return Interval.share(0.0, self._means(values, of), len(np.unique(of)))
        return Interval.of(float(values.mean()), self._means(values, of))

    def _means(self, values: NDArray[np.float64], of: Numbers) -> NDArray[np.float64]:
        drawn = []
        for draw in draws(self._everyone.person, self._plan.resamples, self._plan.seed):
            weights = draw[of]
            drawn.append(float((values * weights).sum() / weights.sum()) if weights.sum() else float("nan"))
        return np.array(drawn)

    def _operating_point(self, search: Search, made: tuple[Floats, Floats]) -> Figures:
        """Wrong candidates a probe and the recall left, as the service would search."""
        people = self._people
        of = people.person[search.probes]
        size = len(np.unique(people.person[search.gallery])) + len(made[0])
        if self._own.is_baseline:
            wrong, right = false_at_default(self._own, people.person, search, made[0])
            return {
                "records": size,
                "rule": "distance at most 0.6",
                "false_per_probe": asdict(self._mean(wrong, of)),
                "recall": self._share(right, of),
            }
        found = at_operating_point(self._own, people.person, people.age, search, made)
        by_gaps = {
            part.name: {
                "recall_first": self._share(found.right_first[part.probes], of[part.probes]),
                "recall": self._share(found.right_all[part.probes], of[part.probes]),
            }
            for part in by_gap(people.age, people.person, search, None)
        }
        return {
            "records": size,
            "rule": "the service's default",
            "announced_false_first": found.expected_first,
            "false_per_probe_first": asdict(self._mean(found.false_first, of)),
            "false_per_probe": asdict(self._mean(found.false_all, of)),
            "recall_first": self._share(found.right_first, of),
            "recall": self._share(found.right_all, of),
            "by_gap": by_gaps,
        }


def fnmr_ratio(one: Measured, peer: Measured, rate: str = "1e-3") -> Interval:
    """False non-match rate of an engine over that of another, the same people drawn for both."""
    mine, theirs = (each.figures["tar_at_fmr"][rate]["value"] for each in (one, peer))
    if mine is None or theirs is None:
        return Interval(None, None, None, "too few comparisons")
    if theirs == 1:
        return Interval(None, None, None, "the first engine missed no pair")
    missed = 1 - peer.resampled[rate]
    drawn = np.divide(1 - one.resampled[rate], missed, out=np.full(len(missed), np.nan), where=missed > 0)
    found = Interval.of((1 - mine) / (1 - theirs), drawn)
    if found.value == 0:
        end = RULE_OF_THREE / max(one.mated_people, 1) / (1 - theirs)
        return replace(found, high=max(found.high or 0.0, end))
    return found


def _verification(comparisons: Comparisons, rates: dict[str, Interval]) -> Figures:
    return {
        "tar_at_fmr": {
            name: {
                **asdict(rates[name]),
                "supported": len(comparisons.others) * rate >= SUPPORTED,
                "threshold": comparisons.threshold(rate) if len(comparisons.others) else None,
            }
            for name, rate in RATES.items()
        },
        "eer": asdict(rates["eer"]),
        "auc": comparisons.auc,
        "mated": len(comparisons.mated),
        "non_mated": len(comparisons.others),
    }


def _curves(comparisons: Comparisons, held: LikelihoodRatios | None, placed: Numbers) -> Figures:
    """What plots are made of."""
    matches, misses = comparisons.curve()
    return {
        "curve": {"fmr": matches, "fnmr": misses},
        "histogram": comparisons.histogram(),
        "cmc": [float((placed <= rank).mean()) for rank in range(1, RANKS[-1] + 1)] if len(placed) else [],
        "tippett": None if held is None else held.tippett(),
        "reliability": []
        if held is None
        else [asdict(each) for each in reliability(held.ratios, held.mated)],
    }


def _uncompared(people: Numbers, found: Flags) -> Numbers:
    """The person of each mated pair of which one side, or both, could not be encoded."""
    all_of, found_of = (np.bincount(rows, minlength=people.max() + 1) for rows in (people, people[found]))
    missing = (all_of * (all_of - 1) - found_of * (found_of - 1)) // 2
    return np.repeat(np.arange(len(missing)), missing)


def _milliseconds(costs: NDArray[np.float64]) -> Figures:
    """Median, with the quartiles as low and high: machines are shared."""
    if not len(costs):
        return asdict(_NO_PICTURES)
    low, middle, high = np.quantile(costs, [0.25, 0.5, 0.75])
    return {"value": float(middle), "low": float(low), "high": float(high), "reason": ""}
