"""Promises about who may claim which candidate, and for how long."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
import time_machine
from sqlmodel import select

from app.audit.models import Action
from app.candidates.models import Candidate, CandidateList, CandidateState
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict
from app.officers.models import Officer, Role
from app.reviews import claims
from app.reviews.models import Conclusion, Review, ReviewState
from app.tips.models import TipState
from tests.app.reviews.conftest import NOWHERE, Desk
from tests.make import Make

LEASE_MINUTES = 15


def later(minutes: float) -> datetime:
    return now() + timedelta(minutes=minutes)


def listed(desk: Desk, officer: Officer, *candidates: Candidate) -> list[Candidate]:
    """The candidates that an officer's queue shows, in its order."""
    text = desk.client.get("/console/reviews", as_=officer).text
    shown = [candidate for candidate in candidates if str(candidate.id) in text]
    return sorted(shown, key=lambda candidate: text.index(str(candidate.id)))


def waited(desk: Desk, candidate: Candidate, hours: float) -> Candidate:
    """A candidate whose search was made some hours ago."""
    with desk.db.write() as session:
        made = session.get_one(CandidateList, candidate.list_id)
        made.searched_at = later(-60 * hours)
        session.add(made)
    return candidate


class TestOrder:
    def test_danger_comes_first_then_the_oldest(self, desk: Desk, make: Make) -> None:
        """A child in danger now does not wait behind older tips."""
        newest = make.candidate()
        oldest = waited(desk, make.candidate(tip=make.tip(received_at=later(-6_000))), 100)
        danger = make.candidate(tip=make.tip(received_at=later(5), danger_now=True))
        officer = make.officer()

        shown = listed(desk, officer, newest, oldest, danger)

        assert [item.id for item in shown] == [danger.id, oldest.id, newest.id]
        page = desk.client.get("/console/reviews", as_=officer).text
        assert "3 candidates wait for you." in page
        assert page.count('<span class="tag danger">Danger now</span>') == 1

    def test_the_next_one_is_the_first_of_the_queue(self, desk: Desk, make: Make) -> None:
        """One press brings up the pair that waits longest; another returns to it until it is decided."""
        make.candidate()
        oldest = waited(desk, make.candidate(tip=make.tip(received_at=later(-6_000))), 100)
        officer = make.officer()

        first = desk.client.post("/console/reviews/next", as_=officer)
        again = desk.client.post("/console/reviews/next", as_=officer)

        assert first.status_code == again.status_code == 303
        assert first.headers["location"] == again.headers["location"]
        assert desk.hold(oldest, officer) == UUID(first.headers["location"].rsplit("/", 1)[1])

    def test_an_empty_queue_says_so(self, desk: Desk, make: Make) -> None:
        """Nothing to do is no error."""
        officer = make.officer()

        page = desk.client.get("/console/reviews", as_=officer)
        pressed = desk.client.post("/console/reviews/next", as_=officer)

        assert "Nothing waits for you." in page.text
        assert pressed.headers["location"] == "/console/reviews"

    def test_what_one_has_decided_is_gone_from_the_own_queue_only(self, desk: Desk, make: Make) -> None:
        """It waits for another person."""
        candidate = make.candidate()
        decided, other = make.officer(), make.officer()

        desk.decide(candidate, Conclusion.SUPPORT_SAME, decided)

        assert listed(desk, decided, candidate) == []
        assert len(listed(desk, other, candidate)) == 1

    def test_a_disputed_one_waits_for_supervisors_only(self, desk: Desk, make: Make) -> None:
        """And not for one who was of the pair."""
        candidate = make.candidate()
        _, partial = desk.dispute(candidate)

        assert listed(desk, make.officer(), candidate) == []
        assert listed(desk, partial, candidate) == []
        assert len(listed(desk, make.officer(Role.SUPERVISOR), candidate)) == 1

    def test_a_supervisor_alone_gets_no_first_look(self, desk: Desk, make: Make) -> None:
        """Their queue holds disputes; who is a reviewer as well sees both."""
        candidate = make.candidate()

        assert listed(desk, make.officer(Role.SUPERVISOR), candidate) == []
        assert len(listed(desk, make.officer(Role.SUPERVISOR, Role.REVIEWER), candidate)) == 1


