"""Promises about which tips wait in triage."""

from datetime import timedelta

import pytest

from app.candidates.models import CandidateState
from app.core.clock import now
from app.core.paging import PAGE_ROWS
from app.officers.models import Role
from app.tips.models import Tip, TipState
from tests.app.triage.conftest import Desk
from tests.make import Make

OFFICER_ROLES = (Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR)
BEHIND = "The same picture is under review or a lead"


def order(text: str, *tips: Tip) -> list[Tip]:
    return sorted((tip for tip in tips if str(tip.id) in text), key=lambda tip: text.index(str(tip.id)))


class TestTheList:
    @pytest.mark.parametrize(
        "state", [TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.AWAITING_TIPSTER, TipState.ESCALATED]
    )
    @pytest.mark.parametrize("role", OFFICER_ROLES)
    def test_a_tip_that_no_candidate_speaks_for_waits_here(
        self, desk: Desk, make: Make, state: TipState, role: Role
    ) -> None:
        """A tip without a candidate is looked at, too."""
        tip = make.tip(state=state)

        assert str(tip.id) in desk.listed(make.officer(role))

    @pytest.mark.parametrize(
        "state",
        [TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED, TipState.LEAD, TipState.DISPOSED],
    )
    def test_a_tip_elsewhere_does_not(self, desk: Desk, make: Make, state: TipState) -> None:
        """Not ready, worked on, or done."""
        tip = make.tip(state=state)

        assert str(tip.id) not in desk.listed(make.officer())

    def test_a_tip_under_review_comes_back_when_its_candidate_is_settled(
        self, desk: Desk, make: Make
    ) -> None:
        """It waits for the reviewers first, and for triage after."""
        tip = make.tip(state=TipState.IN_REVIEW)
        candidate = make.candidate(tip=tip)
        officer = make.officer()

        assert str(tip.id) not in desk.listed(officer)
        with desk.db.write() as session:
            kept = session.get_one(type(candidate), candidate.id)
            kept.state = CandidateState.WITHDRAWN
            session.add(kept)

        assert str(tip.id) in desk.listed(officer)

    def test_danger_comes_first_then_the_oldest(self, desk: Desk, make: Make) -> None:
        """A child in danger now does not wait behind older tips."""
        newest = make.tip()
        oldest = make.tip(received_at=now() - timedelta(days=2))
        danger = make.tip(danger_now=True)

        text = desk.listed(make.officer())

        assert [tip.id for tip in order(text, newest, oldest, danger)] == [danger.id, oldest.id, newest.id]

    def test_other_areas_have_their_own_list(self, desk: Desk, make: Make) -> None:
        """A district sees its own tips, its city those of all districts."""
        tip = make.tip(area="440304")

        assert str(tip.id) not in desk.listed(make.officer(area="440303"))
        assert str(tip.id) not in desk.listed(make.officer(area="442000"))
        assert str(tip.id) in desk.listed(make.officer(area="440300"))

    def test_an_empty_list_says_so(self, desk: Desk, make: Make) -> None:
        """Nothing to do is no error."""
        assert "No tip of your area waits here." in desk.listed(make.officer())

    def test_a_long_list_goes_on_and_says_how_long_it_is(self, desk: Desk, make: Make) -> None:
        """In a surge the last tip is still counted and reached."""
        tips = [make.tip(photos=0) for _ in range(PAGE_ROWS + 1)]
        officer = make.officer()

        first = desk.listed(officer)
        second = desk.client.get("/console/triage?page=2", as_=officer).text

        assert f"{PAGE_ROWS + 1} tips wait for a decision." in first
        assert str(tips[-1].id) not in first
        assert str(tips[-1].id) in second

    @pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_other_roles_see_no_tips(self, desk: Desk, make: Make, role: Role) -> None:
        """The list is for those who decide on tips."""
        assert desk.client.get("/console/triage", as_=make.officer(role)).status_code == 403


class TestReposts:
    def test_a_repost_waits_for_the_review_of_the_same_picture(self, desk: Desk, make: Make) -> None:
        """A copy is not decided in another way than the picture it repeats."""
        first, copy, own = make.tip(), make.tip(), make.tip()
        make.candidate(tip=first)
        desk.same_picture(first, copy)

        text = desk.listed(make.officer())

        assert text.index(str(own.id)) < text.index(BEHIND) < text.index(str(copy.id))
        assert str(first.id) not in text
        assert "1 tip waits for a decision." in text

    def test_it_waits_for_a_lead_as_well(self, desk: Desk, make: Make) -> None:
        """A copy of a picture that officers work on outside belongs to that work."""
        first, copy = make.tip(state=TipState.LEAD), make.tip()
        desk.same_picture(first, copy)

        text = desk.listed(make.officer())

        assert text.index(BEHIND) < text.index(str(copy.id))

    def test_a_closed_first_tip_holds_nothing_up(self, desk: Desk, make: Make) -> None:
        """When the picture is done, its copies are decided like any tip."""
        first, copy = make.tip(state=TipState.DISPOSED), make.tip()
        desk.same_picture(first, copy)

        text = desk.listed(make.officer())

        assert str(copy.id) in text
        assert BEHIND not in text

    def test_a_flood_of_reposts_hides_no_other_tip(self, desk: Desk, make: Make) -> None:
        """However often a picture is sent again, the tips that need a look stay on the first page."""
        first = make.tip()
        make.candidate(tip=first)
        copies = [make.tip() for _ in range(PAGE_ROWS + 5)]
        desk.same_picture(first, *copies)
        own = make.tip()

        text = desk.listed(make.officer())

        assert str(own.id) in text
        assert "1 tip waits for a decision." in text
        assert f"{PAGE_ROWS + 5} tips wait behind a picture." in text

    def test_the_tips_page_names_the_copies_and_counts_those_elsewhere(self, desk: Desk, make: Make) -> None:
        """A picture claimed for two places is an old one; another area's tip is counted, not shown."""
        tip, copy, foreign = make.tip(), make.tip(place_text="North station"), make.tip(area="442000")
        desk.same_picture(tip, copy, foreign)

        text = desk.page(tip, make.officer())

        assert f"/console/tips/{copy.id}" in text
        assert "North station" in text
        assert str(foreign.id) not in text
        assert foreign.place_text not in text
        assert "1 more tip of another area." in text


class TestLive:
    def test_an_open_page_is_told_of_a_change_and_of_nothing_else(self, desk: Desk, make: Make) -> None:
        """304 while a reader would see the same, the list alone when they would not."""
        tip, officer = make.tip(), make.officer()
        first = desk.client.get("/console/triage/live", as_=officer)
        tag = first.headers["etag"]

        same = desk.client.get("/console/triage/live", as_=officer, headers={"If-None-Match": tag})
        filtered = desk.client.get("/console/triage/live?danger=on", as_=officer)
        desk.dispose(tip, make.officer())
        after = desk.client.get("/console/triage/live", as_=officer, headers={"If-None-Match": tag})

        assert (first.status_code, same.status_code, after.status_code) == (200, 304, 200)
        assert str(tip.id) in first.text
        assert "<html" not in first.text
        assert same.content == b""
        assert str(tip.id) not in filtered.text
        assert str(tip.id) not in after.text

    def test_it_is_for_those_who_may_see_the_list(self, desk: Desk, make: Make) -> None:
        """The same doors as the page's."""
        foreign = make.tip(area="442000")

        assert str(foreign.id) not in desk.client.get("/console/triage/live", as_=make.officer()).text
        assert desk.client.get("/console/triage/live", as_=make.officer(Role.CLERK)).status_code == 403
