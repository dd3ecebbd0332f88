"""Promises about the case pages: who sees them, what they show, what every step answers."""

import re
import threading
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from app.cases import queries, service
from app.cases.models import Case, CaseState
from app.core.errors import Conflict
from app.officers.models import Officer, Role
from app.photos.models import Photo, Rendition
from app.records.models import Reference
from tests.app.cases.desk import ACCOUNT, FINDING, ZONE, Desk
from tests.conftest import Client
from tests.make import Make

STEPS = {
    "tips": {},
    "notes": {"note": "x"},
    "tasks": {"title": "Look there"},
    "field-check": {"finding": FINDING},
    "identity": {"evidence": "dna", "reference": "LAB-1"},
    "identity/refute": {"refutation": FINDING},
    "outcome": {"outcome": "unresolved", "account": ACCOUNT},
    "family-contact": {"contact": ACCOUNT},
    "close": {},
    "reopen": {"motive": ACCOUNT},
}
SUPERVISORS_STEPS = ("identity", "close", "reopen")
JUMPS = ("field-check", "identity", "identity/refute", "outcome", "close", "reopen", "family-contact")


class TestWhoMay:
    @pytest.mark.parametrize("step", STEPS)
    def test_another_areas_case_is_not_there(self, client: Client, desk: Desk, make: Make, step: str) -> None:
        """Every route answers 404 for a foreign case, as for one that does not exist."""
        case = desk.case()
        stranger = make.officer(Role.INVESTIGATOR, Role.SUPERVISOR, area="440303")

        foreign = client.post(f"/console/cases/{case.id}/{step}", as_=stranger, data=STEPS[step])
        none = uuid4()
        nothing = client.post(f"/console/cases/{none}/{step}", data=STEPS[step])

        assert (foreign.status_code, nothing.status_code) == (404, 404)
        assert foreign.text.replace(str(case.id), "") == nothing.text.replace(str(none), "")
        assert desk.again(case).state == CaseState.OPEN

    def test_another_areas_page_task_and_lead_are_not_there(
        self, client: Client, desk: Desk, make: Make
    ) -> None:
        """The page, a task's route and a lead's route answer 404, and the list shows nothing."""
        case, lead = desk.case(CaseState.TASKED), desk.agreed_lead()
        with desk.context.db.read() as session:
            task = queries.tasks_of(session, case.id)[0]
        stranger = make.officer(Role.INVESTIGATOR, area="440303")

        assert client.get(f"/console/cases/{case.id}", as_=stranger).status_code == 404
        done = client.post(f"/console/cases/{case.id}/tasks/{task.id}/done", data={"result": "None."})
        assert done.status_code == 404
        assert client.post(f"/console/leads/{lead.id}/case").status_code == 404
        listed = client.get("/console/cases")
        assert listed.status_code == 200
        assert case.number not in listed.text
        assert str(lead.id) not in listed.text

    def test_the_area_above_sees_the_case(self, client: Client, desk: Desk, make: Make) -> None:
        """A city's investigator sees its districts' cases."""
        case = desk.case()

        page = client.get(f"/console/cases/{case.id}", as_=make.officer(Role.INVESTIGATOR, area="440300"))

        assert page.status_code == 200

    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_other_roles_have_no_cases(self, client: Client, desk: Desk, make: Make, role: Role) -> None:
        """Lists, pages and steps answer 403 to who does not run cases."""
        case, lead = desk.case(), desk.agreed_lead()
        officer = make.officer(role)

        statuses = [
            client.get("/console/cases", as_=officer).status_code,
            client.get(f"/console/cases/{case.id}").status_code,
            client.post(f"/console/leads/{lead.id}/case").status_code,
            *(
                client.post(f"/console/cases/{case.id}/{step}", data=data).status_code
                for step, data in STEPS.items()
            ),
        ]

        assert set(statuses) == {403}

    def test_an_investigator_neither_confirms_nor_closes_nor_reopens(
        self, client: Client, desk: Desk
    ) -> None:
        """These three are a supervisor's."""
        case = desk.case(CaseState.FIELD_VERIFIED)

        statuses = [
            client.post(
                f"/console/cases/{case.id}/{step}", as_=desk.investigator, data=STEPS[step]
            ).status_code
            for step in SUPERVISORS_STEPS
        ]

        assert statuses == [403, 403, 403]
        assert desk.again(case).state == CaseState.FIELD_VERIFIED

    def test_nobody_is_asked_to_sign_in_by_a_case(self, client: Client, desk: Desk) -> None:
        """Without a session a page leads to the sign-in and a step is refused."""
        case = desk.case()

        assert client.get(f"/console/cases/{case.id}").headers["location"] == "/console/sign-in"
        assert client.post(f"/console/cases/{case.id}/close").status_code == 401