class TestHolding:
    def test_a_held_candidate_is_not_claimed_by_a_second_officer(self, desk: Desk, make: Make) -> None:
        """Two officers at once would see each other's work."""
        candidate = make.candidate()
        holder, other = make.officer(name="Holder Unmistakable"), make.officer()
        desk.hold(candidate, holder)

        refused = desk.claim(candidate, other)

        assert refused.status_code == 409
        assert "A colleague is looking at this candidate just now." in refused.text
        assert "Holder Unmistakable" not in refused.text
        assert listed(desk, other, candidate) == []

    def test_the_own_claim_is_found_again(self, desk: Desk, make: Make) -> None:
        """Pressing twice makes no second review."""
        candidate = make.candidate()
        officer = make.officer()

        assert desk.hold(candidate, officer) == desk.hold(candidate, officer)
        assert "Go on" in desk.client.get("/console/reviews", as_=officer).text

    def test_handed_back_it_waits_for_anyone(self, desk: Desk, make: Make) -> None:
        """Handing back is no decision; the same officer may take it again."""
        candidate = make.candidate()
        officer, other = make.officer(), make.officer()
        review_id = desk.hold(candidate, officer)

        back = desk.client.post(f"/console/reviews/{review_id}/release", as_=officer)
        twice = desk.client.post(f"/console/reviews/{review_id}/release", as_=officer)
        gone = desk.client.get(f"/console/reviews/{review_id}", as_=officer)

        assert back.status_code == 303
        assert twice.status_code == 409
        assert (gone.status_code, gone.headers["location"]) == (303, "/console/reviews")
        assert len(listed(desk, other, candidate)) == len(listed(desk, officer, candidate)) == 1
        assert desk.hold(candidate, officer) != review_id
        assert desk.audited(candidate.id)[1].action == Action.REVIEW_RELEASED

    def test_a_colleagues_claim_cannot_be_handed_back(self, desk: Desk, make: Make) -> None:
        """Nor by a supervisor: the lease runs out by itself."""
        candidate = make.candidate()
        review_id = desk.hold(candidate, make.officer())

        refused = desk.client.post(
            f"/console/reviews/{review_id}/release", as_=make.officer(Role.SUPERVISOR, Role.REVIEWER)
        )

        assert refused.status_code == 404

    def test_a_lease_that_ran_out_lets_a_colleague_in(self, desk: Desk, context: Context, make: Make) -> None:
        """A forgotten tab blocks no child's case; its late decision changes nothing."""
        candidate = make.candidate()
        gone, other = make.officer(), make.officer()
        old = desk.hold(candidate, gone)

        with time_machine.travel(later(LEASE_MINUTES + 1), tick=False):
            assert len(listed(desk, other, candidate)) == 1
            desk.hold(candidate, other)
            late = desk.send(old, gone, Conclusion.SUPPORT_SAME)

        assert late.status_code == 409
        assert "a colleague has taken it over" in late.text
        assert desk.state(candidate) == CandidateState.PROPOSED
        with context.db.read() as session:
            assert session.get_one(Review, old).state == ReviewState.RELEASED
        released = [row for row in desk.audited(candidate.id) if row.action == Action.REVIEW_RELEASED]
        assert [row.detail for row in released] == [{"lease_ran_out": True}]

    def test_a_slow_reviewer_may_finish_when_nobody_took_over(self, desk: Desk, make: Make) -> None:
        """Careful work is not thrown away because a clock ran out."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        with time_machine.travel(later(LEASE_MINUTES + 1), tick=False):
            answer = desk.send(review_id, officer, Conclusion.EXCLUDE)

        assert answer.status_code == 303
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE

    def test_a_slow_reviewer_does_not_become_the_examiner(self, desk: Desk, make: Make) -> None:
        """A review begun as one of the pair does not count as the examination of the pair's dispute."""
        candidate = make.candidate()
        slow = make.officer(Role.REVIEWER, Role.SUPERVISOR)
        review_id = desk.hold(candidate, slow)

        with time_machine.travel(later(LEASE_MINUTES + 1), tick=False):
            desk.dispute(candidate)
            answer = desk.send(review_id, slow, Conclusion.SUPPORT_SAME)

        assert answer.status_code == 409
        assert desk.state(candidate) == CandidateState.DISPUTED
        assert desk.leads() == []


