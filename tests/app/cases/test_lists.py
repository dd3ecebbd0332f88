"""The lists: which cases, tasks and leads they show, to whom, and what they call overdue."""

from datetime import timedelta
from uuid import UUID

import pytest
import time_machine

from app.cases import dismissal, lists, queries, tasks
from app.cases.lists import CaseFilters
from app.cases.models import Case, CaseState
from app.core.clock import now
from app.officers.models import Officer, Role
from app.tips.models import Tip
from tests.app.cases.desk import Desk
from tests.app.cases.test_merging import MOTIVE, merge
from tests.conftest import Client
from tests.make import Make


def found(desk: Desk, officer: Officer, **filters: object) -> set[UUID]:
    """Ids of the cases that a list shows."""
    with desk.context.db.read() as session:
        return {case.id for case in lists.cases(session, officer, CaseFilters(**filters), 1).items}  # type: ignore[arg-type]


def give(desk: Desk, case: Case, officer: Officer | None, hours: float) -> None:
    """A task of the case that is due in some hours."""
    with desk.context.db.write() as session:
        tasks.add(
            session,
            desk.investigator,
            case.id,
            title=f"Look in {hours} hours",
            assignee_id=officer.id if officer else None,
            due_at=now() + timedelta(hours=hours),
        )


class TestCases:
    def test_filters_narrow_the_list_and_the_counts(self, desk: Desk, make: Make) -> None:
        """By state, by whose task, by what is overdue; the counts follow all filters but the state."""
        plain, mine, other = desk.case(), desk.case(), desk.case()
        colleague = make.officer(Role.INVESTIGATOR)
        give(desk, mine, desk.investigator, 2)
        give(desk, other, colleague, 50)

        with time_machine.travel(now() + timedelta(hours=3)):
            assert found(desk, desk.investigator) == {plain.id, mine.id, other.id}
            assert found(desk, desk.investigator, state=CaseState.OPEN) == {plain.id}
            assert found(desk, desk.investigator, mine=True) == {mine.id}
            assert found(desk, colleague, mine=True) == {other.id}
            assert found(desk, colleague, overdue=True) == {mine.id}
            with desk.context.db.read() as session:
                counted = lists.counts(session, desk.investigator, CaseFilters(overdue=True))
                late = lists.overdue_tasks(session, [plain.id, mine.id, other.id])
        assert {state: number for state, number in counted.items() if number} == {CaseState.TASKED: 1}
        assert late == {mine.id: 1}

    def test_what_is_done_or_cancelled_is_not_overdue(self, desk: Desk) -> None:
        """Nobody is reminded of what is over."""
        done, cancelled = desk.case(), desk.case()
        for case in (done, cancelled):
            give(desk, case, desk.investigator, 1)
        with desk.context.db.write() as session:
            task = queries.tasks_of(session, done.id)[0]
            tasks.finish(session, desk.investigator, done.id, task.id, "Nobody there")
            task = queries.tasks_of(session, cancelled.id)[0]
            tasks.cancel(session, desk.investigator, cancelled.id, task.id)

        with time_machine.travel(now() + timedelta(hours=2)):
            assert found(desk, desk.investigator, overdue=True) == set()
            assert found(desk, desk.investigator, mine=True) == set()

    def test_an_area_is_searched_with_all_areas_in_it(self, desk: Desk, make: Make) -> None:
        """A province narrows to a city; no filter leads out of the own area."""
        futian = desk.case()
        luohu = desk.case(lead=desk.agreed_lead(make.tip(area="440304")))
        with desk.context.db.write() as session:
            session.get_one(Case, luohu.id).jurisdiction_code = "440303"
        province = make.officer(Role.INVESTIGATOR, area="440000")

        assert found(desk, province, area="440300") == {futian.id, luohu.id}
        assert found(desk, province, area="440303") == {luohu.id}
        assert found(desk, province, area="442000") == set()
        assert found(desk, province, area="no such area") == set()
        assert found(desk, desk.investigator, area="440303") == set()
        assert found(desk, desk.investigator, number=luohu.number) == set()

    def test_part_of_a_number_finds_closed_and_merged_ones(self, desk: Desk) -> None:
        """Whoever holds a sheet of paper finds the case; signs with a meaning to databases have none."""
        case, into, closed = desk.case(), desk.case(), desk.case(CaseState.CLOSED)
        merge(desk, case, into)

        assert found(desk, desk.investigator) == {into.id}
        assert found(desk, desk.investigator, number="hw-440304") == {case.id, into.id, closed.id}
        assert found(desk, desk.investigator, number=case.number[-4:]) >= {case.id}
        assert found(desk, desk.investigator, number="%") == set()
        assert found(desk, desk.investigator, number="_") == set()

    def test_the_page_shows_what_was_chosen_and_keeps_it(self, client: Client, desk: Desk) -> None:
        """Filters stand in the form and in every link of the list."""
        give(desk, desk.case(), desk.investigator, 1)
        with time_machine.travel(now() + timedelta(hours=2)):
            text = client.get(
                "/console/cases?mine=true&overdue=true&area=440304&number=HW", as_=desk.investigator
            ).text

        assert "1 overdue" in text
        assert "state=tasked&amp;area=440304&amp;number=HW&amp;mine=true&amp;overdue=true" in text
        assert text.count("checked") == 2

    @pytest.mark.parametrize("query", ["page=0", "page=100001", "state=none", "mine=perhaps"])
    def test_bad_addresses_are_refused(self, client: Client, desk: Desk, query: str) -> None:
        """A wrong filter is no fault and no unbounded list."""
        assert client.get(f"/console/cases?{query}", as_=desk.investigator).status_code == 422


