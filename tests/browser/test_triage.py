"""Officers in triage in a real browser, with script and without."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from app.core.context import Context
from app.officers import passwords
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.reviews import triage
from app.tips.models import Disposition, Tip, TipState
from tests.browser.test_console import PASSWORD, sign_in
from tests.make import Make

pytestmark = pytest.mark.browser


@pytest.fixture
def officer(make: Make) -> Officer:
    """Who works through the list."""
    return make.officer(Role.SUPERVISOR, area="440300", password_hash=passwords.hash_new(PASSWORD))


def has_script(page: Page) -> bool:
    return page.evaluate("() => 1") == 1 and page.locator(".keys-hint").first.is_visible()


def stored(context: Context, tip: Tip) -> Tip:
    with context.db.read() as session:
        return session.get_one(Tip, tip.id)


def photo_of(context: Context, tip: Tip) -> Photo:
    with context.db.read() as session:
        return session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()


def test_a_tip_is_closed_by_two_presses_and_the_next_one_stands_there(
    page: Page, context: Context, make: Make, officer: Officer
) -> None:
    """The first fills in a reason that can be changed, the second closes; without script as well."""
    tips = [make.tip(), make.tip()]
    sign_in(page, officer)
    page.goto(f"/console/tips/{tips[0].id}")

    page.click("a[data-quick=not_a_child]")
    assert stored(context, tips[0]).state == TipState.ACKNOWLEDGED
    expect(page.locator("#reason")).to_have_value("The picture and the description are not about a child.")
    page.click("#closing button >> nth=0")

    expect(page.locator("main")).to_contain_text("Closed: Not a child.")
    expect(page.locator("main")).to_contain_text(tips[1].place_text)
    closed = stored(context, tips[0])
    assert (closed.state, closed.disposition) == (TipState.DISPOSED, Disposition.NOT_A_CHILD)
    assert stored(context, tips[1]).state == TipState.ACKNOWLEDGED


def test_ten_tips_are_closed_with_two_keys_each(
    page: Page, context: Context, make: Make, officer: Officer
) -> None:
    """The whole list without a pointer: one key chooses, Enter closes and opens the next."""
    tips = [make.tip() for _ in range(10)]
    sign_in(page, officer)
    page.goto("/console/triage")
    if not has_script(page):
        pytest.skip("Without script the tabulator goes the same way.")

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    for _ in tips:
        expect(page.locator("h1")).to_contain_text("Tip of")
        page.wait_for_load_state()  # a key pressed before the script stands is the browser's own
        address = page.url
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        expect(page).not_to_have_url(address)

    expect(page.locator("main")).to_contain_text("No tip of your area waits here.")
    assert {stored(context, tip).disposition for tip in tips} == {Disposition.UNABLE_TO_LOCATE}


def test_keys_are_left_alone_where_somebody_types(page: Page, make: Make, officer: Officer) -> None:
    """A reason with a 4 in it closes nothing; keys can be switched off."""
    tip, _ = make.tip(), make.tip()
    sign_in(page, officer)
    page.goto("/console/triage")
    scripted = has_script(page)
    page.goto(f"/console/tips/{tip.id}")

    page.focus("#reason")
    page.keyboard.type("4 of us went there. j k u")
    expect(page.locator("#reason")).to_have_value("4 of us went there. j k u")
    assert page.url.endswith(str(tip.id))

    if scripted:
        page.click(".keys summary")
        page.uncheck("#keys-on")
        page.click("h1")
        page.keyboard.press("j")
        page.keyboard.press("1")
        assert page.url.endswith(str(tip.id))
        expect(page.locator("#disposition")).to_have_value("")


def test_what_was_typed_is_not_written_over(page: Page, make: Make, officer: Officer) -> None:
    """Choosing another disposition keeps an officer's own words."""
    tip = make.tip()
    sign_in(page, officer)
    page.goto("/console/triage")
    if not has_script(page):
        pytest.skip("Without script a link opens the page anew.")
    page.goto(f"/console/tips/{tip.id}")

    page.click("a[data-quick=not_a_child]")
    page.click("a[data-quick=unable_to_locate]")
    expect(page.locator("#reason")).to_have_value(re.compile("Officers went to the place"))
    page.fill("#reason", "The stall is gone since Monday.")
    page.click("a[data-quick=already_known]")

    expect(page.locator("#reason")).to_have_value("The stall is gone since Monday.")
    expect(page.locator("#disposition")).to_have_value("already_known")


