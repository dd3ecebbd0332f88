"""Promises about a tip whatever officers, its sender and the clocks do, in whatever order."""

from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import Session, col, select

from app.audit.service import SYSTEM
from app.core.context import Context
from app.officers.models import Officer, Role
from app.reviews import triage
from app.tips import adding, answers, escalation, progress, withdrawing
from app.tips.models import TIP_MOVES, Author, Disposition, Tip, TipEvent, TipMessage, TipState
from tests.app.cases.desk import REASON
from tests.machines.machine import Machine, run
from tests.make import Make

AREAS = ("440304", "440303", "440300", "442000")
who = st.integers(0, 4)


class Tips(Machine):
    """One tip, officers of four areas and the nation, and its sender."""

    @initialize(contact=st.booleans())
    def begin(self, *, contact: bool) -> None:
        """A tip as its area finds it."""
        sealed = self.context.keys.seal(b"wang@example.org") if contact else None
        made = self.make.tip(state=TipState.RECEIVED, contact_sealed=sealed)
        self.tip_id, self.sent = made.id, self.block(made)
        self.officers: list[Officer] = [
            *(self.make.officer(Role.SUPERVISOR, area=area) for area in AREAS),
            self.make.officer(Role.SUPERVISOR, area="CN"),
        ]
        self.state, self.withdrawn = TipState.RECEIVED, False
        for to in (TipState.PROCESSING, TipState.ROUTED):
            self.step(partial(self._on, to))
            self.state = to

    def _on(self, to: TipState, session: Session) -> None:
        progress.move(session, session.get_one(Tip, self.tip_id), to, SYSTEM)

    @rule(officer=who)
    def open(self, officer: int) -> None:
        """Somebody opens it."""
        self.step(lambda s: triage.open_tip(s, self.officers[officer], self.tip_id))

    @rule(officer=who, code=st.sampled_from(Disposition), reason=st.sampled_from([REASON, " "]))
    def dispose(self, officer: int, code: Disposition, reason: str) -> None:
        """Somebody closes it with a code of their choice."""
        self.step(lambda s: triage.dispose(s, self.officers[officer], self.tip_id, code, reason, None))

    @rule(officer=who)
    def refer(self, officer: int) -> None:
        """Somebody hands the family to civil affairs."""
        self.step(lambda s: triage.refer_to_welfare(s, self.officers[officer], self.tip_id, "", REASON))

    @rule(officer=who, area=st.sampled_from([*AREAS, "999999"]))
    def transfer(self, officer: int, area: str) -> None:
        """Somebody hands it to another area."""
        self.step(lambda s: triage.transfer(s, self.officers[officer], self.tip_id, area, REASON))

    @rule(officer=who, ask=st.booleans())
    def write(self, officer: int, *, ask: bool) -> None:
        """Somebody writes to the sender."""
        self.step(
            lambda s: triage.write(s, self.officers[officer], self.tip_id, "At what time was it?", ask=ask)
        )

    @rule(officer=who)
    def make_lead(self, officer: int) -> None:
        """Somebody makes it a lead."""
        self.step(lambda s: triage.make_lead(s, self.officers[officer], self.tip_id, REASON))

    @rule()
    def reply(self) -> None:
        """The sender writes."""
        self.step(lambda s: adding.write_message(s, self.tip_id, "It was at noon."))

    @rule(really=st.integers(0, 4))
    def withdraw(self, really: int) -> None:
        """The sender takes it back, now and then."""
        if really == 0:
            taken = self.taken
            self.step(lambda s: withdrawing.withdraw(s, self.tip_id))
            self.withdrawn = self.withdrawn or self.taken > taken

    @rule(hours=st.sampled_from([1, 30, 200]))
    def wait(self, hours: int) -> None:
        """Time passes, and the clocks are looked at."""
        self.later(hours * 60)
        self.step(lambda s: escalation.escalate(s, self.context.settings))

    def tip(self) -> Tip:
        """The tip now."""
        with self.context.db.read() as session:
            return session.get_one(Tip, self.tip_id)

    def block(self, tip: Tip) -> tuple[object, ...]:
        """What was sent and never changes."""
        return (
            tip.channel_id,
            tip.received_at,
            tip.place_text,
            tip.description,
            tip.language,
            tip.danger_now,
            tip.receipt_lookup,
        )

    @invariant()
    def moves_by_the_table(self) -> None:
        """States change along the table of moves; a step may take two of them."""
        if not hasattr(self, "state"):
            return
        now = self.tip().state
        near = {self.state} | TIP_MOVES[self.state]
        assert now in near | {far for state in near for far in TIP_MOVES[state]}
        self.state = now

    @invariant()
    def what_was_sent_stays(self) -> None:
        """Nobody's step changes what the sender sent."""
        if hasattr(self, "sent"):
            assert self.block(self.tip()) == self.sent

    @invariant()
    def it_ends_with_a_code_or_not_at_all(self) -> None:
        """Closed means a code, a reason and one notice in the thread; open means none of them."""
        if not hasattr(self, "state"):
            return
        tip = self.tip()
        with self.context.db.read() as session:
            thread = session.exec(
                select(TipMessage)
                .where(TipMessage.tip_id == tip.id)
                .order_by(col(TipMessage.created_at), col(TipMessage.id))
            ).all()
        closed = tip.state == TipState.DISPOSED
        assert closed == (tip.disposition is not None) == (tip.disposed_at is not None)
        codes = {code.value for code in Disposition}
        told = [message.notice for message in thread if message.notice in codes]
        if closed:
            assert tip.disposition is not None
            assert tip.disposition_reason
            assert told[-1] == tip.disposition.value
        if self.withdrawn:
            assert tip.contact_sealed is None
            (taken_back,) = [m.created_at for m in thread if m.notice == withdrawing.WITHDRAWN]
            assert all(m.created_at <= taken_back for m in thread if m.author == Author.OFFICER)

    @invariant()
    def the_answer_can_always_be_read(self) -> None:
        """Whatever happened, the sender gets an answer in both languages."""
        if not hasattr(self, "state"):
            return
        with self.context.db.read() as session:
            tip = session.get_one(Tip, self.tip_id)
            for language in ("zh", "en"):
                assert answers.answer_to(session, tip, language)

    @invariant()
    def every_place_it_stood_is_written_down(self) -> None:
        """The last event says where the tip stands: clocks read nothing else."""
        if not hasattr(self, "state"):
            return
        with self.context.db.read() as session:
            last = session.exec(
                select(TipEvent)
                .where(TipEvent.tip_id == self.tip_id)
                .order_by(col(TipEvent.at).desc(), col(TipEvent.id).desc())
            ).first()
        tip = self.tip()
        assert last is not None
        assert (last.state, last.jurisdiction_code, last.escalated_to) == (
            tip.state,
            tip.jurisdiction_code,
            tip.escalated_to,
        )


def test_no_order_of_steps_loses_or_changes_a_tip(context: Context, make: Make) -> None:
    """A tip ends only with a code, keeps what was sent, and always has an answer."""
    run(lambda: Tips(context, make))