class TestAtTheSameTime:
    def test_of_two_who_claim_at_once_one_wins(self, context: Context, make: Make) -> None:
        """A lost race is answered in words, and nobody holds what another holds."""
        candidates = [make.candidate() for _ in range(5)]
        officers = [make.officer(), make.officer()]
        start = Barrier(len(officers))

        def claim(officer: Officer) -> list[bool]:
            start.wait()
            return [attempt(candidate, officer) for candidate in candidates]

        def attempt(candidate: Candidate, officer: Officer) -> bool:
            try:
                with context.db.write() as session:
                    claims.claim(session, officer, candidate.id, LEASE_MINUTES)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(len(officers)) as pool:
            won = list(pool.map(claim, officers))

        assert [sum(pair) for pair in zip(*won, strict=True)] == [1] * len(candidates)
        with context.db.read() as session:
            held = session.exec(select(Review).where(Review.state == ReviewState.CLAIMED)).all()
        assert {review.candidate_id for review in held} == {candidate.id for candidate in candidates}

    def test_the_database_itself_refuses_a_second_holder(self, context: Context, make: Make) -> None:
        """The rule holds also for a writer that does not ask first."""
        candidate = make.candidate()
        make_review = _reviews_of(context, candidate)

        make_review(make.officer(), ReviewState.CLAIMED)

        with pytest.raises(Exception, match=r"(?i)unique"):
            make_review(make.officer(), ReviewState.CLAIMED)

    def test_the_database_itself_refuses_a_second_decision_of_one_officer(
        self, context: Context, make: Make
    ) -> None:
        """The rule holds also for a writer that does not ask first."""
        candidate = make.candidate()
        officer = make.officer()
        make_review = _reviews_of(context, candidate)

        make_review(officer, ReviewState.DECIDED)

        with pytest.raises(Exception, match=r"(?i)unique"):
            make_review(officer, ReviewState.DECIDED)


class TestAreasAndRoles:
    @pytest.mark.parametrize("area", ["440303", "442000"])
    def test_another_areas_candidates_are_not_there(self, desk: Desk, make: Make, area: str) -> None:
        """Not in the queue, not by address, not by a review's id."""
        candidate = make.candidate()
        stranger = make.officer(Role.REVIEWER, Role.SUPERVISOR, area=area)

        assert listed(desk, stranger, candidate) == []
        assert desk.claim(candidate, stranger).status_code == 404
        assert desk.client.post("/console/reviews/next", as_=stranger).headers["location"].endswith("reviews")
        assert desk.client.post(f"/console/reviews/claim/{NOWHERE}", as_=stranger).status_code == 404

    @pytest.mark.parametrize("area", ["440300", "440000", "CN"])
    def test_the_areas_above_review_too(self, desk: Desk, make: Make, area: str) -> None:
        """A city's or the nation's reviewer helps out below."""
        candidate = make.candidate()

        desk.decide(candidate, Conclusion.EXCLUDE, make.officer(area=area))

        assert desk.state(candidate) == CandidateState.DECIDED_ONCE

    def test_a_tip_that_went_elsewhere_takes_its_candidate_along(self, desk: Desk, make: Make) -> None:
        """Who held it can no longer read or decide it; the new area can."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        desk.change(desk.tip(candidate), jurisdiction_code="442000")

        assert desk.client.get(f"/console/reviews/{review_id}", as_=officer).status_code == 404
        assert desk.send(review_id, officer, Conclusion.SUPPORT_SAME).status_code == 404
        assert desk.client.post(f"/console/reviews/{review_id}/release", as_=officer).status_code == 404
        with time_machine.travel(later(LEASE_MINUTES + 1), tick=False):
            desk.decide(candidate, Conclusion.EXCLUDE, make.officer(area="442000"))
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE

    @pytest.mark.parametrize(
        "role", [Role.INVESTIGATOR, Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN]
    )
    def test_other_roles_review_nothing(self, desk: Desk, make: Make, role: Role) -> None:
        """The queue and every step of it is for reviewers and supervisors."""
        candidate = make.candidate()
        officer = make.officer(role)

        answers = [
            desk.client.get("/console/reviews", as_=officer),
            desk.client.get(f"/console/reviews/{NOWHERE}", as_=officer),
            desk.client.post("/console/reviews/next", as_=officer),
            desk.claim(candidate, officer),
            desk.send(NOWHERE, officer, Conclusion.SUPPORT_SAME),
            desk.client.post(f"/console/reviews/{NOWHERE}/release", as_=officer),
        ]

        assert [answer.status_code for answer in answers] == [403] * len(answers)

    def test_strangers_are_asked_to_sign_in(self, desk: Desk, make: Make) -> None:
        """Without a session nothing is shown and nothing is done."""
        candidate = make.candidate()

        shown = desk.client.get("/console/reviews")
        done = desk.client.post(f"/console/reviews/claim/{candidate.id}")

        assert (shown.status_code, shown.headers["location"]) == (303, "/console/sign-in")
        assert done.status_code == 401
        assert desk.tip(candidate).state == TipState.ROUTED


def _reviews_of(context: Context, candidate: Candidate) -> Callable[[Officer, ReviewState], None]:
    def make_review(officer: Officer, state: ReviewState) -> None:
        with context.db.write() as session:
            session.add(
                Review(
                    candidate_id=candidate.id,
                    officer_id=officer.id,
                    state=state,
                    lease_until=later(LEASE_MINUTES),
                )
            )

    return make_review
