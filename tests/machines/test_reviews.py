"""Promises about a candidate whatever officers do with it, in whatever order."""

from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from app.candidates.models import CANDIDATE_MOVES, Candidate, CandidateState
from app.cases import service as cases
from app.cases.models import Case, Lead
from app.core.context import Context
from app.officers.models import Officer, Role
from app.reviews import appeals, claims, service, triage
from app.reviews.checklist import COMPONENTS
from app.reviews.models import SAME, Appeal, Conclusion, Review, ReviewKind, ReviewState
from app.tips import withdrawing
from app.tips.models import Disposition, Tip, TipState
from tests.app.cases.desk import ZONE
from tests.machines.machine import Machine, run
from tests.make import Make

LEASE_MINUTES = 15
REASON = "Ear lobes and the scar agree."
FEATURES = {component.code: "same" for component in COMPONENTS}
who = st.integers(0, 6)


class Reviews(Machine):
    """Three reviewers, three supervisors and a stranger over one candidate."""

    @initialize()
    def begin(self) -> None:
        """A candidate of a tip, and officers of its area; the last one is of another."""
        self.candidate_id = self.make.candidate().id
        self.officers: list[Officer] = [
            *(self.make.officer() for _ in range(3)),
            *(self.make.officer(Role.REVIEWER, Role.SUPERVISOR) for _ in range(3)),
            self.make.officer(Role.REVIEWER, Role.SUPERVISOR, area="440303"),
        ]
        self.stranger = self.officers[-1]
        self.state = CandidateState.PROPOSED

    @rule(officer=who)
    def claim(self, officer: int) -> None:
        """Somebody takes it."""
        self.step(lambda s: claims.claim(s, self.officers[officer], self.candidate_id, LEASE_MINUTES))

    @rule(officer=who, conclusion=st.sampled_from(Conclusion), of_others=st.booleans())
    def decide(self, officer: int, conclusion: Conclusion, *, of_others: bool) -> None:
        """Somebody decides: their own review, or tries a colleague's."""
        reviews = [r for r in self.reviews() if of_others or r.officer_id == self.officers[officer].id]
        review_id = reviews[-1].id if reviews else uuid4()
        self.step(
            lambda s: service.decide(
                s, self.officers[officer], review_id, conclusion, REASON, features=FEATURES
            )
        )

    @rule(officer=who, conclusion=st.sampled_from(Conclusion))
    def review(self, officer: int, conclusion: Conclusion) -> None:
        """Somebody does what they are there for: takes it and decides."""
        by = self.officers[officer]
        held = self.step(lambda s: claims.claim(s, by, self.candidate_id, LEASE_MINUTES))
        if held is not None:
            self.step(lambda s: service.decide(s, by, held.id, conclusion, REASON, features=FEATURES))

    @rule(officer=who, skip=st.booleans())
    def hand_back(self, officer: int, *, skip: bool) -> None:
        """Somebody hands back what they hold, or passes over it."""
        held = [r for r in self.reviews() if r.officer_id == self.officers[officer].id]
        if held:
            give = claims.skip if skip else claims.release
            self.step(lambda s: give(s, self.officers[officer], held[-1].id))

    @rule(officer=who)
    def reverse(self, officer: int) -> None:
        """Somebody takes their decision back."""
        self.step(
            lambda s: appeals.reverse(s, self.officers[officer], self.candidate_id, "I looked too quickly.")
        )

    @rule(officer=who)
    def appeal(self, officer: int) -> None:
        """Somebody appeals."""
        self.step(
            lambda s: appeals.appeal(s, self.officers[officer], self.candidate_id, "The scar is new to us.")
        )

    @rule(officer=who, uphold=st.booleans())
    def answer(self, officer: int, *, uphold: bool) -> None:
        """Somebody answers an appeal."""
        made = self.all(Appeal)
        if made:
            self.step(
                lambda s: appeals.answer(
                    s, self.officers[officer], made[-1].id, "They looked at the wrong ear.", uphold=uphold
                )
            )

    @rule(officer=who)
    def close_in_triage(self, officer: int) -> None:
        """Somebody tries to close the tip over the reviewers' heads."""
        self.step(
            lambda s: triage.dispose(
                s, self.officers[officer], self.tip().id, Disposition.NOT_A_CHILD, REASON, None
            )
        )

    @rule(officer=who)
    def make_lead_in_triage(self, officer: int) -> None:
        """Somebody tries to make a lead over the reviewers' heads."""
        self.step(
            lambda s: triage.make_lead(
                s, self.officers[officer], self.tip().id, "The boy sits there every single evening."
            )
        )

    @rule(officer=who)
    def open_case(self, officer: int) -> None:
        """Somebody opens a case, if there is a lead."""
        leads = self.all(Lead)
        if leads:
            self.step(lambda s: cases.open_case(s, self.officers[officer], leads[-1].id, ZONE))

    @rule(really=st.integers(0, 4))
    def withdraw(self, really: int) -> None:
        """The tipster takes the tip back, now and then, late in the way."""
        if really == 0 and self.taken > 8:
            self.step(lambda s: withdrawing.withdraw(s, self.tip().id))

    @rule(minutes=st.sampled_from([1, LEASE_MINUTES + 1, 600]))
    def wait(self, minutes: int) -> None:
        """Time passes; leases run out."""
        self.later(minutes)
        self.step(claims.release_expired)

    def reviews(self) -> list[Review]:
        """Reviews of the candidate."""
        return [r for r in self.all(Review) if r.candidate_id == self.candidate_id]

    def candidate(self) -> Candidate:
        """The candidate now."""
        with self.context.db.read() as session:
            return session.get_one(Candidate, self.candidate_id)

    def tip(self) -> Tip:
        """Its tip now."""
        with self.context.db.read() as session:
            return session.get_one(Tip, self.candidate().tip_id)

    @invariant()
    def moves_by_the_table(self) -> None:
        """The state changes along the table of moves only; an upheld appeal may begin anew."""
        if not hasattr(self, "candidate_id"):
            return
        now = self.candidate().state
        assert now in {self.state, CandidateState.PROPOSED} | CANDIDATE_MOVES[self.state]
        self.state = now

    @invariant()
    def a_lead_rests_on_two_people(self) -> None:
        """A lead stands only while two people support the same person, an examiner counted among them."""
        if not hasattr(self, "candidate_id"):
            return
        state = self.candidate().state
        counted = [r for r in self.reviews() if r.state == ReviewState.DECIDED and r.set_aside_at is None]
        same = {r.officer_id for r in counted if r.conclusion in SAME}
        standing = [
            lead
            for lead in self.all(Lead)
            if lead.candidate_id == self.candidate_id and lead.dismissed_at is None
        ]
        assert len(standing) <= 1
        if standing:
            examined = [r for r in counted if r.kind == ReviewKind.EXAMINATION]
            assert len(same) >= 2
            assert state in {CandidateState.AGREED_SAME, CandidateState.EXAMINED}
            assert (state == CandidateState.EXAMINED) == bool(examined)
        elif state == CandidateState.AGREED_SAME:
            assert self.tip().disposition == Disposition.WITHDRAWN_BY_TIPSTER

    @invariant()
    def each_person_counts_once(self) -> None:
        """Nobody decides twice, nobody holds what a colleague holds, no stranger took part."""
        if not hasattr(self, "candidate_id"):
            return
        reviews = self.reviews()
        decided = [r.officer_id for r in reviews if r.state == ReviewState.DECIDED]
        assert len(decided) == len(set(decided))
        assert len([r for r in reviews if r.state == ReviewState.CLAIMED]) <= 1
        assert self.stranger.id not in {r.officer_id for r in reviews}

    @invariant()
    def no_case_without_a_lead_and_a_second_person(self) -> None:
        """A case rests on a lead; one made in triage was opened by somebody else."""
        leads: dict[UUID, Lead] = {lead.id: lead for lead in self.all(Lead)}
        for case in self.all(Case):
            lead = leads[case.lead_id]
            assert lead.candidate_id is not None or lead.created_by != case.opened_by

    @invariant()
    def the_tip_stands_where_its_work_is(self) -> None:
        """A tip with a standing lead is a lead or closed, never back in the queue."""
        if not hasattr(self, "candidate_id"):
            return
        tip = self.tip()
        if any(lead.dismissed_at is None for lead in self.all(Lead) if lead.tip_id == tip.id):
            assert tip.state in {TipState.LEAD, TipState.DISPOSED}
        assert (tip.state == TipState.DISPOSED) == (tip.disposition is not None)


def test_no_order_of_steps_makes_a_lead_of_one_opinion(context: Context, make: Make) -> None:
    """Two officers, each deciding for themselves, stand behind every lead, whatever else happens."""
    run(lambda: Reviews(context, make))
