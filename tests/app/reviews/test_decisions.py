"""Promises about two blind decisions and what they make of a candidate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.models import Action
from app.candidates.models import CANDIDATE_MOVES, OPEN_CANDIDATE_STATES, CandidateState
from app.officers.models import Role
from app.reviews.models import DIFFERENT, SAME, UNDECIDED, Conclusion
from app.reviews.settling import combine
from app.tips.models import Disposition, TipState
from tests.app.reviews.conftest import NOWHERE, REASON, Desk
from tests.make import Make

conclusions = st.sampled_from(Conclusion)


class TestCombine:
    @given(first=conclusions, second=conclusions)
    @settings(deadline=None)
    def test_it_does_not_matter_who_came_first(self, first: Conclusion, second: Conclusion) -> None:
        """Neither of the pair counts more than the other."""
        assert combine(first, second) == combine(second, first)

    @given(first=conclusions, second=conclusions)
    @settings(deadline=None)
    def test_only_two_supports_agree_on_the_same_person(self, first: Conclusion, second: Conclusion) -> None:
        """One officer alone never makes a lead."""
        agreed = combine(first, second) == CandidateState.AGREED_SAME

        assert agreed == (first in SAME and second in SAME)

    @given(first=conclusions, second=conclusions)
    @settings(deadline=None)
    def test_one_support_is_always_examined(self, first: Conclusion, second: Conclusion) -> None:
        """Nobody who was recognised by one officer is dropped by the other alone."""
        disputed = combine(first, second) == CandidateState.DISPUTED

        assert disputed == ((first in SAME) != (second in SAME))

    @given(first=conclusions, second=conclusions)
    @settings(deadline=None)
    def test_the_result_is_a_move_that_the_table_allows(self, first: Conclusion, second: Conclusion) -> None:
        """No pair of conclusions leaves a candidate stuck."""
        assert combine(first, second) in CANDIDATE_MOVES[CandidateState.DECIDED_ONCE]

    def test_the_three_groups_hold_each_conclusion_once(self) -> None:
        """A conclusion that counted twice, or not at all, would settle the wrong way."""
        assert len(SAME) + len(DIFFERENT) + len(UNDECIDED) == len(Conclusion)
        assert set(Conclusion) == SAME | DIFFERENT | UNDECIDED


class TestTwoReviewers:
    def test_two_who_support_the_same_person_make_a_lead(self, desk: Desk, make: Make) -> None:
        """What both say independently is worth offline work."""
        candidate = make.candidate()

        desk.decide(candidate, Conclusion.SUPPORT_SAME_STRONG)
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE
        assert desk.leads() == []
        desk.decide(candidate, Conclusion.SUPPORT_SAME)

        assert desk.state(candidate) == CandidateState.AGREED_SAME
        (lead,) = desk.leads()
        assert (lead.tip_id, lead.candidate_id) == (candidate.tip_id, candidate.id)
        assert lead.record_id == candidate.record_id
        assert lead.jurisdiction_code == "440304"
        assert desk.tip(candidate).state == TipState.LEAD

    @pytest.mark.parametrize(
        ("first", "second", "state"),
        [
            (Conclusion.EXCLUDE, Conclusion.SUPPORT_DIFFERENT, CandidateState.AGREED_DIFFERENT),
            (Conclusion.INCONCLUSIVE, Conclusion.IMAGE_INSUFFICIENT, CandidateState.INCONCLUSIVE),
            (Conclusion.IMAGE_INSUFFICIENT, Conclusion.EXCLUDE, CandidateState.INCONCLUSIVE),
        ],
    )
    def test_without_support_the_tip_goes_to_triage(
        self, desk: Desk, make: Make, first: Conclusion, second: Conclusion, state: CandidateState
    ) -> None:
        """A tip is not forgotten because the machine's guess was wrong."""
        candidate = make.candidate()

        desk.decide(candidate, first)
        assert desk.tip(candidate).state == TipState.IN_REVIEW
        desk.decide(candidate, second)

        assert desk.state(candidate) == state
        assert desk.tip(candidate).state == TipState.ROUTED
        assert desk.leads() == []

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (Conclusion.SUPPORT_SAME, Conclusion.EXCLUDE),
            (Conclusion.SUPPORT_SAME_STRONG, Conclusion.INCONCLUSIVE),
            (Conclusion.SUPPORT_DIFFERENT, Conclusion.SUPPORT_SAME),
        ],
    )
    def test_who_disagree_leave_it_to_an_examiner(
        self, desk: Desk, make: Make, first: Conclusion, second: Conclusion
    ) -> None:
        """Disagreement settles nothing: the tip stays in review and no lead is made."""
        candidate = make.candidate()

        desk.decide(candidate, first)
        desk.decide(candidate, second)

        assert desk.state(candidate) == CandidateState.DISPUTED
        assert desk.tip(candidate).state == TipState.IN_REVIEW
        assert desk.leads() == []

    def test_closing_one_candidate_closes_no_other(self, desk: Desk, make: Make) -> None:
        """The same face may resemble several records; each is decided for itself."""
        candidate = make.candidate()
        other = desk.another(candidate)

        desk.decide(candidate, Conclusion.EXCLUDE)
        desk.decide(candidate, Conclusion.EXCLUDE)
        assert desk.tip(candidate).state == TipState.IN_REVIEW
        assert desk.state(other) == CandidateState.PROPOSED
        desk.decide(other, Conclusion.SUPPORT_SAME)
        desk.decide(other, Conclusion.SUPPORT_SAME)

        assert desk.state(candidate) == CandidateState.AGREED_DIFFERENT
        assert [lead.candidate_id for lead in desk.leads()] == [other.id]

    def test_a_lead_leaves_the_other_candidates_open(self, desk: Desk, make: Make) -> None:
        """The second record is compared although the first has become a lead, and may become one too."""
        candidate = make.candidate()
        other = desk.another(candidate)
        for _ in range(2):
            desk.decide(candidate, Conclusion.SUPPORT_SAME)

        assert desk.state(other) == CandidateState.PROPOSED
        for _ in range(2):
            desk.decide(other, Conclusion.SUPPORT_SAME)

        assert {lead.candidate_id for lead in desk.leads()} == {candidate.id, other.id}
        assert desk.tip(candidate).state == TipState.LEAD

    def test_every_step_is_in_the_audit_log(self, desk: Desk, make: Make) -> None:
        """Who claimed, who concluded what, and what it made can be proven later."""
        candidate = make.candidate()
        first, second = make.officer(), make.officer()

        desk.decide(candidate, Conclusion.SUPPORT_SAME, first)
        desk.decide(candidate, Conclusion.SUPPORT_SAME_STRONG, second)

        rows = desk.audited(candidate.id, desk.leads()[0].id)
        assert [(row.action, row.actor_id) for row in rows] == [
            (Action.REVIEW_CLAIMED, str(first.id)),
            (Action.REVIEW_DECIDED, str(first.id)),
            (Action.REVIEW_CLAIMED, str(second.id)),
            (Action.REVIEW_DECIDED, str(second.id)),
            (Action.CANDIDATE_SETTLED, str(second.id)),
            (Action.LEAD_MADE, str(second.id)),
        ]
        assert rows[1].detail["conclusion"] == "support_same"
        assert rows[4].detail["state"] == "agreed_same"
        assert all(REASON not in str(row.detail) for row in rows)


