"""Officers in a real browser, with script and without."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.officers import passwords
from app.officers.models import Officer, Role
from app.worker import Worker
from tests.make import Make

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "app" / "demo" / "pictures"
PASSWORD = "tulip-harbour-93-lamp"


def sign_in(page: Page, officer: Officer) -> None:
    page.goto("/console/sign-in?lang=en")
    page.fill("input[name=username]", officer.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    expect(page.locator(".who")).to_contain_text(officer.name)


def test_a_reviewer_compares_and_concludes(page: Page, make: Make, worker: Worker) -> None:
    """Pictures side by side, a conclusion, a reason; nothing that leads the eye."""
    # given a candidate of real pictures
    officer = make.officer(password_hash=passwords.hash_new(PASSWORD))
    make.sent_record((PICTURES / "p0007-portrait0.jpg").read_bytes())
    make.sent_tip((PICTURES / "p0007-tip0.jpg").read_bytes())
    worker.run_until_idle()

    # when the reviewer takes it
    sign_in(page, officer)
    page.goto("/console/reviews")
    page.click("main button >> nth=0")

    # then both faces are there, and no score
    faces = page.locator("main img[src*='/face?']")
    expect(faces).to_have_count(2)
    for index in range(2):
        expect(faces.nth(index)).to_have_js_property("complete", value=True)
    assert not re.search(r"0\.\d{2}", page.inner_text("main"))

    # and the conclusion is recorded
    page.check("input[value=support_same]")
    for agrees in page.locator(".component input[value=same]").all():
        agrees.check()
    page.fill("textarea[name=reason]", "Brows, ears and chin agree.")
    page.click(".decision button[data-key=Enter]")
    expect(page.locator("main")).to_contain_text("Your conclusion is recorded")
    expect(page.locator("main")).to_contain_text("Support for the same person")


def test_a_tip_in_triage_hides_faces_until_asked(page: Page, make: Make) -> None:
    """What is not under review is looked at without faces."""
    officer = make.officer(Role.SUPERVISOR, password_hash=passwords.hash_new(PASSWORD))
    tip = make.tip()
    sign_in(page, officer)

    page.goto("/console/triage")
    page.click("main td a")

    expect(page.locator("main")).to_contain_text(tip.place_text)
    shown = [image.get_attribute("src") or "" for image in page.locator("main img").all()]
    assert shown
    assert all(source.endswith("/redacted") for source in shown)


def test_no_room_is_wider_than_a_phone(page: Page, make: Make) -> None:
    """Every room of the console can be used on a phone."""
    everything = make.officer(
        *Role, name="Extraordinarily Long Name " * 2, password_hash=passwords.hash_new(PASSWORD)
    )
    make.candidate()
    make.tip()
    sign_in(page, everything)

    for room in (
        "reviews",
        "triage",
        "cases",
        "records",
        "records/new",
        "failed",
        "audit",
        "officers",
        "contacts",
    ):
        page.goto(f"/console/{room}")
        box = page.locator("body").bounding_box()
        assert box is not None
        assert box["width"] <= 360, room
