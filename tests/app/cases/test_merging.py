"""Cases about one child: merged, un-merged, split, and leads that are given up."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.audit.service import officer_actor
from app.cases import closing, dismissal, leads, merging, queries, service, splitting, tasks
from app.cases.models import Case, CaseEntry, CaseMerge, CaseState, CaseTask, CaseTip
from app.core.errors import Conflict, Invalid, NotFound
from app.officers.models import Role
from app.tips.models import Disposition, TipState
from tests.app.cases.desk import ZONE, Desk
from tests.conftest import Client

MOTIVE = "Both show the boy with the scar over his left brow."


def rows(desk: Desk) -> dict[str, list[str]]:
    """Everything of cases but entries and merges, which only grow."""
    with desk.context.db.read() as session:
        return {
            table.__name__: sorted(row.model_dump_json() for row in session.exec(select(table)))
            for table in (Case, CaseTask, CaseTip)
        }


def merge(desk: Desk, case: Case, into: Case) -> None:
    with desk.context.db.write() as session:
        merging.merge(session, desk.investigator, case.id, into.number, MOTIVE)


def undo(desk: Desk, case: Case) -> None:
    with desk.context.db.write() as session:
        merging.undo(session, desk.investigator, case.id)


class TestMerge:
    def test_the_other_case_gets_its_tips_and_this_one_rests(self, desk: Desk) -> None:
        """Work goes on in one place."""
        case, into = desk.case(CaseState.TASKED), desk.case(CaseState.TASKED)
        merge(desk, case, into)

        with desk.context.db.read() as session:
            assert len(queries.tips_of(session, into.id)) == 2
        with desk.context.db.write() as session, pytest.raises(Conflict, match="merged"):
            tasks.add(session, desk.investigator, case.id, title="Go there", assignee_id=None, due_at=None)
        with desk.context.db.write() as session, pytest.raises(Conflict, match="merged"):
            service.verify_in_field(session, desk.investigator, case.id, MOTIVE)

    @given(order=st.permutations([0, 1, 2]), twice=st.booleans())
    @settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_undone_it_is_as_it_was(self, desk: Desk, order: list[int], *, twice: bool) -> None:
        """Any two of three cases, also merged again: un-merging gives back the original rows."""
        cases = [desk.case(CaseState.TASKED) for _ in range(3)]
        before = rows(desk)
        first, second, into = (cases[index] for index in order)
        for _ in range(2 if twice else 1):
            merge(desk, first, into)
            merge(desk, second, into)
            assert rows(desk) != before
            undo(desk, first)
            undo(desk, second)

        assert rows(desk) == before

    def test_a_tip_that_both_had_stays_with_the_other(self, desk: Desk) -> None:
        """Undoing takes away only what the merge brought."""
        tip = desk.make.tip()
        lead = desk.agreed_lead(tip)
        case, into = desk.case(lead=lead), desk.case()
        with desk.context.db.write() as session:
            session.add(CaseTip(case_id=into.id, tip_id=tip.id))
        before = rows(desk)
        merge(desk, case, into)
        undo(desk, case)

        assert rows(desk) == before

    def test_closing_answers_the_tips_of_both(self, desk: Desk) -> None:
        """A case that rests holds no tip open."""
        case, into = desk.case(CaseState.TASKED), desk.case(CaseState.OUTCOME_RECORDED)
        merge(desk, case, into)
        with desk.context.db.write() as session:
            closing.close(session, desk.supervisor, into.id)
            tip_ids = [tip.id for tip in queries.tips_of(session, into.id)]

        assert {desk.tip(tip_id).state for tip_id in tip_ids} == {TipState.DISPOSED}
        assert {desk.tip(tip_id).disposition for tip_id in tip_ids} == {
            Disposition.CONVERTED_TO_CASE,
            Disposition.LINKED_TO_CASE,
        }

    def test_refusals(self, desk: Desk) -> None:
        """Itself, no such number, no motive, twice, a closed one, and what was never merged."""
        case, into, closed = desk.case(), desk.case(), desk.case(CaseState.CLOSED)
        for number, motive, kind in (
            (case.number, MOTIVE, Invalid),
            ("HW-440304-1999-0001", MOTIVE, Invalid),
            (into.number, "same", Invalid),
            (closed.number, MOTIVE, Conflict),
        ):
            with desk.context.db.write() as session, pytest.raises(kind):
                merging.merge(session, desk.investigator, case.id, number, motive)
        with pytest.raises(Conflict):
            undo(desk, case)
        merge(desk, case, into)
        with pytest.raises(Conflict):
            merge(desk, case, into)
        with desk.context.db.read() as session:
            assert len(session.exec(select(CaseMerge)).all()) == 1

    def test_another_areas_case_is_not_there(self, desk: Desk) -> None:
        """Neither as the one that goes nor as the one that stays."""
        case, into = desk.case(), desk.case()
        stranger = desk.make.officer(Role.INVESTIGATOR, area="442000")

        with desk.context.db.write() as session, pytest.raises(NotFound):
            merging.merge(session, stranger, case.id, into.number, MOTIVE)

    def test_the_pages_lead_to_each_other(self, desk: Desk, client: Client) -> None:
        """Whoever opens either finds the other."""
        case, into = desk.case(CaseState.TASKED), desk.case()
        form = {"into": into.number.lower(), "merge_motive": MOTIVE}
        answer = client.post(f"/console/cases/{case.id}/merge", data=form, as_=desk.investigator)

        assert answer.status_code == 303
        assert into.number in client.get(f"/console/cases/{case.id}").text
        assert case.number in client.get(f"/console/cases/{into.id}").text


class TestSplit:
    def test_a_tip_becomes_a_lead_that_another_officer_opens(self, desk: Desk) -> None:
        """Two people stand behind the new case, too."""
        case, other = desk.case(), desk.make.tip()
        desk.same_picture(desk.tip(desk.agreed_lead().tip_id), other)
        with desk.context.db.write() as session:
            session.add(CaseTip(case_id=case.id, tip_id=other.id))
            leads.bring_back(session, session.merge(desk.tip(other.id)), officer_actor(case.opened_by))
        with desk.context.db.write() as session:
            lead = splitting.split(session, desk.investigator, case.id, other.id, MOTIVE)

        with desk.context.db.write() as session, pytest.raises(Conflict):
            service.open_case(session, desk.investigator, lead.id, ZONE)
        with desk.context.db.write() as session:
            opened = service.open_case(session, desk.supervisor, lead.id, ZONE)
        assert opened.number != case.number

    def test_the_leads_own_tip_stays(self, desk: Desk) -> None:
        """A case cannot lose what it rests on."""
        case = desk.case()
        with desk.context.db.read() as session:
            own = queries.tips_of(session, case.id)[0]

        with desk.context.db.write() as session, pytest.raises(Conflict):
            splitting.split(session, desk.investigator, case.id, own.id, MOTIVE)


class TestDismissal:
    def test_the_tip_goes_back_to_triage_and_comes_again(self, desk: Desk) -> None:
        """Given up with words, taken up again, nothing lost."""
        lead = desk.agreed_lead()
        with desk.context.db.write() as session:
            dismissal.dismiss(session, desk.supervisor, lead.id, MOTIVE)
        assert desk.tip(lead.tip_id).state == TipState.ROUTED
        with desk.context.db.write() as session, pytest.raises(Conflict):
            service.open_case(session, desk.investigator, lead.id, ZONE)
        with desk.context.db.write() as session:
            dismissal.take_up_again(session, desk.supervisor, lead.id)

        assert desk.tip(lead.tip_id).state == TipState.LEAD
        assert desk.case(lead=lead).lead_id == lead.id

    def test_only_supervisors_and_only_with_a_reason(self, desk: Desk, client: Client) -> None:
        """A lead is two people's; one officer's mood does not end it."""
        lead = desk.agreed_lead()
        path = f"/console/leads/{lead.id}/dismiss"

        assert client.post(path, data={"dismissal_reason": MOTIVE}, as_=desk.investigator).status_code == 403
        assert client.post(path, data={"dismissal_reason": "no"}, as_=desk.supervisor).status_code == 422
        assert client.post(path, data={"dismissal_reason": MOTIVE}).status_code == 303
        assert MOTIVE in client.get("/console/cases").text

    def test_a_lead_with_a_case_stays(self, desk: Desk) -> None:
        """What becomes of it is decided there."""
        lead = desk.agreed_lead()
        desk.case(lead=lead)

        with desk.context.db.write() as session, pytest.raises(Conflict, match="has a case"):
            dismissal.dismiss(session, desk.supervisor, lead.id, MOTIVE)


def test_merging_writes_to_both_timelines(desk: Desk) -> None:
    """Each says which the other is."""
    case, into = desk.case(), desk.case()
    merge(desk, case, into)
    undo(desk, case)

    with desk.context.db.read() as session:
        entries = session.exec(select(CaseEntry)).all()
    said = [(entry.case_id, entry.kind.value) for entry in entries]
    assert {(case.id, "merged"), (into.id, "merged"), (case.id, "unmerged"), (into.id, "unmerged")} <= set(
        said
    )
