"""Cases in a real browser: from a removal to its answered end, and two cases that become one."""

import pytest
from playwright.sync_api import Page, expect

from app.cases.models import Case, CaseState
from app.core.context import Context
from app.officers import passwords
from app.officers.models import Role
from tests.app.cases.desk import Desk
from tests.app.cases.test_merging import MOTIVE
from tests.app.cases.test_removal import REQUEST, TAKEN
from tests.browser.test_console import PASSWORD, sign_in
from tests.make import Make

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(context: Context, make: Make) -> Desk:
    """A desk whose supervisor can sign in."""
    made = Desk(context, make)
    made.supervisor = make.officer(Role.SUPERVISOR, name="Suo", password_hash=passwords.hash_new(PASSWORD))
    return made


def state(desk: Desk, case: Case) -> CaseState:
    return desk.again(case).state


def test_a_removal_is_answered_by_civil_affairs_before_the_case_closes(page: Page, desk: Desk) -> None:
    """The supervisor reads what is missing, refers, records the answer, and only then closes."""
    case = desk.case(CaseState.OUTCOME_RECORDED)
    sign_in(page, desk.supervisor)
    page.goto(f"/console/cases/{case.id}")

    # The child was taken away, so the case does not close.
    page.get_by_text("The child was taken away from those it was with").click()
    page.fill("#removal", TAKEN)
    page.get_by_role("button", name="Record it", exact=True).click()
    page.get_by_role("button", name="Close the case").click()
    expect(page.get_by_role("alert")).to_contain_text("a referral to civil affairs has to be completed")
    assert state(desk, case) == CaseState.OUTCOME_RECORDED

    # Civil affairs is asked, and answers.
    page.get_by_text("Hand work to another agency").click()
    page.select_option("#agency", "civil_affairs")
    page.fill("#referral_request", REQUEST)
    page.get_by_role("button", name="Send the referral").click()
    page.locator("section[aria-labelledby=referrals] a").click()
    page.locator("[name=state][value=completed]").check()
    page.select_option("[name=outcome]", "taken_into_care")
    page.fill("[name=informant]", "Ms Li")
    page.fill("[name=text]", "The child lives with a foster family.")
    page.locator("main form button").click()
    expect(page.locator("main")).to_contain_text("Taken into care")

    # The case says so, and closes.
    page.goto(f"/console/cases/{case.id}?kind=referral")
    expect(page.locator(".timeline")).to_contain_text("said by Ms Li")
    page.get_by_role("button", name="Close the case").click()
    expect(page.get_by_role("button", name="Reopen the case")).to_be_visible()
    assert state(desk, case) == CaseState.CLOSED


def test_two_cases_become_one_and_two_again(page: Page, desk: Desk) -> None:
    """The one that rests leads to the other, offers no step but the way back, and gets everything back."""
    case, into = desk.case(CaseState.TASKED), desk.case(CaseState.TASKED)
    sign_in(page, desk.supervisor)
    page.goto(f"/console/cases/{case.id}")
    page.get_by_text("This case is about the same child as another").click()
    page.fill("#into", into.number)
    page.fill("#merge_motive", MOTIVE)
    page.get_by_role("button", name="Merge into it").click()

    expect(page.locator("main .notice")).to_contain_text(into.number)
    assert page.locator("main form:visible").all_inner_texts() == ["Undo the merge"]
    page.get_by_role("link", name=into.number).first.click()
    expect(page.locator("main")).to_contain_text(f"Tasks of {case.number}, which rests in this case")
    expect(page.locator(".timeline")).to_contain_text(f"from {case.number}")

    page.goto(f"/console/cases/{case.id}")
    page.get_by_role("button", name="Undo the merge").click()
    expect(page.get_by_text("This case is about the same child as another")).to_be_visible()
    expect(page.get_by_role("button", name="Add the task")).to_be_visible()