class TestExaminer:
    @pytest.mark.parametrize("conclusion", sorted(SAME))
    def test_an_examiner_who_supports_the_same_person_makes_a_lead(
        self, desk: Desk, make: Make, conclusion: Conclusion
    ) -> None:
        """A supervisor's look settles a dispute."""
        candidate = make.candidate()
        desk.dispute(candidate)

        desk.decide(candidate, conclusion, make.officer(Role.SUPERVISOR))

        assert desk.state(candidate) == CandidateState.EXAMINED
        assert [lead.candidate_id for lead in desk.leads()] == [candidate.id]

    @pytest.mark.parametrize("conclusion", sorted(DIFFERENT | UNDECIDED))
    def test_an_examiner_who_does_not_closes_the_candidate(
        self, desk: Desk, make: Make, conclusion: Conclusion
    ) -> None:
        """Without support there is no lead, and the tip goes to triage."""
        candidate = make.candidate()
        desk.dispute(candidate)

        desk.decide(candidate, conclusion, make.officer(Role.SUPERVISOR))

        assert desk.state(candidate) == CandidateState.EXAMINED
        assert desk.leads() == []
        assert desk.tip(candidate).state == TipState.ROUTED

    def test_nobody_of_the_pair_examines_their_own_dispute(self, desk: Desk, make: Make) -> None:
        """A supervisor who was one of the two is no third opinion."""
        candidate = make.candidate()
        _, supervisor = desk.dispute(candidate)

        assert desk.claim(candidate, supervisor).status_code == 409

    def test_a_reviewer_does_not_examine(self, desk: Desk, make: Make) -> None:
        """A third reviewer does not outvote the pair."""
        candidate = make.candidate()
        desk.dispute(candidate)

        assert desk.claim(candidate, make.officer()).status_code == 409

    def test_a_supervisor_alone_is_no_reviewer(self, desk: Desk, make: Make) -> None:
        """Who examines disputes does not take the first look as well."""
        assert desk.claim(make.candidate(), make.officer(Role.SUPERVISOR)).status_code == 409