class TestTasks:
    def test_mine_are_shown_first_due_first_without_those_of_closed_and_merged_cases(
        self, client: Client, desk: Desk
    ) -> None:
        """Work goes on elsewhere, so nobody is sent there."""
        case, resting, into = desk.case(), desk.case(), desk.case()
        give(desk, case, desk.investigator, 9)
        give(desk, into, desk.investigator, 5)
        give(desk, resting, desk.investigator, 1)
        give(desk, case, desk.supervisor, 3)
        merge(desk, resting, into)

        mine = client.get("/console/tasks", as_=desk.investigator).text
        everybody = client.get("/console/tasks?everybody=true").text
        with time_machine.travel(now() + timedelta(hours=4)):
            late = client.get("/console/tasks?everybody=true&overdue=true", as_=desk.investigator).text

        assert mine.index("Look in 5 hours") < mine.index("Look in 9 hours")
        assert "Look in 1 hours" not in everybody
        assert "Look in 3 hours" not in mine
        assert "Look in 3 hours" in everybody
        assert "Look in 3 hours" in late
        assert "Look in 5 hours" not in late

    def test_other_areas_and_roles_see_none(self, client: Client, desk: Desk, make: Make) -> None:
        """The list has the door that cases have."""
        give(desk, desk.case(), None, 1)

        stranger = make.officer(Role.INVESTIGATOR, area="442000")
        assert "Look in" not in client.get("/console/tasks?everybody=true", as_=stranger).text
        assert client.get("/console/tasks", as_=make.officer(Role.REVIEWER)).status_code == 403


class TestLeads:
    def test_a_lead_says_until_when_its_case_is_due(self, client: Client, desk: Desk) -> None:
        """Overdue is said in words once the time has passed, and not before."""
        desk.agreed_lead()
        hours = desk.context.settings.lead_hours
        before = client.get("/console/cases", as_=desk.investigator).text
        with time_machine.travel(now() + timedelta(hours=hours, minutes=1)):
            after = client.get("/console/cases", as_=desk.investigator).text

        assert "Case due by" in before
        assert "Overdue" not in before
        assert "Overdue" in after

    def test_a_given_up_lead_whose_tip_went_elsewhere_breaks_no_list(
        self, client: Client, desk: Desk
    ) -> None:
        """Triage may hand the tip to another area; the list of this one goes on without it."""
        lead = desk.agreed_lead()
        with desk.context.db.write() as session:
            dismissal.dismiss(session, desk.supervisor, lead.id, MOTIVE)
            session.get_one(Tip, lead.tip_id).jurisdiction_code = "442000"

        answer = client.get("/console/cases", as_=desk.supervisor)

        assert answer.status_code == 200
        assert MOTIVE not in answer.text
