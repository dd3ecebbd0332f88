"""Promises about a case from its opening to its outcome."""

from datetime import datetime, timedelta

import pytest

from app.audit.models import Action
from app.cases import closing, identity, queries, service, tasks
from app.cases.models import CASE_MOVES, CaseEntryKind, CaseState, IdentityEvidence, Outcome
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound
from app.officers.models import Role
from app.tips.models import TipState
from tests.app.cases.desk import ACCOUNT, FINDING, ZONE, Desk
from tests.make import Make

YEAR = now().astimezone(ZONE).year


class TestOpening:
    def test_numbers_count_within_area_and_year(self, desk: Desk, make: Make) -> None:
        """Each area has a row of its own, from one."""
        first, second = desk.case(), desk.case()
        city = desk.agreed_lead(make.tip(area="440300"))
        with desk.context.db.write() as session:
            third = service.open_case(session, make.officer(Role.INVESTIGATOR, area="440300"), city.id, ZONE)

        assert first.number == f"HW-440304-{YEAR}-0001"
        assert second.number == f"HW-440304-{YEAR}-0002"
        assert third.number == f"HW-440300-{YEAR}-0001"

    def test_a_number_past_nine_thousand_nine_hundred_ninety_nine_goes_on(self, desk: Desk) -> None:
        """A flooded area does not run out of numbers, nor start again."""
        case = desk.case()
        with desk.context.db.write() as session:
            queries.get_visible(session, desk.investigator, case.id).number = f"HW-440304-{YEAR}-9999"

        tenth, eleventh = desk.case(), desk.case()

        assert tenth.number == f"HW-440304-{YEAR}-10000"
        assert eleventh.number == f"HW-440304-{YEAR}-10001"

    def test_who_made_the_lead_in_triage_does_not_open_the_case(self, desk: Desk, make: Make) -> None:
        """Two officers stand behind every case."""
        lead = desk.triage_lead(desk.investigator)

        with pytest.raises(Conflict):
            desk.case(lead=lead)

        with desk.context.db.write() as session:
            case = service.open_case(session, make.officer(Role.INVESTIGATOR), lead.id, ZONE)
        assert case.lead_id == lead.id

    def test_a_lead_gets_one_case(self, desk: Desk) -> None:
        """A second click opens no second case."""
        lead = desk.agreed_lead()
        desk.case(lead=lead)

        with pytest.raises(Conflict):
            desk.case(lead=lead)

    def test_another_areas_lead_is_not_there(self, desk: Desk, make: Make) -> None:
        """A foreign lead and none at all read alike."""
        lead = desk.agreed_lead(make.tip(area="440303"))

        with pytest.raises(NotFound):
            desk.case(lead=lead)

    def test_other_tips_with_the_same_picture_join(self, desk: Desk, make: Make) -> None:
        """Reposts inside the area go with the case; closed ones, foreign ones and unprepared ones stay."""
        tip, copy, closed, foreign, unprepared, other = (
            make.tip(),
            make.tip(),
            make.tip(state=TipState.DISPOSED),
            make.tip(area="440303"),
            make.tip(state=TipState.PROCESSING),
            make.tip(),
        )
        desk.same_picture(tip, copy, closed, foreign, unprepared)

        case = desk.case(lead=desk.agreed_lead(tip))

        with desk.context.db.read() as session:
            assert {linked.id for linked in queries.tips_of(session, case.id)} == {tip.id, copy.id}
        assert desk.tip(copy.id).state == TipState.LEAD
        assert desk.tip(closed.id).state == TipState.DISPOSED
        assert {desk.tip(kept.id).state for kept in (foreign, other)} == {TipState.ROUTED}
        assert desk.tip(unprepared.id).state == TipState.PROCESSING

    def test_copies_that_come_later_join_by_a_decision(self, desk: Desk, make: Make) -> None:
        """A repost after the opening is offered, and taken in once."""
        tip = make.tip()
        case = desk.case(lead=desk.agreed_lead(tip))
        late = make.tip()
        desk.same_picture(tip, late)

        with desk.context.db.write() as session:
            joined = service.link_copies(session, desk.investigator, case.id)
            again = service.link_copies(session, desk.investigator, case.id)

        assert (joined, again) == (1, 0)
        assert desk.tip(late.id).state == TipState.LEAD


STEPS = {
    CaseState.FIELD_VERIFIED: lambda s, d, c: service.verify_in_field(s, d.investigator, c, FINDING),
    CaseState.IDENTITY_CONFIRMED: lambda s, d, c: identity.confirm(
        s, d.supervisor, c, IdentityEvidence.DOCUMENT, "P-77"
    ),
    CaseState.IDENTITY_REFUTED: lambda s, d, c: identity.refute(s, d.investigator, c, FINDING),
    CaseState.OUTCOME_RECORDED: lambda s, d, c: service.record_outcome(
        s, d.investigator, c, Outcome.UNRESOLVED, ACCOUNT
    ),
    CaseState.CLOSED: lambda s, d, c: closing.close(s, d.supervisor, c),
    CaseState.OPEN: lambda s, d, c: closing.reopen(s, d.supervisor, c, "New facts came in."),
}


