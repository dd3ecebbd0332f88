"""Promises about voiding: what it takes and leaves, that the work never shows it, and that undo undoes it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlmodel import col, select

from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Lead
from app.channels import backlog, closing, running, voiding
from app.channels import queries as channels
from app.channels.backlog import Span, Ticked
from app.channels.fates import Fate
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound
from app.core.jobs import Job
from app.officers.models import Role
from app.oversight import queries as oversight
from app.oversight.queries import Concern, Wish
from app.reviews import queue, triage_list
from app.reviews.models import Conclusion, Review, ReviewState
from app.reviews.triage_list import Filters
from app.tips import answers, clocks, escalation, progress, queries
from app.tips.models import Author, ChannelKind, Disposition, Tip, TipEvent, TipMessage, TipState
from tests.app.channels.conftest import LONG_AGO, REASON, Desk

OPEN_STATES = (
    TipState.RECEIVED,
    TipState.PROCESSING,
    TipState.ROUTED,
    TipState.ACKNOWLEDGED,
    TipState.IN_REVIEW,
    TipState.AWAITING_TIPSTER,
    TipState.ESCALATED,
    TipState.FAILED,
)


class TestPreview:
    def test_open_tips_of_the_span_are_counted_by_state_and_area(self, desk: Desk) -> None:
        """Each open state is taken; other channels and other times are not."""
        for state in OPEN_STATES:
            desk.tip(state)
        desk.tip(area="440303")
        desk.tip(area=None)
        desk.tip(channel=desk.new_channel("Another"))
        desk.tip(received_at=LONG_AGO - timedelta(days=1))

        found = desk.preview()

        assert found.taken == len(OPEN_STATES) + 2
        assert found.states[TipState.ROUTED] == 3
        assert found.states[TipState.FAILED] == 1
        assert found.areas == {"440304": len(OPEN_STATES), "440303": 1, None: 1}
        assert found.left_out == {}

    def test_what_officers_have_worked_on_stays_with_the_reason(self, desk: Desk) -> None:
        """Closed, lead, decided and answered tips are left out, each under its own reason."""
        desk.tip(TipState.ROUTED, TipState.DISPOSED)
        desk.tip(TipState.ROUTED, TipState.LEAD)
        was_lead, decided, answered, asked = desk.tip(), desk.tip(), desk.tip(), desk.tip()
        candidate = desk.make.candidate(tip=decided)
        reviewer = desk.make.officer()
        with desk.write() as session:
            session.add(Lead(tip_id=was_lead.id, jurisdiction_code="440304", reason="Seen twice"))
            session.add(
                Review(
                    candidate_id=candidate.id,
                    officer_id=reviewer.id,
                    state=ReviewState.DECIDED,
                    conclusion=Conclusion.INCONCLUSIVE,
                    lease_until=now(),
                )
            )
            session.get_one(Candidate, candidate.id).state = CandidateState.DECIDED_ONCE
            for tip in (answered, asked):
                session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Where was it?"))
                session.flush()
            session.add(TipMessage(tip_id=answered.id, author=Author.TIPSTER, text="At the gate."))

        found = desk.preview()

        assert found.left_out == {Fate.CLOSED: 1, Fate.OFFLINE: 2, Fate.DECIDED: 1, Fate.ANSWERED: 1}
        assert found.taken == 1

    def test_a_picture_that_another_channel_sent_stays(self, desk: Desk) -> None:
        """A bad channel may repeat a true picture; a copy within the channel itself speaks for nothing."""
        repeated, copy, again = desk.tip(), desk.tip(), desk.tip()
        desk.same_picture(desk.make.tip(), repeated)
        desk.same_picture(copy, again)

        found = desk.preview()

        assert found.left_out == {Fate.COPIED: 1}
        assert found.taken == 2

    @pytest.mark.parametrize("kind", [ChannelKind.GOLDEN, ChannelKind.SANDBOX])
    def test_what_nobody_sent_speaks_for_no_picture(self, desk: Desk, kind: ChannelKind) -> None:
        """Known answers and the sandbox are no other channel."""
        tip = desk.tip()
        desk.same_picture(desk.tip(channel=desk.new_channel("Not real", kind)), tip)

        assert desk.preview().taken == 1

    def test_only_unopened_leaves_what_anybody_opened(self, desk: Desk) -> None:
        """A tip that was opened once and handed on counts as opened."""
        desk.tip()
        desk.tip(TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.ROUTED)
        desk.tip(TipState.ROUTED, TipState.ESCALATED)

        found = desk.preview(unopened=True)

        assert found.left_out == {Fate.OPENED: 1}
        assert found.taken == 2
        assert desk.preview().taken == 3

    def test_danger_is_listed_apart(self, desk: Desk) -> None:
        """Tips with danger are named one by one, and not among those that are taken."""
        desk.tip()
        urgent = desk.tip(danger_now=True)

        found = desk.preview()

        assert (found.taken, found.danger) == (1, 1)
        assert [tip.id for tip in found.danger_tips] == [urgent.id]

    def test_the_span_has_to_make_sense(self, desk: Desk) -> None:
        """A span that ends before it begins, a channel without tips and an unknown one are refused."""
        moment = now()
        registry = desk.new_channel("Registry", ChannelKind.REGISTRY)
        golden = desk.new_channel("Golden", ChannelKind.GOLDEN)

        with desk.read() as session:
            with pytest.raises(Invalid):
                backlog.preview(session, desk.channel.id, Span(moment, moment, unopened=False))
            with pytest.raises(Conflict):
                backlog.preview(session, registry.id, desk.span())
            with pytest.raises(NotFound):
                backlog.preview(session, golden.id, desk.span())


class TestVoiding:
    def test_it_takes_what_the_preview_said_and_says_so(self, desk: Desk) -> None:
        """Numbers agree, states stay, and one audit row names channel, voiding and count."""
        tips = [desk.tip(state) for state in OPEN_STATES]
        closed = desk.tip(TipState.ROUTED, TipState.DISPOSED)
        shown = desk.preview()

        made = desk.void()

        assert made.tips == shown.taken == len(tips)
        assert all(desk.aside(tip) for tip in tips)
        assert not desk.aside(closed)
        assert [desk.stored(tip.id).state for tip in tips] == list(OPEN_STATES)
        assert made.final_at - made.made_at == timedelta(days=desk.context.settings.void_days)
        [row] = desk.audited(Action.CHANNEL_VOIDED)
        assert (row.subject_id, row.actor_id) == (str(desk.channel.id), str(desk.voider.id))
        assert row.detail == {"void": str(made.id), "tips": len(tips)}

    def test_danger_is_taken_only_when_ticked(self, desk: Desk) -> None:
        """Each has a tick of its own; one tick takes all."""
        first, second, third = (desk.tip(danger_now=True) for _ in range(3))
        desk.tip()

        assert desk.void(second).tips == 2
        assert [desk.aside(tip) for tip in (first, second, third)] == [False, True, False]
        assert desk.void(all_danger=True).tips == 2

    def test_a_tick_takes_nothing_that_the_preview_left_out(self, desk: Desk) -> None:
        """The id of another channel's tip, or of one that stays, changes nothing."""
        desk.tip()
        foreign = desk.make.tip(danger_now=True)
        lead = desk.tip(TipState.ROUTED, TipState.LEAD, danger_now=True)

        made = desk.void(foreign, lead)

        assert made.tips == 1
        assert not desk.aside(foreign)
        assert not desk.aside(lead)

    @pytest.mark.parametrize("reason", ["", "   ", "bad", "a" * 501, "false tips\x07"])
    def test_it_needs_a_reason_in_words(self, desk: Desk, reason: str) -> None:
        """Nothing changes without one."""
        tip = desk.tip()

        with pytest.raises(Invalid):
            desk.void_span(desk.span(), reason=reason)

        assert not desk.aside(tip)

    def test_it_never_takes_more_than_was_shown(self, desk: Desk) -> None:
        """What became open since the preview makes the officer look again; nothing changed."""
        tips = [desk.tip(), desk.tip()]

        with pytest.raises(Conflict, match="More tips"):
            desk.void_span(desk.span(), shown=1)

        assert not any(desk.aside(tip) for tip in tips)

    def test_a_second_one_finds_nothing(self, desk: Desk) -> None:
        """A tip is set aside once; a voiding of nothing is refused and leaves no row."""
        desk.tip()
        desk.void()

        with pytest.raises(Conflict, match="no tip"):
            desk.void()

        assert desk.preview().left_out == {Fate.ASIDE: 1}
        with desk.read() as session:
            assert len(channels.voids(session, desk.channel.id)) == 1


