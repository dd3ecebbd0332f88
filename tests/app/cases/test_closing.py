"""Promises about the end of a case and its way back."""

import pytest

from app.audit.models import Action
from app.cases import closing, identity, queries, service, tasks
from app.cases.models import CaseState, IdentityEvidence, Outcome
from app.core.errors import Conflict, Invalid
from app.records.models import Record, RecordState
from app.tips import withdrawing
from app.tips.models import Disposition, TipState
from tests.app.cases.desk import ACCOUNT, Desk
from tests.make import Make


def test_closing_answers_every_tip_of_the_case(desk: Desk, make: Make) -> None:
    """The lead's tip was converted, the reposts were linked; each thread gets its notice."""
    tip, copy = make.tip(), make.tip()
    desk.same_picture(tip, copy)

    case = desk.case(CaseState.CLOSED, desk.agreed_lead(tip))

    assert case.closed_at is not None
    assert desk.tip(tip.id).disposition == Disposition.CONVERTED_TO_CASE
    assert desk.tip(copy.id).disposition == Disposition.LINKED_TO_CASE
    assert desk.tip(copy.id).disposed_by == desk.supervisor.id
    assert desk.notices(tip.id) == ["converted_to_case"]
    assert desk.notices(copy.id) == ["linked_to_case"]


def test_closing_a_case_closes_nothing_else(desk: Desk, make: Make) -> None:
    """A tip that another case rests on stays open until that one is closed; the record stays open."""
    tip = make.tip()
    lead, other_lead = desk.agreed_lead(tip), desk.agreed_lead(tip)
    other = desk.case(CaseState.OUTCOME_RECORDED, other_lead)

    case = desk.case(CaseState.CLOSED, lead)
    after_first = desk.tip(tip.id)
    with desk.context.db.write() as session:
        closing.close(session, desk.supervisor, other.id)

    assert (after_first.state, after_first.disposition) == (TipState.LEAD, None)
    assert desk.tip(tip.id).disposition == Disposition.CONVERTED_TO_CASE
    assert desk.notices(tip.id) == ["converted_to_case"]
    with desk.context.db.read() as session:
        assert session.get_one(Record, case.record_id).state == RecordState.OPEN


def test_a_tip_with_a_waiting_lead_stays_open(desk: Desk, make: Make) -> None:
    """A second child in the same picture is not forgotten with the first one's case."""
    tip = make.tip()
    lead, waiting = desk.agreed_lead(tip), desk.agreed_lead(tip)

    desk.case(CaseState.CLOSED, lead)

    assert desk.tip(tip.id).state == TipState.LEAD
    with desk.context.db.read() as session:
        found = queries.waiting_leads(session, desk.investigator, 1)
        assert [item.id for item in found.items] == [waiting.id]


def test_a_reopened_case_has_its_tips_back_and_its_findings_open(desk: Desk, make: Make) -> None:
    """Identity and outcome are established anew; the tips lose the answer's code, the timeline keeps all."""
    tip, copy = make.tip(), make.tip()
    desk.same_picture(tip, copy)
    case = desk.case(CaseState.CLOSED, desk.agreed_lead(tip))

    with desk.context.db.write() as session:
        closing.reopen(session, desk.supervisor, case.id, "The laboratory withdrew its report.")

    again = desk.again(case)
    assert again.state == CaseState.OPEN
    assert (again.identity_confirmed_at, again.identity_evidence, again.identity_reference) == (
        None,
        None,
        None,
    )
    assert (again.outcome, again.closed_at) == (None, None)
    assert {desk.tip(kept.id).state for kept in (tip, copy)} == {TipState.LEAD}
    assert {desk.tip(kept.id).disposition for kept in (tip, copy)} == {None}
    assert len(desk.audited(Action.CASE_REOPENED)) == 1
    with desk.context.db.read() as session:
        entries = queries.timeline(session, case.id)
    assert "LAB-2026-0042" in [entry.text for entry in entries]
    assert entries[0].text == "The laboratory withdrew its report."


def test_a_reopened_case_goes_the_whole_way_again(desk: Desk) -> None:
    """Closed, reopened, closed: the tip is answered twice and closed in the end."""
    case = desk.case(CaseState.CLOSED)
    with desk.context.db.write() as session:
        closing.reopen(session, desk.supervisor, case.id, "New facts came in.")
        desk.add_task(session, case)
        service.verify_in_field(session, desk.investigator, case.id, ACCOUNT)
        identity.confirm(session, desk.supervisor, case.id, IdentityEvidence.DNA, "LAB-2")
        service.record_outcome(session, desk.investigator, case.id, Outcome.REUNITED, ACCOUNT)
        closing.close(session, desk.supervisor, case.id)

    again = desk.again(case)
    assert (again.state, again.outcome) == (CaseState.CLOSED, Outcome.REUNITED)
    with desk.context.db.read() as session:
        tips = queries.tips_of(session, case.id)
    assert [tip.state for tip in tips] == [TipState.DISPOSED]
    assert desk.notices(tips[0].id) == ["converted_to_case", "converted_to_case"]


def test_reopening_needs_a_motive_in_words(desk: Desk) -> None:
    """Nine characters are none."""
    case = desk.case(CaseState.CLOSED)

    with pytest.raises(Invalid) as refusal, desk.context.db.write() as session:
        closing.reopen(session, desk.supervisor, case.id, " 123456789 ")

    assert refusal.value.field == "motive"
    assert desk.again(case).state == CaseState.CLOSED


def test_a_closed_case_takes_notes_and_nothing_else(desk: Desk) -> None:
    """Work needs a reopened case; a late remark does not."""
    case = desk.case(CaseState.CLOSED)
    with desk.context.db.read() as session:
        task = queries.tasks_of(session, case.id)[0]

    with desk.context.db.write() as session:
        service.add_note(session, desk.investigator, case.id, "The family wrote a letter.")
    for step in (
        lambda s: desk.add_task(s, case),
        lambda s: tasks.finish(s, desk.investigator, case.id, task.id, "Nobody there."),
        lambda s: service.link_copies(s, desk.investigator, case.id),
    ):
        with pytest.raises(Conflict), desk.context.db.write() as session:
            step(session)


def test_a_withdrawn_lead_is_answered_with_its_case(desk: Desk, make: Make) -> None:
    """Taking a tip back does not undo offline work; closing the case closes the tip too."""
    tip = make.tip()
    case = desk.case(CaseState.OUTCOME_RECORDED, desk.agreed_lead(tip))

    with desk.context.db.write() as session:
        withdrawing.withdraw(session, tip.id)
    with desk.context.db.write() as session:
        closing.close(session, desk.supervisor, case.id)

    assert desk.tip(tip.id).state == TipState.DISPOSED
