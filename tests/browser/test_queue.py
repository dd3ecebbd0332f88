"""The review queue in a real browser: keys, live updates, and all of it without script."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.candidates.models import Candidate
from app.core.context import Context
from app.officers import passwords
from app.officers.models import Officer
from app.reviews import claims
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_console import PASSWORD, sign_in
from tests.make import Make

pytestmark = pytest.mark.browser

POLL_MS = 15_000
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def desktop(browser: Browser, address: str) -> Iterator[Page]:
    """A desktop with script, whose clock the test moves."""
    context = browser.new_context(viewport=DESKTOP, base_url=address)  # type: ignore[arg-type]
    opened = context.new_page()
    opened.clock.install()
    yield opened
    context.close()


@pytest.fixture
def reviewer(make: Make) -> Officer:
    """A reviewer who can sign in."""
    return make.officer(password_hash=passwords.hash_new(PASSWORD))


def rows(page: Page) -> list[str]:
    found = page.eval_on_selector_all("tr[data-item]", "all => all.map(row => row.dataset.item)")
    return [str(item) for item in found]


def marked(page: Page) -> str | None:
    """The candidate whose row has the focus."""
    found = page.evaluate("document.activeElement.closest('tr[data-item]')?.dataset.item ?? null")
    return None if found is None else str(found)


def hold(context: Context, officer: Officer, candidate_id: str) -> None:
    with context.db.write() as session:
        claims.claim(session, officer, UUID(candidate_id), 15)


class TestKeys:
    def test_the_list_is_gone_through_and_taken_by_keys(
        self, desktop: Page, make: Make, reviewer: Officer
    ) -> None:
        """Down, down, up, Enter: no hand leaves the keyboard."""
        for _ in range(3):
            make.candidate()
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")
        first, second, third = rows(desktop)

        seen = []
        for key in ("j", "j", "ArrowDown", "j", "k", "ArrowUp"):
            desktop.keyboard.press(key)
            seen.append(marked(desktop))
        desktop.keyboard.press("j")
        desktop.keyboard.press("Enter")

        desktop.wait_for_url(re.compile("/console/reviews/[0-9a-f-]{36}$"))
        assert seen == [first, second, third, third, second, first]
        desktop.goto("/console/reviews?mine=on")
        assert rows(desktop) == [second]

    def test_one_key_takes_the_next_one(self, desktop: Page, make: Make, reviewer: Officer) -> None:
        """And the same one again while it is held."""
        make.candidate()
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")

        desktop.keyboard.press("n")

        desktop.wait_for_url(re.compile("/console/reviews/[0-9a-f-]{36}$"))

    def test_the_keys_are_told_and_can_be_switched_off(
        self, desktop: Page, make: Make, reviewer: Officer
    ) -> None:
        """A key pressed by accident, or by a voice, does nothing for who does not want it."""
        make.candidate()
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")
        expect(desktop.locator("#keys-on")).not_to_be_visible()

        desktop.keyboard.press("?")
        desktop.uncheck("#keys-on")
        desktop.keyboard.press("j")
        desktop.keyboard.press("n")

        assert marked(desktop) is None
        assert desktop.url.endswith("/console/reviews")
        desktop.reload()
        expect(desktop.locator("#keys-on")).not_to_be_checked()


class TestLive:
    def test_a_new_candidate_appears_and_nothing_is_lost(
        self, desktop: Page, make: Make, reviewer: Officer
    ) -> None:
        """The mark stays on its candidate, what is open stays open, and the change is said."""
        for _ in range(3):
            make.candidate()
        hidden = make.candidate()
        with make.context.db.write() as session:
            kept = session.get_one(Candidate, hidden.id)
            kept.shown_first = False
            session.add(kept)
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")
        desktop.keyboard.press("j")
        desktop.keyboard.press("j")
        before = marked(desktop)
        desktop.evaluate("document.querySelector('details[data-keep=more]').open = true")

        new = make.candidate()
        with desktop.expect_response(re.compile("/live")) as answer:
            desktop.clock.fast_forward(POLL_MS + 500)

        assert answer.value.status == 200
        expect(desktop.locator(f"tr[data-item='{new.id}']")).to_be_visible()
        expect(desktop.locator("#changed")).to_contain_text("5 candidates wait for you.")
        expect(desktop.locator("details[data-keep=more]")).to_have_attribute("open", "")
        assert marked(desktop) == before

    def test_where_nothing_changes_nothing_is_sent(
        self, desktop: Page, make: Make, reviewer: Officer
    ) -> None:
        """An open page costs the network next to nothing."""
        make.candidate()
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")

        statuses = []
        for _ in range(2):
            with desktop.expect_response(re.compile("/live")) as answer:
                desktop.clock.fast_forward(POLL_MS + 500)
            statuses.append(answer.value.status)

        assert statuses == [304, 304]

    def test_the_mark_goes_to_the_neighbour_of_what_a_colleague_took(
        self, desktop: Page, context: Context, make: Make, reviewer: Officer
    ) -> None:
        """Whoever moves by keys is not thrown back to the top of the page."""
        for _ in range(3):
            make.candidate()
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")
        desktop.keyboard.press("j")
        desktop.keyboard.press("j")
        _, second, third = rows(desktop)
        assert marked(desktop) == second

        hold(context, make.officer(), second)
        desktop.clock.fast_forward(POLL_MS + 500)

        expect(desktop.locator(f"tr[data-item='{second}']")).to_have_count(0)
        assert marked(desktop) == third

    def test_a_page_that_nobody_touches_falls_silent(
        self, desktop: Page, make: Make, reviewer: Officer
    ) -> None:
        """Asking would keep the session of an empty chair alive."""
        make.candidate()
        sign_in(desktop, reviewer)
        desktop.goto("/console/reviews")
        with desktop.expect_response(re.compile("/live")):
            desktop.clock.fast_forward(11 * 60_000)
        asked: list[str] = []
        desktop.on("request", lambda sent: asked.append(sent.url) if "/live" in sent.url else None)

        for _ in range(3):
            desktop.clock.fast_forward(5 * 60_000)
            desktop.wait_for_timeout(50)

        assert asked == []
        with desktop.expect_response(re.compile("/live")):
            desktop.mouse.click(5, 300)


class TestWithoutScript:
    def test_everything_works_on_a_phone_with_script_and_without(
        self, page: Page, make: Make, reviewer: Officer
    ) -> None:
        """Narrow, keep the view, take, leave aside with a reason."""
        danger = make.candidate(tip=make.tip(danger_now=True))
        make.candidate()
        sign_in(page, reviewer)
        page.goto("/console/reviews")
        expect(page.locator("main")).to_contain_text("2 candidates wait for you.")

        page.click("nav.narrowing a[data-focus^='filter-danger']")
        assert rows_without_script(page) == [str(danger.id)]
        page.click("details.views > summary")
        page.fill("input[name=name]", "Danger")
        page.click("details.views button")
        expect(page.locator("details.views a")).to_have_attribute("aria-current", "true")
        page.click(f"tr[data-item='{danger.id}'] button")
        page.goto("/console/reviews")
        page.click("a[href$='/aside']")
        page.fill("textarea[name=skip_reason]", "I know the family.")
        page.click("form[action$='/skip'] button")

        expect(page.locator("main")).to_contain_text("Skipped by you")


def rows_without_script(page: Page) -> list[str]:
    return [str(row.get_attribute("data-item")) for row in page.locator("tr[data-item]").all()]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_state_of_the_queue_can_be_used_by_everyone(
    browser: Browser,
    address: str,
    context: Context,
    make: Make,
    reviewer: Officer,
    language: str,
    size: dict[str, int],
) -> None:
    """Held, skipped, beyond the short lists, empty, refused: axe finds nothing, nothing overflows."""
    held = make.candidate(tip=make.tip(danger_now=True, place_text="福田区购物公园地铁站" * 8))
    skipped, more = make.candidate(), make.candidate()
    make.candidate()
    with context.db.write() as session:
        kept = session.get_one(Candidate, more.id)
        kept.shown_first = False
        session.add(kept)
        claims.skip(session, reviewer, claims.claim(session, reviewer, skipped.id, 15).id)
        review = claims.claim(session, reviewer, held.id, 15)
    opened = browser.new_context(viewport=size, base_url=address)  # type: ignore[arg-type]
    page = opened.new_page()
    sign_in(page, reviewer)
    complaints = []

    for path in (
        f"/console/reviews?lang={language}",
        "/console/reviews?part=more",
        "/console/reviews?waiting=168",
        f"/console/reviews/{review.id}/aside",
    ):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        complaints += [f"{path}: {wide} px too wide"] if wide else []
        complaints += [f"{path}: {item['id']}" for item in found.response["violations"]]
    opened.close()

    assert complaints == []
