"""Promises about what becomes of a voiding that nobody undid."""

from datetime import timedelta

import pytest
import time_machine
from sqlmodel import select

from app import watches
from app.audit.models import Action
from app.candidates.models import Candidate, CandidateState
from app.channels import closing
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.reviews import queue
from app.tips import progress, queries
from app.tips.models import Author, Disposition, TipMessage, TipState
from tests.app.channels.conftest import REASON, Desk


@pytest.fixture
def later(desk: Desk) -> timedelta:
    """A moment after the time in which a voiding can be undone."""
    return timedelta(days=desk.context.settings.void_days, seconds=1)


class TestClosing:
    def test_its_tips_are_closed_as_false(self, desk: Desk, later: timedelta) -> None:
        """Each gets its disposition, the reason and who decided; its sender gets the answer of that code."""
        tip, failed = desk.tip(), desk.tip(TipState.FAILED)
        void = desk.void()

        with time_machine.travel(now() + later):
            assert closing.look(desk.context) == 2
            assert closing.look(desk.context) == 0

        for each in (tip, failed):
            stored = desk.stored(each.id)
            assert (stored.state, stored.disposition) == (TipState.DISPOSED, Disposition.FALSE_MALICIOUS)
            assert (stored.disposition_reason, stored.disposed_by) == (REASON, desk.voider.id)
        with desk.read() as session:
            assert session.get_one(ChannelVoid, void.id).closed_at is not None
            [told] = session.exec(select(TipMessage).where(TipMessage.tip_id == tip.id)).all()
            assert told.notice == Disposition.FALSE_MALICIOUS
        assert [row.detail for row in desk.audited(Action.CHANNEL_VOID_CLOSED)] == [{"void": str(void.id)}]

    def test_not_before_its_time_and_not_when_undone(self, desk: Desk, later: timedelta) -> None:
        """Until then, and after an undo, nothing is closed."""
        tip = desk.tip()
        void = desk.void()

        assert closing.look(desk.context) == 0
        desk.undo(void)
        with time_machine.travel(now() + later):
            assert closing.look(desk.context) == 0

        assert desk.stored(tip.id).state == TipState.ROUTED

    def test_cut_off_half_way_it_goes_on(
        self, desk: Desk, later: timedelta, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that dies between two transactions leaves the rest to the next; no tip is closed twice."""
        tips = [desk.tip() for _ in range(5)]
        desk.void()
        monkeypatch.setattr(closing, "TIPS_AT_A_TIME", 2)
        dispose = progress.dispose
        calls = []

        def dying(*args: object, **kwargs: object) -> None:
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            dispose(*args, **kwargs)  # type: ignore[arg-type]

        with time_machine.travel(now() + later):
            with monkeypatch.context() as patched:
                patched.setattr(progress, "dispose", dying)
                with pytest.raises(KeyboardInterrupt):
                    closing.look(desk.context)
            half = [desk.stored(tip.id).state == TipState.DISPOSED for tip in tips]
            closing.look(desk.context)

        assert half.count(True) == 2
        assert all(desk.stored(tip.id).state == TipState.DISPOSED for tip in tips)
        assert len(desk.audited(Action.TIP_DISPOSED)) == len(tips)
        assert len(desk.audited(Action.CHANNEL_VOID_CLOSED)) == 1

    def test_what_something_speaks_for_goes_back(self, desk: Desk, later: timedelta) -> None:
        """Another channel sent the same picture meanwhile, or the sender answered: officers decide."""
        copied, answered, rest = desk.tip(), desk.tip(TipState.ROUTED, TipState.AWAITING_TIPSTER), desk.tip()
        with desk.write() as session:
            session.add(TipMessage(tip_id=answered.id, author=Author.OFFICER, text="Where?"))
        desk.void()
        desk.same_picture(desk.make.tip(), copied)
        with desk.write() as session:
            session.add(TipMessage(tip_id=answered.id, author=Author.TIPSTER, text="There."))

        with time_machine.travel(now() + later):
            closing.look(desk.context)

        assert desk.stored(copied.id).state == TipState.ROUTED
        assert desk.stored(answered.id).state == TipState.AWAITING_TIPSTER
        assert not desk.aside(copied)
        assert not desk.aside(answered)
        assert desk.stored(rest.id).state == TipState.DISPOSED
        assert len(desk.audited(Action.CHANNEL_VOID_UNDONE)) == 2

    def test_its_candidates_go_with_it(self, desk: Desk, later: timedelta) -> None:
        """Nobody is asked to compare the faces of a tip that was closed as false."""
        tip, reviewer = desk.tip(), desk.make.officer()
        candidate = desk.make.candidate(tip=tip)
        desk.void()

        with time_machine.travel(now() + later):
            closing.look(desk.context)
            with desk.read() as session:
                assert session.get_one(Candidate, candidate.id).state == CandidateState.WITHDRAWN
                assert not queue.anything_waits(session, reviewer)
                # A closed tip reads like any other closed one.
                assert queries.get_visible(session, reviewer, tip.id).id == tip.id

    def test_the_worker_looks_after_it(self) -> None:
        """The watch is among those that every worker runs."""
        assert closing.look in {watch.look for watch in watches.WATCHES}