class TestManyTips:
    def test_a_large_one_is_done_and_undone_in_steps(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each step is a transaction of its own; all tips rest and come back as of the same moments."""
        monkeypatch.setattr(running, "AT_A_TIME", 2)
        tips = [desk.tip() for _ in range(5)]

        void = desk.void()

        assert void.tips == len(tips)
        assert all(desk.aside(tip) for tip in tips)
        desk.undo(void)
        assert not any(desk.aside(tip) for tip in tips)
        with desk.read() as session:
            undone_at = session.get_one(ChannelVoid, void.id).undone_at
            for tip in tips:
                marks = session.exec(
                    select(TipEvent.at).where(TipEvent.tip_id == tip.id).order_by(col(TipEvent.at).desc())
                ).all()
                assert marks[:2] == [undone_at, void.made_at]

    def test_what_officers_took_up_between_choosing_and_taking_stays(self, desk: Desk) -> None:
        """The choice is made without holding anybody up; each step looks again."""
        tip, closed, opened = desk.tip(), desk.tip(), desk.tip()
        span = desk.span(unopened=True)
        nothing = Ticked(frozenset())
        with desk.read() as session:
            chosen = backlog.choose(session, desk.channel.id, span, nothing, shown=9)
        with desk.write() as session:
            for each, state in ((closed, TipState.DISPOSED), (opened, TipState.ACKNOWLEDGED)):
                progress.move(session, session.get_one(Tip, each.id), state, officer_actor(desk.voider.id))
        with desk.write() as session:
            made = voiding.begin(
                session, desk.voider, desk.context.settings, desk.channel.id, span, REASON, len(chosen)
            )
            voiding.take(session, made.id, chosen, span)

        assert len(chosen) == 3
        assert [desk.aside(each) for each in (tip, closed, opened)] == [True, False, False]

    def test_two_at_once_take_each_tip_once(self, desk: Desk) -> None:
        """Supervisors who confirm the same preview together: one voiding, and one refusal that says why."""
        tips = [desk.tip() for _ in range(20)]
        span = desk.span()

        def void() -> str:
            try:
                desk.void_span(span)
            except Conflict:
                return "refused"
            return "done"

        with ThreadPoolExecutor(4) as pool:
            ends = sorted(each.result() for each in [pool.submit(void) for _ in range(4)])

        assert ends == ["done", "refused", "refused", "refused"]
        assert len({desk.stored(tip.id).set_aside_by for tip in tips}) == 1
        assert len(desk.audited(Action.CHANNEL_VOIDED)) == 1

    def test_an_undo_that_was_cut_off_is_finished_by_the_worker(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No tip stays aside because a process died."""
        monkeypatch.setattr(running, "AT_A_TIME", 2)
        tips = [desk.tip() for _ in range(5)]
        void = desk.void()
        with desk.write() as session:
            voiding.undo(session, desk.voider, desk.channel.id, void.id)
            voiding.give_back(session, void.id, 2)
        half = [desk.aside(tip) for tip in tips]

        closing.look(desk.context)

        assert half.count(True) == 3
        assert not any(desk.aside(tip) for tip in tips)


class TestOutOfTheWork:
    def test_no_list_of_officers_shows_it(self, desk: Desk) -> None:
        """Triage, queue, oversight and the tip's own page: nothing of it, and nothing else goes."""
        tip, other = desk.tip(), desk.make.tip()
        waiting = desk.tip()
        desk.make.candidate(tip=waiting)
        reviewer = desk.make.officer()
        supervisor = desk.make.officer(Role.SUPERVISOR)
        desk.void()

        with desk.read() as session:
            for officer in (reviewer, supervisor, desk.voider):
                assert [found.id for found in session.exec(queries.visible_to(officer))] == [other.id]
                with pytest.raises(NotFound):
                    queries.get_visible(session, officer, tip.id)
            assert not queue.anything_waits(session, reviewer)
            lines = oversight.lines(session, supervisor, desk.context.settings, Concern.TIPS, Wish())
            assert [line.path for line in lines] == [f"/console/tips/{other.id}"]
            assert [row.id for row in triage_list.in_triage(session, reviewer, Filters(), 1).items] == [
                other.id
            ]

    def test_escalation_leaves_it_alone(self, desk: Desk) -> None:
        """No clock of it runs out, and its sender gets no notice."""
        with time_machine.travel(now(), tick=False) as traveller:
            tip, other = desk.tip(), desk.make.tip()
            with desk.write() as session:
                progress.note(session, session.get_one(Tip, other.id))
            desk.void()
            traveller.shift(timedelta(days=3))
            with desk.write() as session:
                went_up = escalation.escalate(session, desk.context.settings)

        assert went_up == 1
        assert desk.stored(tip.id).state == TipState.ROUTED
        with desk.read() as session:
            assert session.exec(select(TipMessage).where(TipMessage.tip_id == tip.id)).all() == []

    def test_one_that_was_late_already_does_not_go_up_either(self, desk: Desk) -> None:
        """Between a clock that ran out and the next look at the ladder, a voiding holds it, too."""
        with time_machine.travel(now(), tick=False) as traveller:
            tip = desk.tip()
            traveller.shift(timedelta(days=2))
            void = desk.void()
            with desk.write() as session:
                while_aside = escalation.escalate(session, desk.context.settings)
            desk.undo(void)
            with desk.write() as session:
                afterwards = escalation.escalate(session, desk.context.settings)

        assert (while_aside, afterwards) == (0, 1)
        assert desk.stored(tip.id).state == TipState.ESCALATED

    def test_senders_read_the_same(self, desk: Desk) -> None:
        """What a receipt opens does not change by a letter, neither then nor after undo."""
        tip = desk.tip()

        def read() -> answers.Answer:
            with desk.read() as session:
                return answers.of_tip(session, tip.id, "en")

        before = read()
        void = desk.void()
        meanwhile = read()
        desk.undo(void)

        assert before == meanwhile == read()

    def test_copies_that_stay_are_searched_for_themselves(self, desk: Desk) -> None:
        """A tip left out because of danger hangs on no candidate of a copy that is gone."""
        gone, stays = desk.tip(), desk.tip(danger_now=True)
        desk.same_picture(gone, stays)

        void = desk.void()

        with desk.read() as session:
            [job] = session.exec(select(Job).where(Job.kind == "search_tip")).all()
        assert job.args == {"tip_id": str(stays.id)}
        assert str(void.id) in (job.unique_key or "")

    def test_one_that_its_sender_takes_back_is_closed_as_ever(self, desk: Desk) -> None:
        """The way out stays open for senders; undo does not bring such a tip back."""
        tip = desk.tip()
        void = desk.void()
        with desk.write() as session:
            progress.dispose(
                session,
                session.get_one(Tip, tip.id),
                Disposition.WITHDRAWN_BY_TIPSTER,
                officer_actor(desk.voider.id),
                "Taken back.",
            )
        desk.undo(void)

        assert desk.stored(tip.id).state == TipState.DISPOSED
        with desk.read() as session:
            found = clocks.of_tips(session, [desk.stored(tip.id)], desk.context.settings)[tip.id]
        assert not any(clock.running for clock in found)


class TestUndo:
    def test_everything_comes_back_once(self, desk: Desk) -> None:
        """All tips, one audit row; a second time is refused."""
        tips = [desk.tip(state) for state in OPEN_STATES]
        void = desk.void()

        desk.undo(void)

        assert not any(desk.aside(tip) for tip in tips)
        [row] = desk.audited(Action.CHANNEL_VOID_UNDONE)
        assert row.detail == {"void": str(void.id), "tips": len(tips)}
        with pytest.raises(Conflict, match="undone already"):
            desk.undo(void)

    def test_after_its_time_it_is_refused(self, desk: Desk) -> None:
        """From that moment on, even if no worker has closed anything yet."""
        desk.tip()
        void = desk.void()
        late = timedelta(days=desk.context.settings.void_days, seconds=1)

        with time_machine.travel(now() + late), pytest.raises(Conflict, match="is over"):
            desk.undo(void)

    def test_another_channels_voiding_is_not_there(self, desk: Desk) -> None:
        """A foreign address answers as an unknown one."""
        desk.tip()
        void = desk.void()

        with pytest.raises(NotFound):
            running.undo(desk.context, desk.voider, desk.new_channel("Other").id, void.id)

    def test_one_tip_alone(self, desk: Desk) -> None:
        """The others stay aside; a tip that the voiding does not hold is not found."""
        one, other, foreign = desk.tip(), desk.tip(), desk.make.tip()
        void = desk.void()

        with desk.write() as session:
            voiding.give_one_back(session, desk.voider, desk.channel.id, void.id, one.id)
        with pytest.raises(NotFound), desk.write() as session:
            voiding.give_one_back(session, desk.voider, desk.channel.id, void.id, foreign.id)

        assert not desk.aside(one)
        assert desk.aside(other)
        [row] = desk.audited(Action.CHANNEL_VOID_UNDONE)
        assert (row.subject_kind, row.subject_id) == ("tip", str(one.id))
