"""A child that was taken away: no end of the case without civil affairs."""

import pytest

from app.audit.models import Action
from app.cases import closing, referring, removal, service
from app.cases.models import CaseState, Outcome
from app.core.errors import Conflict, Invalid
from app.officers.models import Officer
from app.referrals import service as referrals
from app.referrals.models import Agency, Referral, ReferralOutcome, ReferralState
from tests.app.cases.desk import ACCOUNT, Desk
from tests.conftest import Client

TAKEN = "The station chief ordered it; the child is at the district hospital."
REQUEST = "Please find a place for the child tonight and visit the family."


def refer(desk: Desk, case_id: object, agency: Agency = Agency.CIVIL_AFFAIRS) -> Referral:
    with desk.context.db.write() as session:
        return referring.send(session, desk.investigator, case_id, agency, "Futian office", REQUEST)  # type: ignore[arg-type]


def complete(desk: Desk, officer: Officer, referral: Referral) -> None:
    with desk.context.db.write() as session:
        referrals.answer(
            session,
            officer,
            referral.id,
            ReferralState.COMPLETED,
            informant="Ms Li",
            text="The child lives with a foster family.",
            outcome=ReferralOutcome.TAKEN_INTO_CARE,
        )


class TestRemoval:
    def test_a_case_with_one_does_not_close_before_civil_affairs_reported(self, desk: Desk) -> None:
        """Not without a referral, not while it is open, not with another agency's outcome."""
        case = desk.case(CaseState.OUTCOME_RECORDED)
        with desk.context.db.write() as session:
            removal.record(session, desk.supervisor, case.id, TAKEN)

        def close() -> None:
            with desk.context.db.write() as session:
                closing.close(session, desk.supervisor, case.id)

        with pytest.raises(Conflict, match="civil affairs"):
            close()
        hospital, office = refer(desk, case.id, Agency.HOSPITAL), refer(desk, case.id)
        complete(desk, desk.investigator, hospital)
        with pytest.raises(Conflict, match="civil affairs"):
            close()
        complete(desk, desk.investigator, office)
        close()

        assert desk.again(case).state == CaseState.CLOSED
        assert [row.subject_id for row in desk.audited(Action.CHILD_REMOVED)] == [str(case.id)]

    def test_what_was_reported_before_it_does_not_count(self, desk: Desk) -> None:
        """Support for the family is no account of a child that was taken away later."""
        case = desk.case(CaseState.OUTCOME_RECORDED)
        complete(desk, desk.investigator, refer(desk, case.id))
        with desk.context.db.write() as session:
            removal.record(session, desk.supervisor, case.id, TAKEN)

        with desk.context.db.write() as session, pytest.raises(Conflict, match="civil affairs"):
            closing.close(session, desk.supervisor, case.id)

    def test_placed_in_care_is_a_removal_whatever_was_recorded(self, desk: Desk) -> None:
        """An outcome that says so cannot go round the rule."""
        case = desk.case(CaseState.IDENTITY_REFUTED)
        with desk.context.db.write() as session:
            service.record_outcome(session, desk.investigator, case.id, Outcome.PLACED_IN_CARE, ACCOUNT)

        with desk.context.db.write() as session, pytest.raises(Conflict, match="civil affairs"):
            closing.close(session, desk.supervisor, case.id)

    def test_the_page_answers_409_and_says_what_is_missing(self, desk: Desk, client: Client) -> None:
        """The supervisor reads what to do."""
        case = desk.case(CaseState.OUTCOME_RECORDED)
        taken = client.post(
            f"/console/cases/{case.id}/removal", data={"removal_text": TAKEN}, as_=desk.supervisor
        )
        answer = client.post(f"/console/cases/{case.id}/close", as_=desk.supervisor)

        assert taken.status_code == 303
        assert answer.status_code == 409
        assert "a referral to civil affairs has to be completed" in answer.text
        assert desk.again(case).state == CaseState.OUTCOME_RECORDED

    def test_only_a_supervisor_records_one(self, desk: Desk, client: Client) -> None:
        """Taking a child away is no investigator's own step."""
        case = desk.case(CaseState.TASKED)
        answer = client.post(
            f"/console/cases/{case.id}/removal", data={"removal_text": TAKEN}, as_=desk.investigator
        )

        assert answer.status_code == 403
        assert desk.again(case).removed_at is None

    def test_it_is_explained_in_words_and_once(self, desk: Desk) -> None:
        """Who ordered it stands in the timeline."""
        case = desk.case(CaseState.TASKED)
        with desk.context.db.write() as session, pytest.raises(Invalid):
            removal.record(session, desk.supervisor, case.id, "ok")
        with desk.context.db.write() as session:
            removal.record(session, desk.supervisor, case.id, TAKEN)
        with desk.context.db.write() as session, pytest.raises(Conflict):
            removal.record(session, desk.supervisor, case.id, TAKEN)
