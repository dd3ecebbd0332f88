"""Every page of the console, found by following links: accessible, fitting, without error or stranger."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from app.cases import service as cases
from app.cases.leads import from_triage
from app.core.context import Context
from app.officers import passwords
from app.officers.models import Officer, Role
from app.tips.models import Tip, TipState
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_console import PASSWORD
from tests.make import Make

pytestmark = pytest.mark.browser

UUID_IN_PATH = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
NO_PAGE = re.compile(r"/console/(photos|sign-out)|\.pdf|/attachments/|/live|/export")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LONG = "一个名字非常非常长的街道办事处旁边的地铁站出口Wolkenkratzerplatzbahnhofsvorplatz" * 2


@dataclass
class Crawl:
    """What going through the console found."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    def run(self, *starts: str) -> None:
        waiting = list(starts)
        while waiting:
            path = waiting.pop(0)
            pattern = UUID_IN_PATH.sub("{id}", path.split("?")[0].split("#")[0])
            if pattern in self.seen or NO_PAGE.search(pattern):
                continue
            self.seen[pattern] = path
            answer = self.page.goto(path)
            assert answer is not None
            if answer.status >= 400:
                self.complaints.append(f"{path}: answered {answer.status}")
                continue
            self._look(path)
            links = self.page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
            waiting += [link for link in links if link.startswith("/console")]

    def _look(self, path: str) -> None:
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wide > 0:
            self.complaints.append(f"{path}: {wide} px wider than the screen")
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": WCAG}})
        for violation in found.response["violations"]:
            where = "; ".join(str(node["target"]) for node in violation["nodes"][:3])
            self.complaints.append(f"{path}: {violation['id']} at {where}")


@pytest.fixture(params=["phone-zh-light", "desktop-en-dark"])
def crawl(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Crawl]:
    """A browser that notes what it refuses."""
    device, language, colours = request.param.split("-")
    context = browser.new_context(
        viewport=PHONE if device == "phone" else DESKTOP,  # type: ignore[arg-type]
        base_url=address,
        locale={"zh": "zh-CN", "en": "en-GB"}[language],
        color_scheme=colours,
    )
    opened = Crawl(context.new_page())

    def note(said: ConsoleMessage) -> None:
        if said.type == "error":
            opened.complaints.append(f"{opened.page.url}: {said.text}")

    def stranger(sent: Request) -> None:
        if not sent.url.startswith((address, "blob:", "data:")):
            opened.complaints.append(f"{opened.page.url}: asks {sent.url}")

    opened.page.on("console", note)
    context.on("request", stranger)
    opened.page.on("pageerror", lambda error: opened.complaints.append(f"{opened.page.url}: {error}"))
    yield opened
    context.close()


def furnish(context: Context, make: Make) -> Officer:
    """Rows for every room, with texts as long as they come."""
    everyone = make.officer(*Role, name=LONG[:60], area="440300", password_hash=passwords.hash_new(PASSWORD))
    colleague = make.officer(Role.SUPERVISOR, Role.INVESTIGATOR, area="440300")
    make.candidate(tip=make.tip(place_text=LONG, danger_now=True), record=make.record(name=LONG[:70]))
    make.candidate()
    for state in (TipState.ROUTED, TipState.ESCALATED, TipState.AWAITING_TIPSTER, TipState.FAILED):
        make.tip(state=state, description=LONG, latitude=22.54, longitude=114.06)
    for reason in ("Seen three days running.", LONG):
        tip = make.tip(latitude=22.53, longitude=114.05)
        with context.db.write() as session:
            lead = from_triage(session, session.get_one(Tip, tip.id), colleague, reason)
    with context.db.write() as session:
        cases.open_case(session, everyone, lead.id, context.settings.zone)
    return everyone


def test_every_page_can_be_used_by_everyone(crawl: Crawl, context: Context, make: Make) -> None:
    """Axe finds nothing, nothing overflows, no script fails, no link leads nowhere, nobody else is asked."""
    officer = furnish(context, make)
    crawl.page.goto("/console/sign-in")
    crawl.run("/console/sign-in")
    crawl.seen.clear()
    crawl.page.fill("input[name=username]", officer.username)
    crawl.page.fill("input[name=password]", PASSWORD)
    crawl.page.click("main form button")
    crawl.page.wait_for_selector(".who")
    rooms = crawl.page.eval_on_selector_all(".rooms a", "all => all.map(a => a.getAttribute('href'))")

    crawl.run(*rooms)

    assert len(crawl.seen) > 12, crawl.seen
    assert not crawl.complaints, "\n".join(crawl.complaints)
