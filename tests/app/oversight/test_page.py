"""Promises about the supervisor's page: its numbers count what it leads to."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import SQLModel

from app.candidates.models import CandidateState
from app.cases.models import Case, CaseState, CaseTask, Lead
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job, JobState
from app.officers.models import Officer, Role
from app.oversight import queries
from app.referrals.models import Agency, Referral, ReferralEvent, ReferralState
from app.reviews.models import Appeal, AppealKind
from app.tips.models import Tip, TipEvent, TipState
from tests.conftest import Client
from tests.make import Make

DAY = timedelta(days=1)


class Floor:
    """An area's work, in rows."""

    def __init__(self, context: Context, make: Make, client: Client) -> None:
        self.context, self.make, self.client = context, make, client
        self.officer = make.officer(Role.INVESTIGATOR, name="Ines Long")

    def add(self, *rows: SQLModel) -> None:
        """Write rows."""
        with self.context.db.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def tip(self, hours: float, state: TipState = TipState.ROUTED, **also: Any) -> Tip:
        """A tip that its area got some hours ago."""
        received = now() - timedelta(hours=hours)
        tip = self.make.tip(state=state, received_at=received, **also)
        event: dict[str, Any] = {"tip_id": tip.id, "jurisdiction_code": tip.jurisdiction_code, "at": received}
        self.add(TipEvent(state=TipState.ROUTED, **event))
        if state != TipState.ROUTED:
            self.add(TipEvent(state=state, **event))
        return tip

    def case(self, number: str = "HW-1", **also: Any) -> Case:
        """A case with the lead and tip it rests on."""
        tip = self.make.tip(state=TipState.LEAD)
        lead = Lead(tip_id=tip.id, jurisdiction_code="440304", reason="")
        self.add(lead)
        case = Case(
            number=number,
            lead_id=lead.id,
            jurisdiction_code="440304",
            opened_by=self.officer.id,
            **also,
        )
        self.add(case)
        return case

    def task(self, case: Case, due_days: float | None, **also: Any) -> None:
        """A task of the officer's."""
        due = None if due_days is None else now() + DAY * due_days
        self.add(
            CaseTask(case_id=case.id, title="Ask the guards", assignee_id=self.officer.id, due_at=due, **also)
        )

    def referral(self, days: float, state: ReferralState = ReferralState.SENT) -> None:
        """A referral that was sent some days ago."""
        sent = now() - DAY * days
        referral = Referral(
            tip_id=self.make.tip().id,
            jurisdiction_code="440304",
            agency=Agency.HOSPITAL,
            request="Examine the wound.",
            state=state,
            sent_by=self.officer.id,
            sent_at=sent,
        )
        self.add(referral)
        steps = [ReferralState.SENT, *([state] if state != ReferralState.SENT else [])]
        for step in steps:
            self.add(ReferralEvent(referral_id=referral.id, at=sent, state=step, officer_id=self.officer.id))

    def everything(self) -> None:
        """One thing of each kind that is late, and one that is not."""
        self.tip(30), self.tip(1), self.tip(200, TipState.ACKNOWLEDGED), self.tip(5, TipState.ESCALATED)
        for hours in (60, 2):
            tip = self.make.tip(state=TipState.LEAD)
            self.add(
                Lead(
                    tip_id=tip.id,
                    jurisdiction_code="440304",
                    reason="",
                    created_at=now() - timedelta(hours=hours),
                )
            )
        case = self.case()
        for days in (-1, 1, None):
            self.task(case, days)
        self.task(case, -1, done_at=now())
        for age, state in (
            (2, ReferralState.SENT),
            (0.5, ReferralState.SENT),
            (20, ReferralState.ACCEPTED),
            (30, ReferralState.COMPLETED),
        ):
            self.referral(age, state)
        disputed, appealed = self.make.candidate(), self.make.candidate()
        with self.context.db.write() as session:
            session.merge(disputed).state = CandidateState.DISPUTED
            session.merge(appealed).state = CandidateState.AGREED_DIFFERENT
        self.add(
            Appeal(
                candidate_id=appealed.id,
                kind=AppealKind.APPEAL,
                officer_id=self.officer.id,
                motive="The scar is elsewhere.",
            )
        )
        failed = self.make.tip(state=TipState.FAILED)
        self.add(Job(kind="process_tip", args={"tip_id": str(failed.id)}, state=JobState.PARKED))

    def page(self, path: str = "", officer: Officer | None = None) -> str:
        """A page as a supervisor of the city sees it."""
        officer = officer or self.make.officer(Role.SUPERVISOR, area="440300", name="Sun")
        answer = self.client.get(f"/console/oversight{path}", as_=officer)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def floor(context: Context, make: Make, client: Client) -> Floor:
    """An area's work."""
    return Floor(context, make, client)


def links(page: str) -> dict[str, int]:
    """The page's numbers by where they lead."""
    found = re.findall(
        r'<a href="(/console/(?:oversight/|appeals|failed)[^"]*)">\s*(?:<span class="count">)?(\d+)', page
    )
    return {path.replace("&amp;", "&"): int(number) for path, number in found}


