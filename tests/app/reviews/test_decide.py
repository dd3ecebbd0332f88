"""The blind pair: two people, each alone, and no way round them."""

import re
import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from app.audit.service import SYSTEM
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Case, Lead
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict
from app.officers.models import Officer, Role
from app.reviews import service
from app.reviews.models import DIFFERENT, SAME, UNDECIDED, Conclusion, Review
from app.tips import progress
from app.tips.models import Disposition, Tip, TipState
from tests.conftest import Client
from tests.make import Make

REASON = "Ears and brows agree; a scar above the lip."


def review_of(client: Client, officer: Officer, candidate: Candidate) -> str:
    """Claim a candidate by its route; the review's address."""
    answer = client.post(f"/console/reviews/claim/{candidate.id}", as_=officer)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def conclude(
    client: Client, officer: Officer, candidate: Candidate, conclusion: Conclusion, reason: str = REASON
) -> int:
    """Claim and decide; the status of the answer."""
    address = review_of(client, officer, candidate)
    answer = client.post(
        f"{address}/decision", as_=officer, data={"conclusion": conclusion.value, "reason": reason}
    )
    return answer.status_code


def state(context: Context, candidate: Candidate) -> CandidateState:
    with context.db.read() as session:
        return session.get_one(Candidate, candidate.id).state


def tip_of(context: Context, candidate: Candidate) -> Tip:
    with context.db.read() as session:
        return session.get_one(Tip, candidate.tip_id)


def leads(context: Context) -> list[Lead]:
    with context.db.read() as session:
        return list(session.exec(select(Lead)))


class TestCombine:
    @given(st.sampled_from(Conclusion), st.sampled_from(Conclusion))
    def test_order_does_not_matter_and_only_agreement_agrees(
        self, first: Conclusion, second: Conclusion
    ) -> None:
        """Who went first changes nothing."""
        state = service.combine(first, second)

        assert state == service.combine(second, first)
        assert (state == CandidateState.AGREED_SAME) == ({first, second} <= SAME)
        assert (state == CandidateState.AGREED_DIFFERENT) == ({first, second} <= DIFFERENT)
        assert (state == CandidateState.INCONCLUSIVE) == ({first, second} <= UNDECIDED)


