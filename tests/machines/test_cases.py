"""Promises about leads and cases whatever officers do with them, in whatever order."""

from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from app.cases import closing, dismissal, identity, linking, merging, removal, service, splitting, tasks
from app.cases.models import (
    CASE_MOVES,
    Case,
    CaseMerge,
    CaseState,
    CaseTip,
    IdentityEvidence,
    Lead,
    Outcome,
)
from app.core.context import Context
from app.officers.models import Officer, Role
from app.reviews import triage
from app.tips import withdrawing
from app.tips.models import Tip, TipState
from tests.app.cases.desk import ACCOUNT, FINDING, REASON, ZONE, Desk
from tests.machines.machine import Machine, run
from tests.make import Make

SUPERVISED = {CaseState.IDENTITY_CONFIRMED, CaseState.CLOSED, CaseState.OPEN}
who, which = st.integers(0, 3), st.integers(0, 5)


class Cases(Machine):
    """Two investigators, a supervisor and a stranger over four tips."""

    @initialize()
    def begin(self) -> None:
        """A lead that reviewers agreed on, and tips beside it; two show the same picture."""
        self.desk = Desk(self.context, self.make)
        self.officers: list[Officer] = [
            self.desk.investigator,
            self.make.officer(Role.INVESTIGATOR),
            self.desk.supervisor,
            self.make.officer(Role.INVESTIGATOR, Role.SUPERVISOR, area="440303"),
        ]
        self.stranger = self.officers[-1]
        self.tips = [self.make.tip() for _ in range(4)]
        self.own = {tip.id for tip in self.tips}
        self.desk.same_picture(self.tips[0], self.tips[3])
        self.desk.agreed_lead(self.tips[0])
        self.states: dict[UUID, CaseState] = {}

    @rule(officer=who, tip=which)
    def make_lead(self, officer: int, tip: int) -> None:
        """Somebody makes a lead in triage."""
        self.step(lambda s: triage.make_lead(s, self.officers[officer], self.tips[tip % 4].id, REASON))

    @rule(officer=who, lead=which)
    def open_case(self, officer: int, lead: int) -> None:
        """Somebody opens a case on a lead."""
        if leads := self.leads():
            chosen = leads[-1 - lead % min(2, len(leads))].id
            self.step(lambda s: service.open_case(s, self.officers[officer], chosen, ZONE))

    @rule(officer=who, lead=which, again=st.booleans())
    def dismiss(self, officer: int, lead: int, *, again: bool) -> None:
        """Somebody gives a lead up, or takes one up again."""
        if leads := self.leads():
            chosen = leads[lead % len(leads)].id
            if again:
                self.step(lambda s: dismissal.take_up_again(s, self.officers[officer], chosen))
            else:
                self.step(lambda s: dismissal.dismiss(s, self.officers[officer], chosen, FINDING))

    @rule(
        officer=who,
        case=which,
        to=st.sampled_from(["task", *CaseState, "contact", "removal", "copies"]),
        outcome=st.sampled_from(Outcome),
    )
    def work(self, officer: int, case: int, to: str, outcome: Outcome) -> None:
        """Somebody takes one of the steps of a case, allowed now or not."""
        if not (cases := self.cases()):
            return
        by, at = self.officers[officer], cases[case % len(cases)].id
        steps = {
            "task": lambda s: tasks.add(s, by, at, title="Look there", assignee_id=None, due_at=None),
            CaseState.TASKED: lambda s: tasks.add(s, by, at, title="Ask", assignee_id=None, due_at=None),
            CaseState.FIELD_VERIFIED: lambda s: service.verify_in_field(s, by, at, FINDING),
            CaseState.IDENTITY_CONFIRMED: lambda s: identity.confirm(
                s, by, at, IdentityEvidence.DNA, "LAB-2026-0042"
            ),
            CaseState.IDENTITY_REFUTED: lambda s: identity.refute(s, by, at, FINDING),
            CaseState.OUTCOME_RECORDED: lambda s: service.record_outcome(s, by, at, outcome, ACCOUNT),
            CaseState.CLOSED: lambda s: closing.close(s, by, at),
            CaseState.OPEN: lambda s: closing.reopen(s, by, at, "New facts came in."),
            "contact": lambda s: identity.contact_family(s, by, at, ACCOUNT),
            "removal": lambda s: removal.record(s, by, at, ACCOUNT),
            "copies": lambda s: service.link_copies(s, by, at),
        }
        self.step(steps[to])

    @rule(case=which)
    def go_on(self, case: int) -> None:
        """Who may takes the next step: the longest way is walked, too."""
        if cases := self.cases():
            chosen = case % len(cases)
            order = list(CASE_MOVES)
            place = order.index(cases[chosen].state)
            to = min(CASE_MOVES[order[place]], key=order.index)
            self.work(2 if to in SUPERVISED else 0, chosen, to, Outcome.WELFARE_SUPPORT)

    @rule(officer=who, case=which, into=which, undo=st.booleans())
    def merge(self, officer: int, case: int, into: int, *, undo: bool) -> None:
        """Somebody puts two cases together, or apart again."""
        if not (cases := self.cases()):
            return
        one, other = cases[case % len(cases)], cases[into % len(cases)]
        if undo:
            self.step(lambda s: merging.undo(s, self.officers[officer], one.id))
        else:
            self.step(lambda s: merging.merge(s, self.officers[officer], one.id, other.number, FINDING))

    @rule(officer=who, case=which, tip=which, way=st.sampled_from(["link", "unlink", "split"]))
    def move_tip(self, officer: int, case: int, tip: int, way: str) -> None:
        """Somebody links a tip by hand, takes it out, or splits it off."""
        if not (cases := self.cases()):
            return
        by, at, moved = self.officers[officer], cases[case % len(cases)].id, self.tips[tip % 4].id
        steps = {
            "link": lambda s: linking.link(s, by, at, str(moved), FINDING),
            "unlink": lambda s: linking.unlink(s, by, at, moved, FINDING),
            "split": lambda s: splitting.split(s, by, at, moved, FINDING),
        }
        self.step(steps[way])

    @rule(tip=which)
    def withdraw(self, tip: int) -> None:
        """A tipster takes a tip back."""
        if self.taken % 5 == 0:
            self.step(lambda s: withdrawing.withdraw(s, self.tips[tip % 4].id))

    def leads(self) -> list[Lead]:
        """Leads of these tips, the oldest first."""
        return sorted((lead for lead in self.all(Lead) if lead.tip_id in self.own), key=lambda one: one.id)

    def cases(self) -> list[Case]:
        """Cases on these leads, the oldest first."""
        leads = {lead.id for lead in self.leads()}
        return sorted((case for case in self.all(Case) if case.lead_id in leads), key=lambda one: one.id)

    @invariant()
    def cases_move_by_the_table(self) -> None:
        """A case goes only where the table of moves leads."""
        for case in self.cases() if hasattr(self, "states") else []:
            was = self.states.get(case.id, CaseState.OPEN)
            assert case.state in {was} | CASE_MOVES[was]
            self.states[case.id] = case.state

    @invariant()
    def no_family_hears_before_the_identity_stands(self) -> None:
        """Contact, and reunion, only ever stand on a confirmed identity with its evidence."""
        for case in self.cases() if hasattr(self, "states") else []:
            if case.family_contacted_at is not None or case.outcome == Outcome.REUNITED:
                assert case.identity_evidence is not None
                assert case.identity_reference
                assert case.identity_confirmed_at is not None
                assert case.state != CaseState.IDENTITY_REFUTED

    @invariant()
    def two_people_stand_behind_a_case(self) -> None:
        """Who made a lead does not open its case, and no stranger did either; one case a lead."""
        if not hasattr(self, "states"):
            return
        leads = {lead.id: lead for lead in self.leads()}
        cases = self.cases()
        assert len({case.lead_id for case in cases}) == len(cases)
        for case in cases:
            assert leads[case.lead_id].created_by != case.opened_by
            assert leads[case.lead_id].dismissed_at is None
            assert case.opened_by != self.stranger.id

    @invariant()
    def no_child_taken_away_without_an_answer(self) -> None:
        """A case with a removal never ends here: nobody reported for civil affairs."""
        for case in self.cases() if hasattr(self, "states") else []:
            assert case.state != CaseState.CLOSED or not removal.is_one(case)

    @invariant()
    def tips_stand_where_their_work_is(self) -> None:
        """A tip of an open case is a lead unless closed with words; one without work is in nobody's case."""
        if not hasattr(self, "states"):
            return
        tips = {tip.id: tip for tip in self.all(Tip)}
        cases = {case.id: case for case in self.cases()}
        resting = {merge.case_id for merge in self.all(CaseMerge) if merge.undone_at is None}
        held = set()
        for link in self.all(CaseTip):
            case = cases.get(link.case_id)
            if case is not None and case.state != CaseState.CLOSED and case.id not in resting:
                held.add(link.tip_id)
        standing = {lead.tip_id for lead in self.leads() if lead.dismissed_at is None}
        for tip_id in self.own:
            tip = tips[tip_id]
            if tip_id in held:
                assert tip.state == TipState.LEAD
            if tip.state == TipState.LEAD:
                assert tip_id in held | standing
            assert (tip.state == TipState.DISPOSED) == (tip.disposition is not None)


def test_no_order_of_steps_goes_round_a_rule_of_cases(context: Context, make: Make) -> None:
    """Merges, splits, dismissals and reopenings in any order leave every rule standing."""
    run(lambda: Cases(context, make))