class TestTheWholeWay:
    def test_from_lead_to_closed_by_the_pages_alone(self, client: Client, desk: Desk) -> None:
        """Each step answers 303, and the page then offers the next one."""
        lead = desk.agreed_lead()

        opened = client.post(f"/console/leads/{lead.id}/case", as_=desk.investigator)
        address = opened.headers["location"]
        answers = [
            client.post(
                f"{address}/tasks",
                data={"title": "Look there", "assignee": str(desk.supervisor.id), "due": "2099-01-01"},
            ).status_code
        ]
        answers.append(client.post(f"{address}/tasks", data={"title": "Look there"}).status_code)
        answers.append(client.post(f"{address}/field-check", data={"finding": FINDING}).status_code)
        assert "/identity/refute" in client.get(address).text
        client.get("/console/cases", as_=desk.supervisor)
        answers.extend(
            client.post(f"{address}/{step}", data=STEPS[step]).status_code
            for step in ("identity", "family-contact", "outcome", "notes", "close", "reopen")
        )

        assert opened.status_code == 303
        assert answers == [422, 303, 303, 303, 303, 303, 303, 303, 303]
        assert desk.again(_only_case(desk)).state == CaseState.OPEN

    @pytest.mark.parametrize(
        "step", ["field-check", "identity", "outcome", "close", "reopen", "family-contact"]
    )
    def test_a_jump_is_refused_on_the_page(self, client: Client, desk: Desk, step: str) -> None:
        """409, the page again with the reason, what was typed kept, nothing changed."""
        case = desk.case()

        answer = client.post(f"/console/cases/{case.id}/{step}", as_=desk.supervisor, data=STEPS[step])

        assert answer.status_code == 409
        assert 'role="alert"' in answer.text
        assert case.number in answer.text
        assert desk.again(case).state == CaseState.OPEN

    def test_a_refused_form_keeps_what_was_typed(self, client: Client, desk: Desk) -> None:
        """The reason stands beside its field; the words are not lost."""
        case = desk.case(CaseState.FIELD_VERIFIED)

        answer = client.post(
            f"/console/cases/{case.id}/identity/refute", as_=desk.investigator, data={"refutation": "<b>no"}
        )

        assert answer.status_code == 422
        assert 'id="refutation-error"' in answer.text
        assert "&lt;b&gt;no" in answer.text
        assert "<b>no" not in answer.text

    @pytest.mark.parametrize("evidence", ["face_comparison", "score", "DNA"])
    def test_nothing_else_than_dna_or_a_document_confirms(
        self, client: Client, desk: Desk, evidence: str
    ) -> None:
        """A word that is no evidence is refused, whatever the state."""
        case = desk.case(CaseState.FIELD_VERIFIED)

        answer = client.post(
            f"/console/cases/{case.id}/identity",
            as_=desk.supervisor,
            data={"evidence": evidence, "reference": "LAB-1"},
        )

        assert answer.status_code == 422
        assert desk.again(case).identity_confirmed_at is None

    def test_a_tasks_result_comes_back_beside_its_task(self, client: Client, desk: Desk) -> None:
        """Only the form that was sent shows the reason."""
        case = desk.case(CaseState.TASKED)
        with desk.context.db.write() as session:
            desk.add_task(session, case)
        with desk.context.db.read() as session:
            first, _ = queries.tasks_of(session, case.id)
        address = f"/console/cases/{case.id}/tasks/{first.id}/done"

        refused = client.post(address, as_=desk.investigator, data={"result": " a "})
        done = client.post(address, data={"result": "Nobody was there."})

        assert (refused.status_code, done.status_code) == (422, 303)
        assert refused.text.count('id="result-error"') == 1

    def test_who_made_the_lead_is_offered_no_button(self, client: Client, desk: Desk, make: Make) -> None:
        """And the route itself refuses; a colleague is offered the button."""
        lead = desk.triage_lead(desk.investigator)

        own = client.get("/console/cases", as_=desk.investigator)
        refused = client.post(f"/console/leads/{lead.id}/case")
        other = client.get("/console/cases", as_=make.officer(Role.INVESTIGATOR))

        assert f"/console/leads/{lead.id}/case" not in own.text
        assert refused.status_code == 409
        assert f"/console/leads/{lead.id}/case" in other.text

    def test_no_route_leads_from_a_candidate_to_a_case(self, client: Client, desk: Desk, make: Make) -> None:
        """A candidate's id opens nothing."""
        candidate = make.candidate()

        answer = client.post(f"/console/leads/{candidate.id}/case", as_=desk.supervisor)

        assert answer.status_code == 404


