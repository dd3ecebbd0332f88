"""Sightings and the map in a real browser: by keyboard, by slider, and without any script."""

import json
import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlmodel import select

from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.encoders import service as encoders
from app.jurisdictions.models import Jurisdiction
from app.officers import passwords
from app.officers.models import Officer, Role
from app.sightings.models import SightingSuggestion, SuggestionState
from tests.app.sightings.scene import FUTIAN, KEY, Scene, child
from tests.browser.test_console import PASSWORD, sign_in
from tests.browser.test_every_page import WCAG
from tests.make import Make

pytestmark = pytest.mark.browser


@pytest.fixture
def officer(context: Context, make: Make) -> Officer:
    """Who works with tips in a district whose shape is known."""
    ring = [[114.0, 22.5], [114.1, 22.5], [114.1, 22.6], [114.0, 22.6], [114.0, 22.5]]
    with context.db.write() as session:
        encoders.ensure_active(session, KEY, SYSTEM)
        area = session.get_one(Jurisdiction, "440304")
        area.shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
        session.add(area)
    return make.officer(Role.REVIEWER, password_hash=passwords.hash_new(PASSWORD))


def scripted(page: Page) -> bool:
    return page.locator("[data-script]:not([hidden])").count() > 0


def complaints(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [violation["id"] for violation in found.response["violations"]]


def test_the_days_are_chosen(page: Page, make: Make, officer: Officer) -> None:
    """A slider narrows map and table without a reload; without script the form does the same."""
    # given a tip of today and one of three weeks ago
    north, east = FUTIAN
    make.tip(latitude=north, longitude=east, observed_at=now(), received_at=now())
    long_ago = now() - timedelta(days=21)
    make.tip(latitude=north, longitude=east, observed_at=long_ago, received_at=long_ago)
    sign_in(page, officer)
    page.goto("/console/map")
    expect(page.locator(".totals")).to_contain_text("2 tips")
    expect(page.locator("svg .count").first).to_have_text("2")

    # when the last days are chosen
    if scripted(page):
        page.locator("#first-day").focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
    else:
        page.fill("#since", (now() - timedelta(days=9)).date().isoformat())
        page.click("#map-filters button")

    # then one tip is left, in the drawing and in the table, and the address can be passed on
    expect(page.locator(".totals")).to_contain_text("1 tip")
    expect(page.locator("svg .count").first).to_have_text("1")
    expect(page.locator("tfoot td").first).to_have_text("1")
    expect(page).to_have_url(re.compile("since="))
    if scripted(page):
        assert complaints(page) == []


def test_a_mark_leads_to_its_row(page: Page, make: Make, officer: Officer) -> None:
    """Reached by keyboard, a mark brings its reader to the same place in the table."""
    make.tip(latitude=FUTIAN[0], longitude=FUTIAN[1], place_text="Huaqiang North")
    sign_in(page, officer)
    page.goto("/console/map")

    page.locator(".map a").focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("#place-1$"))
    expect(page.locator("#place-1")).to_be_in_viewport()
    expect(page.locator("#place-1")).to_contain_text("Huaqiang North")


def test_a_pair_is_decided(page: Page, context: Context, make: Make, officer: Officer) -> None:
    """Faces stay covered until asked for; one key, or one button, decides."""
    # given a suggestion
    scene = Scene(context, make)
    scene.tip(child(1), hours_ago=30)
    assert scene.suggest(scene.tip(child(1, 0.05), at=(22.56, 114.07))) == 1
    sign_in(page, officer)
    page.goto("/console/sightings")
    picture = page.locator(".frame img").first
    expect(picture).to_have_css("filter", re.compile("blur"))

    # when the faces are looked at and taken for one child
    if scripted(page):
        page.keyboard.press("c")
        expect(picture).to_have_css("filter", "none")
        page.keyboard.press("s")
    else:
        page.locator(".uncover").check()
        expect(picture).to_have_css("filter", "none")
        page.click("button[data-key=s]")

    # then the sighting's track shows both, and it can be taken back
    page.get_by_role("link", name="Open the sighting").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("svg circle")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto("/console/sightings")
    page.click("text=Take back")
    expect(page.locator(".twins")).to_have_count(1)
    with context.db.read() as session:
        suggestion = session.exec(select(SightingSuggestion)).one()
        assert suggestion.state == SuggestionState.OPEN
    assert scene.partition() == set()
