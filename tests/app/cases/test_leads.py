"""Promises about how a lead comes to be."""

import pytest

from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import progress as candidates
from app.candidates.models import Candidate, CandidateState
from app.cases import leads
from app.core.context import Context
from app.core.errors import Conflict, Invalid
from app.officers.models import Role
from app.tips import progress
from app.tips.models import Disposition, Tip, TipState
from tests.app.cases.desk import REASON, Desk
from tests.make import Make


class TestFromCandidate:
    def test_an_agreed_candidate_makes_a_lead_of_its_tip(self, desk: Desk) -> None:
        """The lead carries the tip's area and the candidate's record, and is in the audit log."""
        lead = desk.agreed_lead()

        assert lead.jurisdiction_code == "440304"
        assert lead.record_id is not None
        assert lead.created_by is None
        assert desk.tip(lead.tip_id).state == TipState.LEAD
        assert [event.subject_id for event in desk.audited(Action.LEAD_MADE)] == [str(lead.id)]

    @pytest.mark.parametrize(
        "state",
        sorted(set(CandidateState) - {CandidateState.AGREED_SAME, CandidateState.EXAMINED}),
    )
    def test_no_candidate_becomes_a_lead_before_two_officers_decided(
        self, desk: Desk, context: Context, make: Make, state: CandidateState
    ) -> None:
        """There is no path from a score to a case, whoever calls."""
        candidate = make.candidate()
        with context.db.write() as session:
            session.get_one(Candidate, candidate.id).state = state

        with pytest.raises(Conflict), context.db.write() as session:
            kept = session.get_one(Candidate, candidate.id)
            leads.from_candidate(session, kept, session.get_one(Tip, kept.tip_id))

        assert desk.tip(candidate.tip_id).state == TipState.ROUTED

    def test_a_candidate_makes_one_lead_only(self, desk: Desk, context: Context) -> None:
        """A repeated call changes nothing."""
        lead = desk.agreed_lead()

        with pytest.raises(Conflict), context.db.write() as session:
            kept = session.get_one(Candidate, lead.candidate_id)
            leads.from_candidate(session, kept, session.get_one(Tip, kept.tip_id))

        assert len(desk.audited(Action.LEAD_MADE)) == 1

    def test_a_withdrawn_tip_makes_no_lead(self, desk: Desk, context: Context, make: Make) -> None:
        """Who takes a tip back before it is a lead has taken it back."""
        tip = make.tip()
        with context.db.write() as session:
            progress.dispose(
                session,
                session.get_one(Tip, tip.id),
                Disposition.WITHDRAWN_BY_TIPSTER,
                SYSTEM,
                "Taken back.",
            )

        with pytest.raises(Conflict):
            desk.agreed_lead(tip)

        assert desk.tip(tip.id).state == TipState.DISPOSED

    def test_a_tip_closed_meanwhile_comes_back_without_its_disposition(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """What two officers see in it outweighs an earlier code; the tipster reads no stale answer."""
        tip = make.tip()
        with context.db.write() as session:
            progress.dispose(
                session,
                session.get_one(Tip, tip.id),
                Disposition.UNABLE_TO_LOCATE,
                SYSTEM,
                "Nobody there.",
            )

        desk.agreed_lead(tip)

        back = desk.tip(tip.id)
        assert (back.state, back.disposition, back.disposed_at) == (TipState.LEAD, None, None)


class TestFromTriage:
    def test_a_reason_in_words_makes_a_lead(self, desk: Desk, make: Make) -> None:
        """The officer who made it stays known, because another one has to open the case."""
        maker = make.officer()

        lead = desk.triage_lead(maker)

        assert (lead.created_by, lead.reason, lead.candidate_id) == (maker.id, REASON, None)
        assert desk.tip(lead.tip_id).state == TipState.LEAD

    def test_nineteen_characters_are_too_few(self, context: Context, make: Make) -> None:
        """Space around the words does not count."""
        tip, maker = make.tip(), make.officer()

        with pytest.raises(Invalid) as refusal, context.db.write() as session:
            leads.from_triage(session, session.get_one(Tip, tip.id), maker, f"  {'x' * 19}  ")

        assert refusal.value.field == "reason"

    @pytest.mark.parametrize("state", [TipState.LEAD, TipState.DISPOSED, TipState.RECEIVED, TipState.FAILED])
    def test_a_tip_in_another_state_makes_none(self, desk: Desk, make: Make, state: TipState) -> None:
        """A tip is made a lead once, and never past the preparation or its end."""
        tip = make.tip(state=state)

        with pytest.raises(Conflict):
            desk.triage_lead(make.officer(), tip)

        assert desk.tip(tip.id).state == state

    def test_an_open_candidate_is_decided_first(self, desk: Desk, context: Context, make: Make) -> None:
        """Triage is no way round the blind pair; once the candidate is settled, the way is free."""
        candidate = make.candidate()
        tip = desk.tip(candidate.tip_id)

        with pytest.raises(Conflict):
            desk.triage_lead(make.officer(Role.SUPERVISOR), tip)

        with context.db.write() as session:
            candidates.withdraw(session, [session.get_one(Candidate, candidate.id)], "record_closed")
        assert desk.triage_lead(make.officer(), tip).tip_id == tip.id
