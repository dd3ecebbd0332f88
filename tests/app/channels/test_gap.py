"""Promises about time: while a tip is set aside no clock runs, and undone, a voiding leaves no trace."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import time_machine
from hypothesis import HealthCheck, Phase, given, settings
from sqlmodel import col, select

from app.audit.service import SYSTEM
from app.candidates.models import Candidate
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.officers.models import Role
from app.oversight import queries as oversight
from app.oversight.queries import Concern, Wish
from app.reviews import claims, queue
from app.reviews.models import Review
from app.reviews.queue_filters import EVERYTHING
from app.tips import clocks, due, escalation, progress, queries
from app.tips.clocks import ClockKind
from app.tips.models import Tip, TipState
from tests.app.channels.conftest import Desk

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOVES = (
    TipState.ROUTED,
    TipState.ACKNOWLEDGED,
    TipState.AWAITING_TIPSTER,
    TipState.IN_REVIEW,
    TipState.ESCALATED,
)


def clocks_of(desk: Desk, tip_id: UUID) -> dict[ClockKind, clocks.Clock]:
    """A tip's clocks."""
    with desk.read() as session:
        found = clocks.of_tips(session, [session.get_one(Tip, tip_id)], desk.context.settings)
    return {clock.kind: clock for clock in found[tip_id]}


def left(desk: Desk, tip_id: UUID) -> dict[ClockKind, timedelta]:
    """How long each clock still has."""
    return {kind: clock.due_at - now() for kind, clock in clocks_of(desk, tip_id).items()}


class TestClocks:
    def test_they_stand_still_and_go_on_from_there(self, desk: Desk) -> None:
        """Five hours used before and five days aside leave nineteen of twenty-four hours."""
        with time_machine.travel(START, tick=False) as clock:
            tip = desk.tip()
            clock.shift(5 * HOUR)
            before = left(desk, tip.id)
            void = desk.void()
            clock.shift(120 * HOUR)
            meanwhile = left(desk, tip.id)
            desk.undo(void)
            after = left(desk, tip.id)
            clock.shift(19 * HOUR + timedelta(seconds=1))
            late = clocks_of(desk, tip.id)[ClockKind.ACKNOWLEDGE].overdue(now())

        assert before == meanwhile == after
        assert after[ClockKind.ACKNOWLEDGE] == 19 * HOUR
        assert late

    def test_a_question_that_was_open_meanwhile_counts_once(self, desk: Desk) -> None:
        """The time a sender was asked and the time aside overlap; neither is given twice."""
        with time_machine.travel(START, tick=False) as clock:
            tip = desk.tip(TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.AWAITING_TIPSTER)
            clock.shift(10 * HOUR)
            void = desk.void()
            clock.shift(10 * HOUR)
            with desk.write() as session:
                progress.move(session, session.get_one(Tip, tip.id), TipState.ACKNOWLEDGED, SYSTEM)
            clock.shift(10 * HOUR)
            desk.undo(void)
            clock.shift(10 * HOUR)
            found = clocks_of(desk, tip.id)[ClockKind.DECIDE]

        assert found.due_at - found.started_at == timedelta(hours=desk.context.settings.decide_hours + 30)

    def test_a_tip_that_was_routed_meanwhile_has_all_its_time(self, desk: Desk) -> None:
        """Its first clock begins when officers get to see it."""
        with time_machine.travel(START, tick=False) as clock:
            tip = desk.tip(TipState.PROCESSING)
            void = desk.void()
            clock.shift(HOUR)
            with desk.write() as session:
                progress.move(session, session.get_one(Tip, tip.id), TipState.ROUTED, SYSTEM)
            clock.shift(99 * HOUR)
            desk.undo(void)
            after = left(desk, tip.id)

        assert after[ClockKind.ACKNOWLEDGE] == 24 * HOUR

    def test_the_senders_dates_stay(self, desk: Desk) -> None:
        """What a sender was told to expect does not move with the rest."""
        with time_machine.travel(START, tick=False) as clock:
            tip = desk.tip()
            with desk.read() as session:
                before = due.of_tip(session, tip.id, desk.context.settings)
            void = desk.void()
            clock.shift(50 * HOUR)
            desk.undo(void)
            with desk.read() as session:
                after = due.of_tip(session, tip.id, desk.context.settings)

        assert before == after