class TestMoves:
    @pytest.mark.parametrize("to", STEPS)
    @pytest.mark.parametrize("state", list(CaseState))
    def test_a_case_moves_along_its_table_only(self, desk: Desk, state: CaseState, to: CaseState) -> None:
        """Every step from every state: done if the table has it, else refused and nothing changed."""
        case = desk.case(state)
        assert case.state == state

        if to in CASE_MOVES[state]:
            with desk.context.db.write() as session:
                STEPS[to](session, desk, case.id)
        else:
            with pytest.raises(Conflict), desk.context.db.write() as session:
                STEPS[to](session, desk, case.id)

        assert desk.again(case).state == (to if to in CASE_MOVES[state] else state)

    def test_every_step_stands_in_timeline_and_audit_log(self, desk: Desk) -> None:
        """Who did what when can be read from either; the log holds codes and no text."""
        case = desk.case(CaseState.CLOSED)

        with desk.context.db.read() as session:
            kinds = [entry.kind for entry in reversed(queries.timeline(session, case.id))]
        assert kinds == [
            CaseEntryKind.OPENED,
            CaseEntryKind.TASK_ADDED,
            *[CaseEntryKind.STATE] * 4,
            CaseEntryKind.CLOSED,
        ]
        assert len(desk.audited(Action.CASE_OPENED)) == len(desk.audited(Action.CASE_CLOSED)) == 1
        assert len(desk.audited(Action.IDENTITY_CONFIRMED)) == 1
        moves = [event.detail for event in desk.audited(Action.CASE_CHANGED) if "now" in event.detail]
        assert [detail["now"] for detail in moves] == [
            "tasked",
            "field_verified",
            "identity_confirmed",
            "outcome_recorded",
        ]
        assert "LAB-2026-0042" not in str([event.detail for event in desk.audited(Action.CASE_CHANGED)])


class TestIdentity:
    @pytest.mark.parametrize(
        ("evidence", "reference", "field"),
        [(None, "LAB-1", "evidence"), (IdentityEvidence.DNA, "  1 ", "reference")],
    )
    def test_an_identity_needs_evidence_and_its_number(
        self, desk: Desk, evidence: IdentityEvidence | None, reference: str, field: str
    ) -> None:
        """Neither alone confirms anybody."""
        case = desk.case(CaseState.FIELD_VERIFIED)

        with pytest.raises(Invalid) as refusal, desk.context.db.write() as session:
            identity.confirm(session, desk.supervisor, case.id, evidence, reference)

        assert refusal.value.field == field
        assert desk.again(case).identity_confirmed_at is None

    @pytest.mark.parametrize(
        "state",
        sorted(set(CaseState) - {CaseState.IDENTITY_CONFIRMED, CaseState.OUTCOME_RECORDED}),
    )
    def test_no_family_is_contacted_before_the_identity_is_confirmed(
        self, desk: Desk, state: CaseState
    ) -> None:
        """Neither before, nor after a refutation, nor on a closed case."""
        case = desk.case(state)

        with pytest.raises(Conflict), desk.context.db.write() as session:
            identity.contact_family(session, desk.supervisor, case.id, "Called the mother.")

        assert desk.again(case).family_contacted_at is None
        assert desk.audited(Action.FAMILY_CONTACTED) == []

    def test_a_state_without_evidence_opens_no_way_to_the_family(self, desk: Desk) -> None:
        """The evidence itself is asked for, not only the word of the state."""
        case = desk.case(CaseState.FIELD_VERIFIED)
        with desk.context.db.write() as session:
            queries.get_visible(session, desk.investigator, case.id).state = CaseState.IDENTITY_CONFIRMED

        with pytest.raises(Conflict), desk.context.db.write() as session:
            identity.contact_family(session, desk.supervisor, case.id, "Called the mother.")

    def test_a_refuted_case_with_an_outcome_has_no_way_to_the_family(self, desk: Desk) -> None:
        """An outcome does not stand in for an identity."""
        case = desk.case(CaseState.IDENTITY_REFUTED)
        with desk.context.db.write() as session:
            service.record_outcome(session, desk.investigator, case.id, Outcome.NOT_MISSING, ACCOUNT)

        with pytest.raises(Conflict), desk.context.db.write() as session:
            identity.contact_family(session, desk.supervisor, case.id, "Called the mother.")

    def test_a_contact_after_the_confirmation_is_recorded(self, desk: Desk) -> None:
        """The first moment stays; each contact has its entry."""
        case = desk.case(CaseState.IDENTITY_CONFIRMED)

        with desk.context.db.write() as session:
            identity.contact_family(session, desk.investigator, case.id, "Called the mother.")
        first = desk.again(case).family_contacted_at
        with desk.context.db.write() as session:
            identity.contact_family(session, desk.investigator, case.id, "Visited the family.")

        assert first is not None
        assert desk.again(case).family_contacted_at == first
        assert len(desk.audited(Action.FAMILY_CONTACTED)) == 2

    def test_only_a_confirmed_child_is_reunited(self, desk: Desk) -> None:
        """Nobody is handed to a family on a refuted identity."""
        case = desk.case(CaseState.IDENTITY_REFUTED)

        with pytest.raises(Invalid) as refusal, desk.context.db.write() as session:
            service.record_outcome(session, desk.investigator, case.id, Outcome.REUNITED, ACCOUNT)

        assert refusal.value.field == "outcome"


