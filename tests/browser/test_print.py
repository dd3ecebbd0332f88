"""Console pages on paper: black on white whatever the screen's colours are, without what can be pressed."""

from collections.abc import Iterator

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page

from app.cases.models import CaseState
from app.core.context import Context
from app.officers import sessions
from app.officers.models import Role
from tests.app.cases.desk import Desk
from tests.browser.conftest import DESKTOP
from tests.make import Make

pytestmark = pytest.mark.browser

SHOWN_CONTROLS = """() => [...document.querySelectorAll(
    'nav, button, .button, .languages, .skip, input[type=file], details:not([open]):has(form)'
)].filter(item => item.checkVisibility()).map(item => item.outerHTML.slice(0, 80))"""
COLOURS = """() => [...document.querySelectorAll('body, main, .card, h1, h2, p, td, th, dd, dt, a, span')]
    .filter(item => item.checkVisibility() && item.textContent.trim())
    .map(item => getComputedStyle(item).color)"""
BLACKISH = {"rgb(0, 0, 0)", "rgb(51, 51, 51)"}


@pytest.fixture
def paper(browser: Browser, address: str, context: Context, make: Make) -> Iterator[Page]:
    """A browser of somebody with all roles who works in the dark."""
    officer = make.officer(*Role, area="440300")
    with context.db.write() as session:
        token = sessions.start(session, officer)
    opened = browser.new_context(
        viewport=DESKTOP,  # type: ignore[arg-type]
        base_url=address,
        color_scheme="dark",
        locale="en-GB",
    )
    opened.add_cookies([{"name": sessions.cookie_name(context.settings), "value": token, "url": address}])
    yield opened.new_page()
    opened.close()


def test_pages_print_black_on_white_without_controls(paper: Page, context: Context, make: Make) -> None:
    """A case, a tip, lists, the audit log: nothing to press, no dark background, dark letters."""
    desk = Desk(context, make)
    case = desk.case(CaseState.TASKED)
    tip = make.tip(danger_now=True)
    for path in (
        f"/console/cases/{case.id}",
        f"/console/tips/{tip.id}",
        f"/console/records/{case.record_id}",
        "/console/cases",
        "/console/triage",
        "/console/reviews",
        "/console/oversight",
        "/console/audit",
    ):
        answer = paper.goto(path)
        assert answer is not None
        assert answer.ok, path
        paper.emulate_media(media="print", color_scheme="dark")
        document = pypdfium2.PdfDocument(paper.pdf(format="A4", print_background=True))
        first = document[0]
        bitmap = first.render(scale=0.5, grayscale=True)
        histogram = bitmap.to_pil().histogram()
        bitmap.close()
        first.close()
        document.close()

        assert paper.evaluate(SHOWN_CONTROLS) == [], path
        assert set(paper.evaluate(COLOURS)) <= BLACKISH, path
        assert histogram[255] > 0.6 * sum(histogram), path
        paper.emulate_media(media="screen", color_scheme="dark")