def _seen(desk: Desk, officers: list[Any]) -> dict[str, Any]:
    """All that officers see of the channel: rows, time left, what is late, queue, claims."""
    own = Tip.channel_id == desk.channel.id
    with desk.read() as session:
        ids = set(session.exec(select(Tip.id).where(own)))
        paths = {f"/console/tips/{tip_id}" for tip_id in ids}
        candidates = set(session.exec(select(Candidate.id).where(col(Candidate.tip_id).in_(ids))))
        seen: dict[str, Any] = {}
        for officer in officers:
            tips = list(session.exec(queries.visible_to(officer).where(own).order_by(col(Tip.id))))
            seen[officer.username] = [tip.model_dump() for tip in tips]
            running = clocks.of_tips(session, tips, desk.context.settings)
            seen[officer.username + " clocks"] = {
                tip_id: [
                    (each.kind, each.due_at - (each.stopped_at or now()), each.overdue(now()), each.running)
                    for each in found
                ]
                for tip_id, found in running.items()
            }
            entries = queue.entries_of(session, officer, desk.context.settings, now())
            seen[officer.username + " queue"] = {
                (entry.candidate_id, entry.held) for entry in entries if entry.candidate_id in candidates
            }
            lines = oversight.lines(session, officer, desk.context.settings, Concern.TIPS, Wish())
            seen[officer.username + " oversight"] = {
                (line.path, line.late) for line in lines if line.path in paths
            }
        seen["reviews"] = [row.model_dump() for row in session.exec(select(Review).order_by(col(Review.id)))]
        seen["candidates"] = [
            row.model_dump() for row in session.exec(select(Candidate).order_by(col(Candidate.id)))
        ]
        seen["late"] = {
            (tip.id, kind)
            for tip, kind in escalation.overdue(session, desk.context.settings)
            if tip.id in ids
        }
        return seen


class TestIdentity:
    @given(
        paths=st.lists(
            st.tuples(
                st.lists(st.sampled_from(MOVES), min_size=1, max_size=4),
                st.integers(0, 40),
                st.booleans(),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        ),
        rounds=st.lists(st.tuples(st.integers(0, 160), st.booleans(), st.booleans()), min_size=1, max_size=3),
    )
    @settings(
        deadline=None,
        max_examples=25,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_void_then_undo_changes_nothing_that_officers_see(
        self,
        desk: Desk,
        paths: list[tuple[list[TipState], int, bool, bool]],
        rounds: list[tuple[int, bool, bool]],
    ) -> None:
        """Whatever the tips went through, however long and often: rows, clocks, queue, claims."""
        reviewer, supervisor = desk.make.officer(), desk.make.officer(Role.SUPERVISOR)
        channel = desk.new_channel(f"Bad {reviewer.username}")
        desk.channel = channel
        with time_machine.travel(START, tick=False) as clock:
            for states, hours, danger, candidate in paths:
                tip = desk.tip(*states, danger_now=danger)
                if candidate:
                    desk.make.candidate(tip=tip)
                clock.shift(hours * HOUR)
            with desk.write() as session:
                claims.claim_next(session, reviewer, desk.context.settings, EVERYTHING)
            officers = [reviewer, supervisor, desk.voider]
            before = _seen(desk, officers)
            for hours, all_danger, one_by_one in rounds:
                if not _try_void(desk, clock, hours * HOUR, all_danger=all_danger, one_by_one=one_by_one):
                    break
            after = _seen(desk, officers)

        assert after == before


def _try_void(
    desk: Desk, clock: time_machine.Traveller, lasts: timedelta, *, all_danger: bool, one_by_one: bool
) -> bool:
    """Void and undo with some time between, standing still for the tips that stay out of it."""
    shown = desk.preview()
    if shown.taken + shown.danger * all_danger == 0:
        return False
    void = desk.void(all_danger=all_danger)
    # Tips in danger that were not ticked stay in the work, and their time runs.
    if all_danger or not shown.danger:
        clock.shift(min(lasts, timedelta(days=6)))
    _back(desk, void, one_by_one=one_by_one)
    return True


def _back(desk: Desk, void: ChannelVoid, *, one_by_one: bool) -> None:
    if not one_by_one:
        desk.undo(void)
        return
    with desk.read() as session:
        held = session.exec(select(Tip.id).where(Tip.set_aside_by == void.id)).all()
    for tip_id in held:
        desk.give_one_back(void, tip_id)
