"""Why one candidate comes before another in the queue: points that add up, each with its reason in words.

How strongly the search supports a candidate gives no points, and neither do the decisions on it. Whoever
could read the order back to a score would follow the machine, and whoever could tell a second review from a
first would wonder what the first one said. The only thing the order tells of the search is the split into
short list and "more", which every reviewer sees anyway; `queue.py` applies it before any points.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.settings import Settings

GROWN_UP_YEARS = 18.0
"""From this age at the sighting on, age gives no points."""
HALF_DAYS = 3.0
"""Days after which half of the freshness is gone, and half of the points for waiting are reached.

One number for both: while waiting weighs no less than freshness, the older of two equal tips comes first."""
SECONDS_IN_DAY = 86_400.0
UNKNOWN_AGE = 0.5
"""Share of the points for age where the record does not tell it: neither last nor first because of that."""


class ReasonKind(StrEnum):
    """What points are given for."""

    DANGER = "danger"  # The sender says that the child is in danger now.
    AGE = "age"  # How young the record's child was at the sighting.
    AGE_UNKNOWN = "age_unknown"  # The record does not tell.
    FRESHNESS = "freshness"  # How lately the child was seen.
    CORROBORATION = "corroboration"  # Other tips show the same picture, perhaps from other places.
    WAITING = "waiting"  # How long the candidate has waited.


@dataclass(frozen=True)
class Facts:
    """What the points are given for; nothing of the search and of colleagues is among it.

    Attributes:
        danger_now: whether the sender said so.
        age_years: age of the record's child at the sighting; None if the record does not tell.
        seen_at: when the child was seen, or else when the tip came in.
        tips: tips with the same picture, this one counted.
        places: areas that those tips name, at least 1.
        waits_since: when the search that brought it up was made; one moment for all candidates of a list.
    """

    danger_now: bool
    age_years: float | None
    seen_at: datetime
    tips: int
    places: int
    waits_since: datetime


@dataclass(frozen=True)
class Reason:
    """One reason for a place in the queue.

    Attributes:
        kind: what for.
        points: whole points, at least 1.
        number: whole years of the age, days since the sighting, tips, or hours waited.
        places: for corroboration: areas that the tips name.
    """

    kind: ReasonKind
    points: int
    number: int = 0
    places: int = 0


@dataclass(frozen=True)
class Priority:
    """A place in the queue, explained: the total is the sum of the reasons' points and nothing else."""

    total: int
    reasons: tuple[Reason, ...]


def priority(facts: Facts, settings: Settings, moment: datetime) -> Priority:
    """How urgently a candidate is to be looked at, and why.

    Args:
        facts: what is known of the tip and the record's child.
        settings: the most points that each reason gives: `priority_*`.
        moment: now.

    Returns:
        The points with their reasons, the weightiest first; reasons that give no point are left out.
    """
    days = max((moment - facts.seen_at).total_seconds() / SECONDS_IN_DAY, 0.0)
    waited = max((moment - facts.waits_since).total_seconds() / SECONDS_IN_DAY, 0.0)
    reasons = [
        Reason(ReasonKind.DANGER, _points(settings.priority_danger, float(facts.danger_now))),
        _age(facts.age_years, settings.priority_age),
        Reason(ReasonKind.FRESHNESS, _points(settings.priority_freshness, _left(days)), int(days)),
        Reason(
            ReasonKind.CORROBORATION,
            _points(settings.priority_corroboration, 1 - 0.5 ** (facts.tips + facts.places - 2)),
            facts.tips,
            facts.places,
        ),
        Reason(ReasonKind.WAITING, _points(settings.priority_waiting, 1 - _left(waited)), int(waited * 24)),
    ]
    reasons.sort(key=lambda reason: -reason.points)
    given = tuple(reason for reason in reasons if reason.points)
    return Priority(sum(reason.points for reason in given), given)


def _age(years: float | None, weight: float) -> Reason:
    if years is None:
        return Reason(ReasonKind.AGE_UNKNOWN, _points(weight, UNKNOWN_AGE))
    return Reason(ReasonKind.AGE, _points(weight, max(1 - years / GROWN_UP_YEARS, 0.0)), int(years))


def _left(days: float) -> float:
    return float(0.5 ** (days / HALF_DAYS))


def _points(weight: float, share: float) -> int:
    """Whole points: finer ones would order candidates that nobody could tell apart."""
    return int(weight * share + 0.5)