def test_a_family_is_referred_in_one_press(
    page: Page, context: Context, make: Make, officer: Officer
) -> None:
    """The request stands there already; the tip is closed with it."""
    tip = make.tip()
    sign_in(page, officer)
    page.goto(f"/console/tips/{tip.id}")

    page.click("#welfare button >> nth=0")

    expect(page.locator("main")).to_contain_text("Closed: With family, welfare referral.")
    assert stored(context, tip).disposition == Disposition.WITH_FAMILY_WELFARE_REFERRAL
    page.goto("/console/referrals")
    expect(page.locator("main")).to_contain_text("Civil affairs")


def test_a_face_is_marked_on_the_picture_and_unmarked(page: Page, make: Make, officer: Officer) -> None:
    """Frames with numbers stand where the faces are; the buttons say who is whom."""
    tip = make.tip()
    sign_in(page, officer)
    page.goto(f"/console/tips/{tip.id}")
    page.click("[data-faces]")
    expect(page.locator(".framed img")).to_have_attribute("src", re.compile("/scene$"))

    page.click("text=Bystander >> nth=0")

    expect(page.locator("button[aria-pressed=true]")).to_have_text("Bystander")
    expect(page.locator(".framed img")).to_have_attribute("src", re.compile("/scene$"))
    frame, image = page.locator(".frame .box").bounding_box(), page.locator(".framed img").bounding_box()
    assert frame is not None
    assert image is not None
    # The face is 24 of the picture's 64 columns wide and begins in the eighth.
    assert abs((frame["x"] - image["x"]) / image["width"] - 8 / 64) < 0.01
    assert abs(frame["width"] / image["width"] - 24 / 64) < 0.02
    page.click("text=Not marked")
    expect(page.locator("button[aria-pressed=true]")).to_have_text("Not marked")


def test_two_pictures_are_put_together_by_number_and_apart_again(
    page: Page, context: Context, make: Make, officer: Officer
) -> None:
    """From the tip's page to the copies, with a way back."""
    tip, copy = make.tip(), make.tip()
    sign_in(page, officer)
    page.goto(f"/console/tips/{tip.id}")
    page.click("text=Put with copies of it")

    page.fill("input[name=tip]", str(copy.id))
    page.click("text=Show its photos")
    page.click("text=It is the same picture: put together")

    expect(page.locator("main")).to_contain_text("Put together by an officer with")
    assert photo_of(context, copy).cluster_id == photo_of(context, tip).cluster_id
    page.click("text=Undo: put together on")
    expect(page.locator("main")).not_to_contain_text("Put together by an officer with")
    assert photo_of(context, copy).cluster_id != photo_of(context, tip).cluster_id


def test_a_list_that_is_open_follows_what_colleagues_do(
    page: Page, context: Context, make: Make, officer: Officer
) -> None:
    """A tip that a colleague closed goes without a reload, and the focus stays in the list."""
    first, second = make.tip(), make.tip()
    page.clock.install()
    sign_in(page, officer)
    page.goto("/console/triage")
    if not has_script(page):
        pytest.skip("Without script the list is as old as the page.")
    page.keyboard.press("j")
    with page.expect_response(re.compile("/console/triage/live")):
        page.clock.run_for(16_000)
    expect(page.locator("a[data-row]")).to_have_count(2)

    with context.db.write() as session:
        triage.dispose(session, officer, first.id, Disposition.NOT_A_CHILD, "It was a doll.", None)
    for _ in range(20):  # The next question is planned when the answer before it was read.
        page.clock.run_for(16_000)
        if page.locator("a[data-row]").count() == 1:
            break
        page.wait_for_timeout(50)

    expect(page.locator("a[data-row]")).to_have_count(1)
    expect(page.locator("a[data-row]")).to_be_focused()
    assert str(second.id) in (page.locator("a[data-row]").get_attribute("href") or "")
    expect(page.locator("#changed")).to_contain_text("1 tip waits for a decision.")