class TestPictures:
    def test_the_page_shows_blurred_scenes_and_the_lead_s_face_only(
        self, client: Client, desk: Desk, make: Make
    ) -> None:
        """No whole scene of a tip, no other face; every picture on the page may be looked at."""
        case = desk.case(lead=desk.agreed_lead(make.tip(photos=2)))

        page = client.get(f"/console/cases/{case.id}", as_=desk.investigator)

        shown = re.findall(r'src="(/console/photos/([0-9a-f-]{36})/([^"]+))"', page.text)
        with desk.context.db.read() as session:
            lead_tips = {tip.id for tip in queries.tips_of(session, case.id)}
            of_tip = {p.id for p in session.exec(select(Photo)) if p.tip_id in lead_tips}
            of_record = {r.photo_id for r in session.exec(select(Reference))}
            assert session.exec(select(Rendition)).first() is not None
        kinds = [kind for _, photo, kind in shown if UUID(photo) in of_tip]
        assert sorted(kinds) == ["face?face=0", "redacted", "redacted"]
        assert {UUID(photo) for _, photo, _ in shown} == of_tip | of_record
        assert {client.get(address).status_code for address, _, _ in shown} == {200}

    def test_neither_score_nor_reviewers_reasons_are_shown(self, client: Client, desk: Desk) -> None:
        """A case rests on two decisions; the number behind them tells nothing more."""
        case = desk.case()

        page = client.get(f"/console/cases/{case.id}", as_=desk.investigator)

        assert "0.73" not in page.text
        assert "0.58" not in page.text

    def test_a_lead_of_triage_has_a_page_without_a_record(
        self, client: Client, desk: Desk, make: Make
    ) -> None:
        """Its reason is shown, with who gave it."""
        case = desk.case(lead=desk.triage_lead(make.officer(name="Rong")))

        page = client.get(f"/console/cases/{case.id}", as_=desk.investigator)

        assert page.status_code == 200
        assert "Rong" in page.text
        assert "/face?face" not in page.text


class TestLists:
    def test_every_state_has_its_list(self, client: Client, desk: Desk) -> None:
        """Closed cases leave the open list and are found by their state."""
        case, closed = desk.case(), desk.case(CaseState.CLOSED)

        listed = client.get("/console/cases", as_=desk.investigator).text
        by_state = client.get("/console/cases?state=closed").text

        assert case.number in listed
        assert closed.number not in listed
        assert closed.number in by_state
        assert case.number not in by_state
        assert client.get("/console/cases?state=nonsense").status_code == 422

    def test_danger_comes_first_then_the_oldest(self, client: Client, desk: Desk, make: Make) -> None:
        """The lead that cannot wait stands on top."""
        leads = [desk.agreed_lead(make.tip(danger_now=place == 2)) for place in range(3)]

        page = client.get("/console/cases", as_=desk.investigator).text

        places = [page.index(f"/console/leads/{lead.id}/case") for lead in leads]
        assert places[2] < places[0] < places[1]

    @pytest.mark.parametrize("language", ["en", "zh"])
    @pytest.mark.parametrize("state", list(CaseState))
    def test_every_page_stands_in_both_languages(
        self, client: Client, desk: Desk, state: CaseState, language: str
    ) -> None:
        """For an investigator and a supervisor."""
        case = desk.case(state)

        for officer in (desk.investigator, desk.supervisor):
            page = client.get(f"/console/cases/{case.id}?lang={language}", as_=officer)
            assert page.status_code == 200
            assert case.number in page.text


def test_two_officers_opening_at_once_get_distinct_numbers(desk: Desk, make: Make) -> None:
    """Eight leads opened by eight threads: eight numbers without a gap."""
    leads = [desk.agreed_lead() for _ in range(8)]
    officers = [make.officer(Role.INVESTIGATOR) for _ in leads]
    numbers: list[str] = []

    def open_one(officer: Officer, lead_id: UUID) -> None:
        with desk.context.db.write() as session:
            case = service.open_case(session, officer, lead_id, ZONE)
        numbers.append(case.number)

    threads = [
        threading.Thread(target=open_one, args=(officer, lead.id))
        for officer, lead in zip(officers, leads, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(int(number[-4:]) for number in numbers) == list(range(1, 9))


def test_two_officers_opening_the_same_lead_at_once_open_one_case(desk: Desk, make: Make) -> None:
    """Exactly one wins; the others are told."""
    lead = desk.agreed_lead()
    officers = [make.officer(Role.INVESTIGATOR) for _ in range(4)]
    outcomes: list[str] = []

    def open_it(officer: Officer) -> None:
        try:
            with desk.context.db.write() as session:
                service.open_case(session, officer, lead.id, ZONE)
        except Conflict:
            outcomes.append("refused")
        else:
            outcomes.append("opened")

    threads = [threading.Thread(target=open_it, args=(officer,)) for officer in officers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["opened", "refused", "refused", "refused"]


def _only_case(desk: Desk) -> Case:
    with desk.context.db.read() as session:
        return session.exec(select(Case)).one()