class TestTasks:
    def test_the_first_task_makes_a_case_a_tasked_one(self, desk: Desk) -> None:
        """A later one leaves the state alone."""
        case = desk.case()
        with desk.context.db.write() as session:
            desk.add_task(session, case)
        assert desk.again(case).state == CaseState.TASKED

        later = desk.case(CaseState.FIELD_VERIFIED)
        with desk.context.db.write() as session:
            desk.add_task(session, later)
        assert desk.again(later).state == CaseState.FIELD_VERIFIED

    def test_a_task_is_done_once_with_its_result(self, desk: Desk) -> None:
        """A second result does not overwrite the first."""
        case = desk.case()
        with desk.context.db.write() as session:
            task_id = desk.add_task(session, case)
            tasks.finish(session, desk.investigator, case.id, task_id, "Nobody was there.")

        with pytest.raises(Conflict), desk.context.db.write() as session:
            tasks.finish(session, desk.investigator, case.id, task_id, "Somebody was there.")

        with desk.context.db.read() as session:
            assert queries.get_task(session, case.id, task_id).result == "Nobody was there."

    def test_another_cases_task_is_not_there(self, desk: Desk) -> None:
        """A task is reached through its own case."""
        case, other = desk.case(), desk.case()
        with desk.context.db.write() as session:
            task_id = desk.add_task(session, other)

        with pytest.raises(NotFound), desk.context.db.write() as session:
            tasks.finish(session, desk.investigator, case.id, task_id, "Nobody was there.")

    def test_who_cannot_see_the_case_is_given_no_task(self, desk: Desk, make: Make) -> None:
        """Assignees run cases, are active, and belong to the area or one above it."""
        case = desk.case()
        city = make.officer(Role.INVESTIGATOR, area="440300")
        strangers = [
            make.officer(Role.INVESTIGATOR, area="440303"),
            make.officer(Role.REVIEWER),
            desk.make.officer(Role.CLERK),
        ]

        with desk.context.db.read() as session:
            offered = [officer.id for officer in queries.assignees(session, case)]
        assert offered == [desk.investigator.id, desk.supervisor.id, city.id]
        for stranger in strangers:
            with pytest.raises(Invalid) as refusal, desk.context.db.write() as session:
                tasks.add(
                    session,
                    desk.investigator,
                    case.id,
                    title="Look there",
                    assignee_id=stranger.id,
                    due_at=None,
                )
            assert refusal.value.field == "assignee"

    @pytest.mark.parametrize("due", [now() - timedelta(days=2), datetime(9999, 1, 1, tzinfo=ZONE)])
    def test_a_day_that_is_past_or_absurd_is_no_term(self, desk: Desk, due: datetime) -> None:
        """A slip of the pen is refused beside its field."""
        case = desk.case()

        with pytest.raises(Invalid) as refusal, desk.context.db.write() as session:
            desk.add_task(session, case, due)

        assert refusal.value.field == "due"
        assert desk.again(case).state == CaseState.OPEN

    def test_a_day_ends_with_its_last_minute_in_the_zone(self) -> None:
        """A task due today is not overdue at noon."""
        assert tasks.due_moment("2026-11-23", "", ZONE) == datetime(2026, 11, 23, 23, 59, tzinfo=ZONE)
        assert tasks.due_moment(" ", "", ZONE) is None
        with pytest.raises(Invalid):
            tasks.due_moment("tomorrow", "", ZONE)
        with pytest.raises(Invalid):
            tasks.due_moment("2026-11-23", "noon", ZONE)
        assert tasks.due_moment("2026-11-23", "17:30", ZONE) == datetime(2026, 11, 23, 17, 30, tzinfo=ZONE)