class TestNumbers:
    def test_each_counts_the_list_that_it_leads_to(self, floor: Floor) -> None:
        """A number that leads to another number is worth nothing."""
        floor.everything()
        sun = floor.make.officer(Role.SUPERVISOR, area="440300")

        found = links(floor.page(officer=sun))

        assert len(found) >= 10
        for path, number in found.items():
            answer = floor.client.get(path, as_=sun)
            assert answer.status_code == 200
            if path.startswith("/console/oversight/"):
                assert f"<p>{number} line" in answer.text, path

    def test_what_ran_out_and_what_runs(self, floor: Floor) -> None:
        """By the clocks of events: opening within a day, a decision within a week."""
        floor.everything()

        found = links(floor.page())

        in_area = "/console/oversight/tips?{}&area=440304"
        assert found[in_area.format("clock=acknowledge&late=true")] == 1
        assert found[in_area.format("clock=decide&late=true")] == 1
        assert found[in_area.format("escalated=true")] == 1
        assert found["/console/oversight/leads?late=true"] == 1
        assert found["/console/oversight/tasks?late=true"] == 1
        assert found["/console/oversight/referrals?late=true"] == 2
        assert found["/console/oversight/disputed"] == 1
        assert found["/console/appeals"] == 1

    def test_a_lead_that_has_its_case_or_was_given_up_is_not_late(self, floor: Floor) -> None:
        """Only what somebody can act on is counted."""
        floor.case()
        tip = floor.make.tip(state=TipState.LEAD)
        floor.add(
            Lead(
                tip_id=tip.id,
                jurisdiction_code="440304",
                reason="",
                created_at=now() - 9 * DAY,
                dismissed_at=now(),
            )
        )

        assert "/console/oversight/leads?late=true" not in links(floor.page())

    def test_an_empty_area_says_so(self, floor: Floor) -> None:
        """Noughts lead nowhere, and lists say that nothing waits."""
        page = floor.page()

        assert links(page) == {}
        assert "No tip of your area is open." in page
        for concern in queries.Concern:
            assert "Nothing of this kind waits." in floor.page(f"/{concern.value}")

    def test_a_drowning_area_is_counted_up_to_a_limit(
        self, floor: Floor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The page never reads a whole table, and says when there is more."""
        monkeypatch.setattr(queries, "MOST", 2)
        monkeypatch.setattr("app.oversight.summary.MOST", 2)
        for hours in (1, 2, 3):
            floor.tip(hours)

        page = floor.page()

        assert links(page)["/console/oversight/tips?clock=acknowledge&area=440304"] == 2
        assert "only the 2 oldest" in page


class TestWhoSees:
    def test_only_supervisors_and_only_their_area(self, floor: Floor) -> None:
        """Another area's work is in no number and no list."""
        floor.everything()
        elsewhere = floor.make.officer(Role.SUPERVISOR, area="440303")

        page = floor.page(officer=elsewhere)

        assert links(page) == {}
        assert "Ines Long" not in page
        for concern in queries.Concern:
            assert "Nothing of this kind waits." in floor.page(f"/{concern.value}", elsewhere)
        for role in (Role.REVIEWER, Role.INVESTIGATOR, Role.AUDITOR, Role.CLERK):
            for path in ("", "/tips"):
                answer = floor.client.get(f"/console/oversight{path}", as_=floor.make.officer(role))
                assert answer.status_code == 403

    def test_one_area_of_several_is_filtered(self, floor: Floor) -> None:
        """A district's number leads to that district's tips; tips that no area has are the nation's."""
        near, far = floor.tip(30), floor.tip(30, area="440303")
        lost = floor.tip(30, area=None)
        nation = floor.make.officer(Role.SUPERVISOR, area="CN")

        here = floor.page("/tips?area=440304")
        nowhere = floor.page("/tips?area=-", nation)

        assert str(near.id) in here
        assert str(far.id) not in here
        assert str(lost.id) in nowhere
        assert str(near.id) not in nowhere

    def test_wrong_filters_are_refused_in_words(self, floor: Floor) -> None:
        """A mistyped address changes nothing and names no fault of the service's."""
        sun = floor.make.officer(Role.SUPERVISOR)

        for path in ("/nothing", "/tips?clock=never", "/tasks?assignee=4711", "/tips?late=perhaps"):
            assert floor.client.get(f"/console/oversight{path}", as_=sun).status_code in {404, 422}


class TestLoad:
    def test_each_officer_with_what_they_have_to_do(self, floor: Floor) -> None:
        """Open tasks lead to those tasks, past ones to the past ones."""
        floor.everything()

        found = links(floor.page())

        tasks = f"/console/oversight/tasks?assignee={floor.officer.id}"
        assert (found[tasks], found[f"{tasks}&late=true"]) == (3, 1)

    def test_tasks_of_closed_cases_weigh_nothing(self, floor: Floor) -> None:
        """A case that is over asks nothing more."""
        floor.task(floor.case(state=CaseState.CLOSED), -1)

        assert links(floor.page()) == {}

    def test_a_long_name_and_markup_stay_text(self, floor: Floor) -> None:
        """What people are called is shown as it is."""
        floor.make.officer(name="<b>Ottokar</b> " + "von " * 30)

        page = floor.page()

        assert "&lt;b&gt;Ottokar" in page
        assert "<b>Ottokar" not in page
