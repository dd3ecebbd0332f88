"""Promises about handing a family in need to civil affairs in one step."""

import pytest
from sqlmodel import select

from app.audit.models import Action
from app.officers.models import Role
from app.referrals.models import Agency, Referral, ReferralEvent, ReferralState
from app.tips import answers
from app.tips.models import Disposition, Tip, TipState
from tests.app.triage.conftest import Desk
from tests.make import Make

REQUEST = "Please visit the mother at the east gate; the girl has no winter coat."


def referrals(desk: Desk) -> list[Referral]:
    with desk.db.read() as session:
        return list(session.exec(select(Referral)))


def unchanged(desk: Desk, tip: Tip) -> bool:
    return referrals(desk) == [] and desk.stored(tip).disposition is None and desk.thread(tip) == []


def test_one_step_refers_and_closes(desk: Desk, make: Make) -> None:
    """Civil affairs has the request, the tip its code, its sender the answer; the log both."""
    tip, officer = make.tip(), make.officer()

    answer = desk.send(tip, officer, "welfare", request=REQUEST, office="Futian street office")

    assert answer.headers["location"] == f"/console/triage?done={tip.id}"
    (referral,) = referrals(desk)
    assert (referral.agency, referral.state) == (Agency.CIVIL_AFFAIRS, ReferralState.SENT)
    assert (referral.tip_id, referral.case_id, referral.jurisdiction_code) == (tip.id, None, "440304")
    assert (referral.request, referral.office, referral.sent_by) == (
        REQUEST,
        "Futian street office",
        officer.id,
    )
    kept = desk.stored(tip)
    assert (kept.state, kept.disposition) == (TipState.DISPOSED, Disposition.WITH_FAMILY_WELFARE_REFERRAL)
    assert kept.disposition_reason == REQUEST
    with desk.db.read() as session:
        assert len(session.exec(select(ReferralEvent)).all()) == 1
        told = answers.of_tip(session, tip.id, "en")
    assert REQUEST not in str(told)
    assert [row.action for row in desk.audited(referral.id)] == [Action.REFERRAL_SENT]
    assert desk.audited(tip.id)[-1].action == Action.TIP_DISPOSED


@pytest.mark.parametrize("request_text", ["", "Help them", "  \n " * 20, "x" * 4001])
def test_without_a_request_in_words_nothing_happens(desk: Desk, make: Make, request_text: str) -> None:
    """Neither half: what was typed comes back beside the reason."""
    tip = make.tip()

    answer = desk.send(tip, make.officer(), "welfare", request=request_text, office="Futian")

    assert answer.status_code == 422
    assert 'aria-describedby="request-error"' in answer.text
    assert 'value="Futian"' in answer.text
    assert unchanged(desk, tip)


def test_a_candidate_is_decided_first(desk: Desk, make: Make) -> None:
    """A child is not handed on as being with family while officers compare it with a missing one."""
    tip = make.tip()
    make.candidate(tip=tip)

    assert desk.send(tip, make.officer(), "welfare", request=REQUEST).status_code == 409
    assert unchanged(desk, tip)


@pytest.mark.parametrize("state", [TipState.LEAD, TipState.DISPOSED, TipState.RECEIVED])
def test_a_tip_in_another_hand_is_not_referred(desk: Desk, make: Make, state: TipState) -> None:
    """A lead is closed by its case; a closed tip has its answer."""
    tip = make.tip(state=state)

    answer = desk.send(tip, make.officer(), "welfare", request=REQUEST)

    # A tip that nobody prepared may still be closed, as with any other disposition.
    assert answer.status_code == (303 if state == TipState.RECEIVED else 409)


def test_the_code_is_not_given_without_a_referral(desk: Desk, make: Make) -> None:
    """Its sentence to the tipster says that the family was put in touch with people who can help."""
    tip, officer = make.tip(), make.officer()

    assert desk.dispose(tip, officer, "with_family_welfare_referral").status_code == 409
    assert unchanged(desk, tip)


def test_it_is_for_the_area_and_the_roles_of_triage(desk: Desk, make: Make) -> None:
    """Foreign is not there; other roles may not."""
    tip = make.tip()

    assert desk.send(tip, make.officer(area="442000"), "welfare", request=REQUEST).status_code == 404
    assert desk.send(tip, make.officer(Role.CLERK), "welfare", request=REQUEST).status_code == 403
    assert unchanged(desk, tip)
