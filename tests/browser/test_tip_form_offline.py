"""A draft on the device: it opens without a connection, goes once when there is one, and leaves nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlmodel import select

from app.core.context import Context
from app.core.render import FRONTEND
from app.tips.models import Tip
from tests.browser.test_every_page import WCAG
from tests.browser.test_tip_form import (
    PATIENCE_MS,
    PICTURE,
    SEND,
    phone,
    photos_of,
    picture,
    shown_photos,
    start,
)

__all__ = ["phone"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (FRONTEND / "scripts" / "vendor" / "idb-keyval-6.3.0.js").exists(),
        reason="idb-keyval is not there: make vendor files with npm",
    ),
]

LEFT = """async () => ({
    bases: (await indexedDB.databases()).map((each) => each.name),
    caches: await caches.keys(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    storage: Object.keys(localStorage),
    cookies: document.cookie,
})"""
NOTHING = {"bases": [], "caches": [], "workers": 0, "storage": [], "cookies": ""}
SHELL = 2 + 4 + 1 + 9
"""The page and its extras, three styles and an icon, the entry script, seven modules, two vendored."""
CACHED = (
    """async () => (await (await caches.open("homeward")).keys()).map((each) => new URL(each.url).pathname)"""
)


def fill(page: Page, *pictures: Path) -> None:
    """A tip that only has to be sent."""
    page.set_input_files("#photos", list(pictures or [PICTURE]))
    shown_photos(page, len(pictures) or 1)
    page.fill("[name=place_text]", "Metro exit A")
    page.fill("[name=description]", "A child asks for money.")


def until(page: Page, holds: str) -> None:
    """Wait for what only a promise tells; the browser's own waiting takes the promise itself for a yes."""
    for _ in range(PATIENCE_MS // 100):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never came true: {holds}")


def keep(page: Page) -> None:
    """Keep the draft, and wait until the form opens without a connection."""
    page.click("#keep")
    expect(page.locator("#kept")).to_contain_text("lies on this device")
    until(page, f"async () => (await caches.has('homeward')) && (await ({CACHED})()).length >= {SHELL}")


def tips(context: Context) -> list[Tip]:
    """All tips that were taken."""
    with context.db.read() as session:
        return list(session.exec(select(Tip)))


def left(page: Page) -> Any:
    """What lies on the device for this site."""
    return page.evaluate(LEFT)


def test_who_starts_no_draft_leaves_no_trace(phone: Page, context: Context) -> None:
    """Not on the way to the receipt, nor after it: no worker, no cache, no database, no cookie."""
    start(phone)
    assert left(phone) == NOTHING
    fill(phone)
    assert left(phone) == NOTHING
    phone.click(SEND)
    expect(phone).to_have_url(re.compile("/receipt/"))

    phone.goto("/")

    assert left(phone) == NOTHING
    assert phone.context.cookies() == []
    assert len(tips(context)) == 1


def test_a_draft_opens_offline_and_goes_once(phone: Page, context: Context, tmp_path: Path) -> None:
    """Texts, pictures and marks are there again without a connection; with one, the tip goes and is gone."""
    # given a draft with a mark in its second picture
    start(phone)
    fill(phone, PICTURE, picture(tmp_path / "b.jpg", (600, 500)))
    phone.locator(".preview").nth(1).focus()
    phone.keyboard.press("Enter")
    keep(phone)

    # when the connection is gone and the form is opened anew
    phone.context.set_offline(True)
    phone.goto("/")
    phone.wait_for_selector("form[data-ready]")
    shown_photos(phone, 2)
    assert phone.input_value("[name=description]") == "A child asks for money."
    expect(phone.locator(".told").nth(1)).to_contain_text("middle centre")
    phone.click(SEND)
    expect(phone.locator("#kept")).to_contain_text("no connection")
    assert tips(context) == []
    found = Axe().run(phone, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert [violation["id"] for violation in found.response["violations"]] == []

    # then it goes when there is one, and its receipt is shown until it was written down
    phone.context.set_offline(False)
    expect(phone.locator(".receipt .code")).to_have_text(re.compile(r"(\d{4} ){3}\d{4}"))
    code = phone.inner_text(".receipt .code")
    phone.reload()
    expect(phone.locator(".receipt .code")).to_have_text(code)
    (tip,) = tips(context)
    assert [photo.marked_x for photo in photos_of(context, tip)] == [None, 0.5]
    phone.click("#seen")
    phone.wait_for_selector("form[data-ready]")
    until(phone, "async () => (await indexedDB.databases()).length === 0")
    assert left(phone) == NOTHING

    # and the code opens the tip
    phone.goto("/receipt")
    phone.fill("input[name=code]", code)
    phone.click("main form button")
    expect(phone).to_have_url(re.compile("/receipt/"))


def test_pressing_send_without_a_connection_waits(phone: Page, context: Context) -> None:
    """Nobody has to know of drafts: the tip waits and goes by itself, and nobody can send it twice."""
    start(phone)
    fill(phone)
    phone.context.set_offline(True)

    phone.click(SEND)

    expect(phone.locator("#kept")).to_contain_text("no connection")
    expect(phone.locator(SEND)).to_be_hidden()
    assert tips(context) == []
    phone.context.set_offline(False)
    expect(phone.locator(".receipt .code")).to_be_visible()
    assert len(tips(context)) == 1


def test_a_waiting_tip_can_be_changed(phone: Page, context: Context) -> None:
    """What waits is locked until its writer unlocks it."""
    start(phone)
    fill(phone)
    phone.context.set_offline(True)
    phone.click(SEND)
    expect(phone.locator("#kept")).to_contain_text("no connection")

    phone.click("#change")
    expect(phone.locator(SEND)).to_be_visible()
    phone.fill("[name=description]", "Two children.")
    phone.context.set_offline(False)
    phone.click(SEND)

    expect(phone).to_have_url(re.compile("/receipt/"))
    assert [tip.description for tip in tips(context)] == ["Two children."]


def test_a_draft_can_be_deleted(phone: Page, context: Context) -> None:
    """One button, and nothing is left: no picture, no page, no worker."""
    start(phone)
    fill(phone)
    keep(phone)

    phone.click("#delete")

    expect(phone.locator("#sending")).to_contain_text("deleted")
    expect(phone.locator(".chosen > li")).to_have_count(0)
    assert phone.input_value("[name=description]") == ""
    phone.goto("/")
    until(phone, "async () => (await indexedDB.databases()).length === 0")
    assert left(phone) == NOTHING
    assert tips(context) == []


def test_only_the_form_is_kept(phone: Page) -> None:
    """No receipt, no answer, nothing of the console, however often these are opened with a draft there."""
    start(phone)
    fill(phone)
    keep(phone)

    for path in ("/receipt", "/console/sign-in", "/receipt?ended=1", "/areas/top.json", "/no-such-page"):
        phone.goto(path)
    phone.goto("/")

    cached = set(phone.evaluate(CACHED))
    assert {"/", "/tip/extras"} <= cached
    assert all(path in {"/", "/tip/extras"} or path.startswith("/assets/") for path in cached)
    assert not [path for path in cached if "console" in path]
    phone.context.set_offline(True)
    with pytest.raises(Exception, match=r"ERR_INTERNET_DISCONNECTED|ERR_FAILED"):
        phone.goto("/receipt")


def test_a_draft_follows_what_is_typed(phone: Page) -> None:
    """Once there is a draft, what is added later is in it."""
    start(phone)
    fill(phone)
    keep(phone)

    phone.fill("[name=description]", "Typed afterwards.")
    phone.wait_for_timeout(1500)
    phone.reload()
    phone.wait_for_selector("form[data-ready]")

    expect(phone.locator("[name=description]")).to_have_value("Typed afterwards.")
    # "Just now" of a draft is a moment of the past when the draft is opened again.
    expect(phone.locator("#seen-other")).to_be_checked()
    assert phone.input_value("#observed_at") != ""


def test_a_waiting_tip_goes_while_no_page_is_open(phone: Page, context: Context) -> None:
    """The browser wakes the worker when there is a connection; the receipt waits for its reader."""
    # given a tip that waits, and no page of ours
    session = phone.context.new_cdp_session(phone)
    registrations: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(each["registrationId"] for each in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    start(phone)
    origin = phone.evaluate("location.origin")
    fill(phone)
    phone.focus(".preview")
    phone.keyboard.press("Enter")
    keep(phone)
    phone.context.set_offline(True)
    phone.click(SEND)
    expect(phone.locator("#kept")).to_contain_text("no connection")
    phone.goto("about:blank")
    phone.context.set_offline(False)
    assert tips(context) == []

    # when the browser says that there is a connection
    session.send(
        "ServiceWorker.dispatchSyncEvent",
        {"origin": origin, "registrationId": registrations[0], "tag": "send-tip", "lastChance": False},
    )
    for _ in range(PATIENCE_MS // 100):
        if tips(context):
            break
        phone.wait_for_timeout(100)

    # then one tip is there with all its parts, and the form shows its code
    (tip,) = tips(context)
    assert tip.place_text == "Metro exit A"
    assert [photo.marked_x for photo in photos_of(context, tip)] == [0.5]
    phone.goto("/")
    expect(phone.locator(".receipt .code")).to_have_text(re.compile(r"(\d{4} ){3}\d{4}"))
    assert len(tips(context)) == 1
