"""Promises about the order of the queue: it can be explained, and tells nothing that is hidden."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.settings import Settings
from app.reviews.priority import Facts, ReasonKind, priority

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
USUAL = Settings()
PLAIN = Facts(
    danger_now=False,
    age_years=9.0,
    seen_at=NOW - timedelta(days=1),
    tips=1,
    places=1,
    waits_since=NOW - timedelta(hours=6),
)

moments = st.floats(-3, 4_000).map(lambda days: NOW - timedelta(days=days))
some_facts = st.builds(
    Facts,
    danger_now=st.booleans(),
    age_years=st.none() | st.floats(0, 90),
    seen_at=moments,
    tips=st.integers(1, 5_000),
    places=st.integers(1, 300),
    waits_since=moments,
)
weights = st.floats(0, 1_000)
some_settings = st.builds(
    Settings,
    priority_danger=weights,
    priority_age=weights,
    priority_freshness=weights,
    priority_corroboration=weights,
    priority_waiting=weights,
)


def points(facts: Facts, kind: ReasonKind) -> int:
    """What a reason gives with the usual settings."""
    return sum(reason.points for reason in priority(facts, USUAL, NOW).reasons if reason.kind == kind)


def test_the_usual_reasons_are_given_with_their_points() -> None:
    """An officer can add up why an item stands where it stands."""
    facts = replace(PLAIN, danger_now=True, tips=3, places=2)

    found = priority(facts, USUAL, NOW)

    assert [(reason.kind, reason.points, reason.number, reason.places) for reason in found.reasons] == [
        (ReasonKind.DANGER, 40, 0, 0),
        (ReasonKind.FRESHNESS, 12, 1, 0),
        (ReasonKind.CORROBORATION, 9, 3, 2),
        (ReasonKind.AGE, 8, 9, 0),
        (ReasonKind.WAITING, 1, 6, 0),
    ]
    assert found.total == 70


@given(some_facts, some_settings)
@settings(deadline=None)
def test_the_total_is_the_sum_of_what_is_shown(facts: Facts, weighed: Settings) -> None:
    """Nothing counts that is not said, nothing is said twice, and no reason gives more than its weight."""
    most = {
        ReasonKind.DANGER: weighed.priority_danger,
        ReasonKind.AGE: weighed.priority_age,
        ReasonKind.AGE_UNKNOWN: weighed.priority_age,
        ReasonKind.FRESHNESS: weighed.priority_freshness,
        ReasonKind.CORROBORATION: weighed.priority_corroboration,
        ReasonKind.WAITING: weighed.priority_waiting,
    }

    found = priority(facts, weighed, NOW)

    assert found.total == sum(reason.points for reason in found.reasons)
    assert len({reason.kind for reason in found.reasons}) == len(found.reasons)
    assert all(0 < reason.points <= most[reason.kind] + 0.5 for reason in found.reasons)


@given(some_facts, st.floats(0, 400))
@settings(deadline=None)
def test_the_older_of_two_equal_tips_never_comes_last_by_more_than_rounding(
    facts: Facts, days: float
) -> None:
    """Freshness does not let a tip grow old at the end of the queue: waiting makes up for it."""
    young = replace(facts, seen_at=NOW, waits_since=NOW)
    old = replace(facts, seen_at=NOW - timedelta(days=days), waits_since=NOW - timedelta(days=days))

    assert priority(old, USUAL, NOW).total >= priority(young, USUAL, NOW).total - 1


@pytest.mark.parametrize(
    ("better", "kind"),
    [
        ({"danger_now": True}, ReasonKind.DANGER),
        ({"age_years": 2.0}, ReasonKind.AGE),
        ({"seen_at": NOW}, ReasonKind.FRESHNESS),
        ({"seen_at": NOW + timedelta(hours=1)}, ReasonKind.FRESHNESS),
        ({"tips": 2}, ReasonKind.CORROBORATION),
        ({"tips": 2, "places": 2}, ReasonKind.CORROBORATION),
        ({"waits_since": NOW - timedelta(days=4)}, ReasonKind.WAITING),
    ],
)
def test_each_reason_brings_a_candidate_forward(better: dict[str, object], kind: ReasonKind) -> None:
    """Danger, a young child, a fresh sighting, more tips or places, a longer wait."""
    assert points(replace(PLAIN, **better), kind) > points(PLAIN, kind)  # type: ignore[arg-type]


def test_an_unknown_age_is_neither_the_youngest_nor_the_oldest() -> None:
    """A record without a birth date does not fall behind."""
    unknown = points(replace(PLAIN, age_years=None), ReasonKind.AGE_UNKNOWN)

    youngest, grown_up = (points(replace(PLAIN, age_years=age), ReasonKind.AGE) for age in (0.0, 18.0))
    assert grown_up == 0 < unknown < youngest


def test_a_weight_of_nought_takes_a_reason_out() -> None:
    """What an operator does not want to count is not named either."""
    found = priority(replace(PLAIN, danger_now=True), Settings(priority_danger=0), NOW)

    assert ReasonKind.DANGER not in {reason.kind for reason in found.reasons}


def test_nothing_of_the_search_or_of_colleagues_is_asked() -> None:
    """Score, rank, support and decisions cannot be read from the points: they do not go in."""
    assert {field.name for field in fields(Facts)} == {
        "danger_now",
        "age_years",
        "seen_at",
        "tips",
        "places",
        "waits_since",
    }