class TestShortcuts:
    def test_the_same_officer_does_not_decide_twice(self, desk: Desk, make: Make) -> None:
        """The second reviewer is another person, whatever address is used."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.decide(candidate, Conclusion.SUPPORT_SAME, officer)

        assert desk.claim(candidate, officer).status_code == 409
        assert desk.send(review_id, officer, Conclusion.SUPPORT_SAME).status_code == 409
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE
        assert desk.leads() == []

    def test_a_decision_without_a_claim_has_no_address(self, desk: Desk, make: Make) -> None:
        """A candidate's id is not a review's, and a colleague's review is not one's own."""
        candidate = make.candidate()
        holder, other = make.officer(), make.officer()
        review_id = desk.hold(candidate, holder)

        assert desk.send(candidate.id, other, Conclusion.SUPPORT_SAME).status_code == 404
        assert desk.send(review_id, other, Conclusion.SUPPORT_SAME).status_code == 404
        assert desk.send(NOWHERE, other, Conclusion.SUPPORT_SAME).status_code == 404
        assert desk.state(candidate) == CandidateState.PROPOSED

    @pytest.mark.parametrize("state", [s for s in CandidateState if s not in OPEN_CANDIDATE_STATES])
    def test_a_settled_candidate_is_not_decided_again(
        self, desk: Desk, make: Make, state: CandidateState
    ) -> None:
        """A decision that comes late changes nothing."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        desk.change(candidate, state=state)

        assert desk.send(review_id, officer, Conclusion.SUPPORT_SAME).status_code == 409
        assert desk.claim(candidate, make.officer()).status_code == 409
        assert desk.state(candidate) == state

    def test_a_tip_taken_back_is_not_decided_on(self, desk: Desk, make: Make) -> None:
        """Its sender's word counts also while somebody holds the candidate."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        desk.change(
            desk.tip(candidate), state=TipState.DISPOSED, disposition=Disposition.WITHDRAWN_BY_TIPSTER
        )

        shown = desk.client.get(f"/console/reviews/{review_id}", as_=officer)
        answer = desk.send(review_id, officer, Conclusion.SUPPORT_SAME)

        assert (shown.status_code, answer.status_code) == (409, 409)
        assert "/console/photos/" not in shown.text
        assert "The tip was withdrawn meanwhile." in answer.text
        assert desk.claim(candidate, make.officer()).status_code == 409
        assert desk.state(candidate) == CandidateState.PROPOSED

    def test_a_candidate_handed_back_is_not_decided(self, desk: Desk, make: Make) -> None:
        """Who gave it back claims it again first."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        assert desk.client.post(f"/console/reviews/{review_id}/release", as_=officer).status_code == 303

        assert desk.send(review_id, officer, Conclusion.SUPPORT_SAME).status_code == 409
        assert desk.state(candidate) == CandidateState.PROPOSED

    @pytest.mark.parametrize("state", [TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED])
    def test_a_tip_that_is_not_ready_is_not_decided_on(self, desk: Desk, make: Make, state: TipState) -> None:
        """The second reviewer must not meet a tip that cannot become a lead."""
        candidate = make.candidate(tip=make.tip(state=state))
        officer = make.officer()

        assert desk.claim(candidate, officer).status_code == 409
        next_one = desk.client.post("/console/reviews/next", as_=officer)
        assert next_one.headers["location"] == "/console/reviews"

    @pytest.mark.parametrize("reason", ["", "   ", "too short", " " * 30, "x" * 5_000])
    def test_a_decision_has_a_written_reason(self, desk: Desk, make: Make, reason: str) -> None:
        """A click alone decides nothing; what was chosen and written is still on the page."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        answer = desk.send(review_id, officer, Conclusion.SUPPORT_SAME, reason)

        assert answer.status_code == 422
        assert "Give the reason in" in answer.text
        assert reason in answer.text
        assert desk.state(candidate) == CandidateState.PROPOSED

    def test_a_decision_names_a_conclusion(self, desk: Desk, make: Make) -> None:
        """None or an unknown one is asked for again, and nothing is saved."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        url = f"/console/reviews/{review_id}/decision"

        missing = desk.client.post(url, as_=officer, data={"reason": REASON})
        unknown = desk.send(review_id, officer, "certainly_the_same")

        assert missing.status_code == 422
        assert "Choose a conclusion." in missing.text
        assert REASON in missing.text
        assert unknown.status_code == 422
        assert "certainly_the_same" not in unknown.text
        assert desk.state(candidate) == CandidateState.PROPOSED


