"""The console of channels in a real browser: the ways of a key and of a voiding, with script and without."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.core.context import Context
from app.officers import passwords
from app.officers.models import Officer, Role
from app.tips.models import Channel, ChannelKind, Tip
from tests.browser.test_console import PASSWORD, sign_in
from tests.make import Make

pytestmark = pytest.mark.browser


@pytest.fixture
def officer(make: Make) -> Officer:
    """One person of the nation's desk, with both roles."""
    return make.officer(
        Role.ADMIN, Role.SUPERVISOR, area="CN", password_hash=passwords.hash_new(PASSWORD), name="Zhao"
    )


@pytest.fixture
def channel(context: Context) -> Channel:
    """A partner's channel with a long name."""
    made = Channel(kind=ChannelKind.PARTNER, name="Volunteers" + "·of·the·night·buses" * 4)
    with context.db.write() as session:
        session.add(made)
    return made


def check(page: Page) -> None:
    """Nothing hangs over the edge, and axe, itself a script, finds nothing."""
    if page.evaluate("() => matchMedia('(scripting: enabled)').matches"):
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def stored(context: Context, tip: Tip) -> Tip:
    with context.db.read() as session:
        return session.get_one(Tip, tip.id)


def test_a_channel_gets_its_key_and_loses_it(page: Page, officer: Officer) -> None:
    """Added, a key made and read off the page, gone after reloading, replaced, revoked."""
    sign_in(page, officer)
    page.goto("/console/channels")
    check(page)
    page.click("text=Add a channel")
    page.fill("#name", "Street watch")
    page.select_option("#kind", "partner")
    page.fill("#owner", "Mei Wu, 010-555")
    page.click("button:has-text('Add the channel')")
    page.wait_for_url(re.compile(r"/console/channels/[0-9a-f-]{36}$"))
    own = page.url

    page.fill("#label", "Node 1")
    page.click("button:has-text('Make the key')")
    key = page.locator("code.secret").inner_text()
    assert key.startswith("hw1_")
    assert key not in page.url
    check(page)
    page.goto(own)
    expect(page.locator("main")).not_to_contain_text(key)
    page.click(f"a:has-text('{key.split('_')[1]}')")
    check(page)
    page.click("button:has-text('Make the new key')")
    assert page.locator("code.secret").inner_text() != key
    page.goto(own)
    page.click(f"a:has-text('{key.split('_')[1]}')")
    page.click("button:has-text('Revoke the key for good')")

    expect(page.locator("main")).to_contain_text("revoked on")
    check(page)


def test_a_backlog_is_voided_and_brought_back(
    page: Page, context: Context, make: Make, officer: Officer, channel: Channel
) -> None:
    """Previewed, danger ticked by hand, set aside, one taken back, all undone."""
    tips = [make.tip(channel_id=channel.id), make.tip(channel_id=channel.id)]
    urgent = make.tip(channel_id=channel.id, danger_now=True)
    sign_in(page, officer)
    page.goto(f"/console/channels/{channel.id}")
    check(page)
    page.click("text=Void tips of this channel")
    check(page)
    page.click("button:has-text('Show what would happen')")
    expect(page.locator("main")).to_contain_text("2 tips would be set aside.")
    check(page)

    page.check(f"input[name=danger][value='{urgent.id}']")
    page.fill("#reason", "bad")
    page.click("button:has-text('Set these tips aside')")
    expect(page.locator("#reason-error")).to_be_visible()
    expect(page.locator(f"input[name=danger][value='{urgent.id}']")).to_be_checked()
    page.fill("#reason", "All of it is made up by one program.")
    page.click("button:has-text('Set these tips aside')")
    page.wait_for_url("**/voids/**")
    check(page)
    assert all(stored(context, tip).set_aside_by for tip in (*tips, urgent))

    page.get_by_role("button", name=f"Take this one back: {tips[0].place_text}").click()
    expect(page.locator("main")).not_to_contain_text(tips[0].place_text)
    page.click("button:has-text('Undo the voiding')")

    expect(page.locator("main")).to_contain_text("Undone on")
    assert not any(stored(context, tip).set_aside_by for tip in (*tips, urgent))
    check(page)