class TestTwoPeople:
    def test_agreement_on_the_same_person_makes_a_lead(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Two officers, and only then a lead."""
        candidate = make.candidate()

        conclude(client, make.officer(), candidate, Conclusion.SUPPORT_SAME)
        assert state(context, candidate) == CandidateState.DECIDED_ONCE
        assert leads(context) == []
        conclude(client, make.officer(), candidate, Conclusion.SUPPORT_SAME_STRONG)

        assert state(context, candidate) == CandidateState.AGREED_SAME
        assert [lead.candidate_id for lead in leads(context)] == [candidate.id]
        assert tip_of(context, candidate).state == TipState.LEAD

    @pytest.mark.parametrize(
        ("first", "second", "settled"),
        [
            (Conclusion.EXCLUDE, Conclusion.SUPPORT_DIFFERENT, CandidateState.AGREED_DIFFERENT),
            (Conclusion.INCONCLUSIVE, Conclusion.IMAGE_INSUFFICIENT, CandidateState.INCONCLUSIVE),
        ],
    )
    def test_without_a_lead_the_tip_goes_to_triage(
        self,
        context: Context,
        client: Client,
        make: Make,
        first: Conclusion,
        second: Conclusion,
        settled: CandidateState,
    ) -> None:
        """Different or unclear is no end for the tip."""
        candidate = make.candidate()

        conclude(client, make.officer(), candidate, first)
        conclude(client, make.officer(), candidate, second)

        assert state(context, candidate) == settled
        assert leads(context) == []
        assert tip_of(context, candidate).state == TipState.ROUTED

    def test_the_same_officer_cannot_be_both(self, context: Context, client: Client, make: Make) -> None:
        """A second pair of eyes has to be another pair."""
        candidate, officer = make.candidate(), make.officer()
        conclude(client, officer, candidate, Conclusion.SUPPORT_SAME)

        again = client.post(f"/console/reviews/claim/{candidate.id}", as_=officer)

        assert again.status_code == 409
        assert state(context, candidate) == CandidateState.DECIDED_ONCE

    def test_a_decision_cannot_be_sent_twice(self, context: Context, client: Client, make: Make) -> None:
        """A double click is one decision."""
        candidate, officer = make.candidate(), make.officer()
        address = review_of(client, officer, candidate)
        form = {"conclusion": "support_same", "reason": REASON}

        first = client.post(f"{address}/decision", as_=officer, data=form)
        second = client.post(f"{address}/decision", as_=officer, data=form)

        assert (first.status_code, second.status_code) == (303, 409)
        assert leads(context) == []

    def test_nobody_decides_in_a_colleagues_review(self, client: Client, make: Make) -> None:
        """A review is its holder's."""
        address = review_of(client, make.officer(), make.candidate())

        answer = client.post(
            f"{address}/decision", as_=make.officer(), data={"conclusion": "exclude", "reason": REASON}
        )

        assert answer.status_code == 404

    def test_disagreement_goes_to_a_supervisor_who_decides_alone(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Same against different: an examiner, who is neither of the two."""
        candidate, supervisor = make.candidate(), make.officer(Role.SUPERVISOR)
        conclude(client, make.officer(), candidate, Conclusion.SUPPORT_SAME)
        conclude(client, make.officer(), candidate, Conclusion.EXCLUDE)
        assert state(context, candidate) == CandidateState.DISPUTED
        reviewer = client.post(f"/console/reviews/claim/{candidate.id}", as_=make.officer())
        assert reviewer.status_code == 409

        conclude(client, supervisor, candidate, Conclusion.SUPPORT_SAME)

        assert state(context, candidate) == CandidateState.EXAMINED
        assert len(leads(context)) == 1

    def test_a_supervisor_who_was_one_of_the_two_cannot_examine(self, client: Client, make: Make) -> None:
        """Nobody judges their own disagreement."""
        candidate, both = make.candidate(), make.officer(Role.SUPERVISOR, Role.REVIEWER)
        conclude(client, both, candidate, Conclusion.SUPPORT_SAME)
        conclude(client, make.officer(), candidate, Conclusion.EXCLUDE)

        assert client.post(f"/console/reviews/claim/{candidate.id}", as_=both).status_code == 409

    @pytest.mark.parametrize("reason", ["", "   ", "same", " " * 50])
    def test_no_decision_without_words(
        self, context: Context, client: Client, make: Make, reason: str
    ) -> None:
        """A conclusion is justified in writing, and what was chosen stays chosen."""
        candidate, officer = make.candidate(), make.officer()
        address = review_of(client, officer, candidate)

        answer = client.post(
            f"{address}/decision", as_=officer, data={"conclusion": "exclude", "reason": reason}
        )

        assert answer.status_code == 422
        assert re.search(r'value="exclude"[^>]*checked', answer.text)
        assert state(context, candidate) == CandidateState.PROPOSED

    def test_an_unknown_conclusion_is_refused(self, context: Context, client: Client, make: Make) -> None:
        """Six conclusions and no seventh."""
        candidate, officer = make.candidate(), make.officer()
        address = review_of(client, officer, candidate)

        answer = client.post(
            f"{address}/decision", as_=officer, data={"conclusion": "lead", "reason": REASON}
        )

        assert answer.status_code == 422
        assert state(context, candidate) == CandidateState.PROPOSED

    def test_no_route_leads_from_a_candidate_to_a_case(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """A score never opens a case: what is no lead cannot become one by its id."""
        candidate = make.candidate(score=0.99)
        investigator = make.officer(Role.INVESTIGATOR, Role.SUPERVISOR)

        for thing in (candidate.id, candidate.tip_id, uuid4()):
            answer = client.post(f"/console/leads/{thing}/case", as_=investigator)
            assert answer.status_code == 404
        lead = client.post(
            f"/console/tips/{candidate.tip_id}/lead",
            as_=investigator,
            data={"lead_reason": "The score is so high that it must be the child."},
        )

        assert lead.status_code == 409
        with context.db.read() as session:
            assert session.exec(select(Case)).first() is None
            assert session.exec(select(Lead)).first() is None


class TestHolding:
    def test_one_candidate_is_held_by_one_officer(self, client: Client, make: Make) -> None:
        """Two people do not do the same work at once."""
        candidate = make.candidate()
        review_of(client, make.officer(), candidate)

        assert client.post(f"/console/reviews/claim/{candidate.id}", as_=make.officer()).status_code == 409

    def test_eight_officers_at_once_get_one_holder(self, context: Context, make: Make) -> None:
        """The race has one winner, and the others are told in plain words."""
        candidate, officers = make.candidate(), [make.officer() for _ in range(8)]
        won: list[UUID] = []
        lost: list[str] = []

        def claim(officer: Officer) -> None:
            try:
                with context.db.write() as session:
                    service.claim(session, officer, candidate.id, 15)
                won.append(officer.id)
            except Conflict as refusal:
                lost.append(refusal.message)

        threads = [threading.Thread(target=claim, args=(officer,)) for officer in officers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (len(won), len(lost)) == (1, 7)

    def test_a_lease_that_ran_out_frees_the_candidate(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """A closed laptop does not bury a child's candidate."""
        candidate, away, present = make.candidate(), make.officer(), make.officer()
        address = review_of(client, away, candidate)

        later = now() + timedelta(minutes=context.settings.review_lease_minutes, seconds=1)
        with time_machine.travel(later):
            review_of(client, present, candidate)
            late = client.post(
                f"{address}/decision", as_=away, data={"conclusion": "exclude", "reason": REASON}
            )

        assert late.status_code == 409
        assert state(context, candidate) == CandidateState.PROPOSED

    def test_handing_back_is_no_decision(self, context: Context, client: Client, make: Make) -> None:
        """Skipped without blame, it waits for the next."""
        candidate, officer = make.candidate(), make.officer()
        address = review_of(client, officer, candidate)

        assert client.post(f"{address}/release", as_=officer).status_code == 303

        assert state(context, candidate) == CandidateState.PROPOSED
        assert review_of(client, make.officer(), candidate)

    def test_a_withdrawn_tip_is_not_decided(self, context: Context, client: Client, make: Make) -> None:
        """What its sender took back leads nowhere."""
        candidate, officer = make.candidate(), make.officer()
        address = review_of(client, officer, candidate)
        with context.db.write() as session:
            tip = session.get_one(Tip, candidate.tip_id)
            progress.dispose(session, tip, Disposition.WITHDRAWN_BY_TIPSTER, SYSTEM, "taken back")

        answer = client.post(
            f"{address}/decision", as_=officer, data={"conclusion": "support_same", "reason": REASON}
        )

        assert answer.status_code == 409

    def test_a_claim_does_not_change_what_a_waiting_tipster_reads(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """A question that disappeared would tell that there is a candidate."""
        candidate = make.candidate(tip=make.tip(state=TipState.AWAITING_TIPSTER))

        review_of(client, make.officer(), candidate)

        assert tip_of(context, candidate).state == TipState.AWAITING_TIPSTER


class TestBlindness:
    SECRETS = (
        "0.73",
        "0.586",
        "0.42",
        "face_recognition",
        "proposed",
        "decided_once",
        'support_same" checked',
    )

    def test_first_and_second_reviewer_see_the_same_page(self, client: Client, make: Make) -> None:
        """Nothing tells a second reviewer that somebody was there before, or what they concluded."""
        candidate = make.candidate()
        first, second = make.officer(name="Ada Colleague"), make.officer(name="Bob Reviewer")
        pages = []
        for officer in (first, second):
            queue = client.get("/console/reviews", as_=officer)
            address = review_of(client, officer, candidate)
            shown = client.get(address, as_=officer)
            tip = client.get(f"/console/tips/{candidate.tip_id}", as_=officer)
            pages.append([masked(page.text, officer, address) for page in (queue, shown, tip)])
            client.post(
                f"{address}/decision",
                as_=officer,
                data={"conclusion": "support_same", "reason": "Planted words of the first reviewer."},
            ) if officer is first else None

        assert pages[0] == pages[1]
        for page in pages[1]:
            assert "Planted words" not in page
            assert "Ada Colleague" not in page
            for secret in self.SECRETS:
                assert secret not in page

    def test_the_decision_page_holds_no_score_either(self, client: Client, make: Make) -> None:
        """After the own decision: how many wrong ones a list like this has, no score and no colleague."""
        candidate, officer = make.candidate(), make.officer()
        conclude(client, make.officer(name="Ada Colleague"), candidate, Conclusion.EXCLUDE)
        address = review_of(client, officer, candidate)
        client.post(f"{address}/decision", as_=officer, data={"conclusion": "exclude", "reason": REASON})

        page = client.get(address, as_=officer)

        assert "0.42" in page.text
        assert "0.73" not in page.text
        assert "Ada Colleague" not in page.text


class TestQueue:
    def test_danger_comes_first_and_other_areas_do_not_come(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """The queue is the officer's own, by need."""
        make.candidate(tip=make.tip(area="442000"))
        calm, danger = make.tip(), make.tip()
        make.candidate(tip=calm)
        make.candidate(tip=danger)
        with context.db.write() as session:
            # A tip's content cannot be changed; a dangerous one is made as such.
            session.connection().exec_driver_sql("DROP TRIGGER tip_no_update")
            session.connection().exec_driver_sql(
                "UPDATE tip SET danger_now = 1 WHERE id = ?", (danger.id.hex,)
            )

        page = client.get("/console/reviews", as_=make.officer())

        assert page.text.index(danger.place_text) < page.text.index(calm.place_text)
        assert page.text.count("/console/reviews/claim/") == 2

    def test_an_empty_queue_says_so(self, client: Client, make: Make) -> None:
        """No blank page."""
        page = client.get("/console/reviews", as_=make.officer())

        assert "Nothing waits for you" in page.text
        assert (
            client.post("/console/reviews/next", as_=make.officer()).headers["location"] == "/console/reviews"
        )

    def test_another_areas_candidate_looks_like_none(self, client: Client, make: Make) -> None:
        """Foreign and missing answer alike."""
        candidate, officer = make.candidate(tip=make.tip(area="442000")), make.officer(area="440304")

        assert client.post(f"/console/reviews/claim/{candidate.id}", as_=officer).status_code == 404

    @pytest.mark.parametrize(
        "role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN, Role.INVESTIGATOR]
    )
    def test_other_roles_do_not_review(self, client: Client, make: Make, role: Role) -> None:
        """Reviewing is a role."""
        assert client.get("/console/reviews", as_=make.officer(role)).status_code == 403

    def test_lists_hold_reviews_only_of_their_officer(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """What I decided does not come back to me."""
        candidate, officer = make.candidate(), make.officer()
        conclude(client, officer, candidate, Conclusion.EXCLUDE)

        assert str(candidate.id) not in client.get("/console/reviews", as_=officer).text
        with context.db.read() as session:
            assert len(session.exec(select(Review)).all()) == 1


def masked(text: str, officer: Officer, address: str) -> str:
    """A page without what differs by who looks and when: the name, the review's id, times."""
    text = text.replace(officer.name, "NAME").replace(address.rsplit("/", 1)[1], "REVIEW")
    return re.sub(r"\d{1,2}:\d\d(:\d\d)?", "TIME", text)