class TestAddedLater:
    def test_a_disposed_tip_comes_back_as_a_lead(self, desk: Desk, make: Make) -> None:
        """A record registered after the tip was closed still finds it, and only agreement reopens it."""
        candidate = make.candidate(tip=make.tip(state=TipState.DISPOSED))
        desk.change(desk.tip(candidate), disposition=Disposition.UNABLE_TO_LOCATE)

        desk.decide(candidate, Conclusion.SUPPORT_SAME)
        assert desk.tip(candidate).state == TipState.DISPOSED
        desk.decide(candidate, Conclusion.SUPPORT_SAME)

        assert desk.tip(candidate).state == TipState.LEAD
        assert desk.tip(candidate).disposition is None

    def test_a_disposed_tip_stays_so_without_agreement(self, desk: Desk, make: Make) -> None:
        """A wrong candidate does not reopen what was closed."""
        candidate = make.candidate(tip=make.tip(state=TipState.DISPOSED))
        desk.change(desk.tip(candidate), disposition=Disposition.UNABLE_TO_LOCATE)

        for _ in range(2):
            desk.decide(candidate, Conclusion.EXCLUDE)

        assert desk.tip(candidate).state == TipState.DISPOSED
        assert desk.tip(candidate).disposition == Disposition.UNABLE_TO_LOCATE

    def test_a_tip_that_waits_for_its_sender_keeps_waiting(self, desk: Desk, make: Make) -> None:
        """The tipster's page would tell of a candidate if a claim changed what it says."""
        candidate = make.candidate(tip=make.tip(state=TipState.AWAITING_TIPSTER))

        desk.decide(candidate, Conclusion.EXCLUDE)

        assert desk.tip(candidate).state == TipState.AWAITING_TIPSTER
