"""An officer with a security key in a real browser, which holds a virtual one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlmodel import select

from app.core.context import Context
from app.officers import passwords
from app.officers.models import FactorKind, Officer, Role, SecondFactor
from tests.browser.conftest import PHONE
from tests.browser.test_console import PASSWORD
from tests.make import Make

pytestmark = pytest.mark.browser


@pytest.fixture
def context(context: Context) -> Context:
    """The deployment as it is by default: everybody needs a second factor."""
    return replace(context, settings=context.settings.model_copy(update={"second_factor": True}))


@pytest.fixture
def officer(make: Make) -> Officer:
    """Who signs in."""
    return make.officer(Role.REVIEWER, area="440304", password_hash=passwords.hash_new(PASSWORD))


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """A phone with a built-in key; keys are bound to names, not to numbers of machines."""
    opened = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        base_url=address.replace("127.0.0.1", "localhost"),
        locale="en",
    )
    page = opened.new_page()
    devtools = opened.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    yield page
    opened.close()


def enter(page: Page, officer: Officer) -> None:
    page.goto("/console/sign-in?lang=en")
    page.fill("#username", officer.username)
    page.fill("#password", PASSWORD)
    page.click("form[action='/console/sign-in'] button")


def test_a_key_is_set_up_and_opens_the_next_session(phone: Page, context: Context, officer: Officer) -> None:
    """From the password to the first room with a key; its count goes up, and every page is for everyone."""
    enter(phone, officer)
    expect(phone.locator("h1")).to_have_text("Set up a second factor")
    assert Axe().run(phone).response["violations"] == []
    phone.fill("#key-name", "This phone")
    phone.click("text=Set up a key")

    expect(phone.locator("h1")).to_have_text("Second factors")
    expect(phone.locator("main")).to_contain_text("This phone")
    expect(phone.locator("section.notice li")).to_have_count(10)
    assert Axe().run(phone).response["violations"] == []
    phone.click("text=Sign out")
    enter(phone, officer)
    expect(phone.locator("h1")).to_have_text("Second factor")
    assert Axe().run(phone).response["violations"] == []
    phone.click("text=Use the security key")
    phone.wait_for_url("**/console/reviews")

    with context.db.read() as session:
        factor = session.exec(select(SecondFactor)).one()
    assert factor.kind == FactorKind.WEBAUTHN
    assert factor.sign_count > 1
    phone.goto("/console/prove?next=/console/account/factors")
    phone.click("text=Use the security key")
    phone.wait_for_url("**/console/account/factors")


def test_an_app_is_set_up_by_its_letters(phone: Page, officer: Officer) -> None:
    """The page shows the code and the letters, fits a phone, and says in words what is wrong."""
    enter(phone, officer)
    phone.click("text=Set up an app")

    assert Axe().run(phone).response["violations"] == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(phone.locator(".qr svg")).to_be_visible()
    phone.fill("#code", "000000")
    phone.click("text=Add the app")
    expect(phone.locator("#code-error")).to_contain_text("These digits are not right.")
