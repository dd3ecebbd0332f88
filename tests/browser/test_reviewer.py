"""Reviewers at their desk: keys alone, drafts, covers, leases, aligned faces, page weight."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, Route, expect
from sqlmodel import select

from app.core.context import Context
from app.officers import passwords
from app.officers.models import Officer
from app.photos.models import Face
from app.reviews.checklist import COMPONENTS
from app.reviews.models import Conclusion, Review, ReviewState
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_console import PASSWORD, sign_in
from tests.browser.test_every_page import WCAG
from tests.make import Make

pytestmark = pytest.mark.browser

MOST_KEYS = 12
MOST_BYTES = 100_000
"""Of a comparison page with its styles and scripts, without pictures, uncompressed, nothing cached."""


@dataclass
class Desk:
    """A signed-in reviewer's page, the keys they pressed and the bytes they were sent."""

    page: Page
    officer: Officer
    pressed: int = 0
    sizes: dict[str, int] = field(default_factory=dict)

    def press(self, *keys: str) -> None:
        """Press keys; each counts, one held down with another as well."""
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += len(key.split("+"))

    def open_next(self) -> UUID:
        """Take the candidate that waits longest."""
        self.page.goto("/console/reviews")
        self.page.click("main form[action$='/next'] button")
        self.page.wait_for_selector("#keys")  # shown when all scripts are there
        return UUID(self.page.url.rsplit("/", 1)[1])

    def note(self, answer: Response) -> None:
        if "/photos/" not in answer.url and answer.status == 200:
            # From the header: the body of a page that was left meanwhile cannot be asked for.
            # Kept once, for later the address shows the decision.
            self.sizes.setdefault(answer.url, int(answer.headers["content-length"]))


@pytest.fixture
def reviewer(make: Make) -> Officer:
    return make.officer(password_hash=passwords.hash_new(PASSWORD))


@pytest.fixture(params=["desktop"])
def desk(browser: Browser, address: str, reviewer: Officer, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A reviewer on a desktop or a phone; whatever a script complains of fails the test."""
    viewport = PHONE if request.param == "phone" else DESKTOP
    context = browser.new_context(viewport=viewport, base_url=address, locale="en-GB")  # type: ignore[arg-type]
    opened = Desk(context.new_page(), reviewer)
    complaints: list[str] = []
    opened.page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(opened.page, reviewer)
    yield opened
    context.close()
    assert complaints == []


def row(context: Context, review_id: UUID) -> Review:
    with context.db.read() as session:
        return session.get_one(Review, review_id)


DECISIONS: tuple[tuple[Conclusion, tuple[str, ...], dict[str, str]], ...] = (
    (Conclusion.SUPPORT_SAME, ("2", "a", "q"), {}),
    (Conclusion.EXCLUDE, ("5", "Shift+5", "d", "w"), {"ears": "different"}),
    (Conclusion.SUPPORT_SAME_STRONG, ("1", "a", "e"), {}),
    (Conclusion.SUPPORT_SAME, ("2", "s", "s", "v", "a", "q", "w"), {"eyebrows": "not_visible"}),
    (Conclusion.INCONCLUSIVE, ("3", "r"), {}),
    (Conclusion.IMAGE_INSUFFICIENT, ("6", "q"), {}),
    (Conclusion.SUPPORT_DIFFERENT, ("4", "s", "d", "q"), {"forehead": "different"}),
    (
        Conclusion.SUPPORT_SAME,
        ("2", "s", "d", "s", "s", "v", "a", "r"),
        {"forehead": "different", "ears": "not_visible"},
    ),
    (Conclusion.EXCLUDE, ("5", "t"), {}),
    (
        Conclusion.SUPPORT_SAME,
        ("2", "a", "Shift+0", "v", "Shift+5", "d", "q"),
        {"marks": "not_visible", "ears": "different"},
    ),
)


def test_ten_candidates_are_decided_with_the_keyboard_alone(desk: Desk, context: Context, make: Make) -> None:
    """From the pictures covered to the next pair: at most twelve keys, and no pointer."""
    for _ in DECISIONS:
        make.candidate()
    desk.page.goto("/console/reviews")
    desk.page.on("response", desk.note)
    counts = []

    for number, (conclusion, keys, found) in enumerate(DECISIONS):
        desk.pressed = 0
        # After a decision, the button that takes the next pair has the focus by itself.
        if number == 0:
            desk.page.locator("main form[action$='/next'] button").focus()
        desk.press("Enter")
        desk.page.wait_for_selector("#keys")
        review_id = UUID(desk.page.url.rsplit("/", 1)[1])
        expect(desk.page.locator("#cover")).not_to_be_checked()
        desk.press("c", *keys, "Enter")
        expect(desk.page.locator("main")).to_contain_text("Your conclusion is recorded")
        counts.append(desk.pressed)

        kept = row(context, review_id)
        assert (kept.state, kept.conclusion) == (ReviewState.DECIDED, conclusion)
        assert found.items() <= kept.features.items()
        if conclusion in {Conclusion.SUPPORT_SAME, Conclusion.SUPPORT_SAME_STRONG}:
            assert set(kept.features) == {component.code for component in COMPONENTS}
        assert len(kept.reason) >= 10
        assert kept.exposure_s is not None

    pages = [size for url, size in desk.sizes.items() if re.search(r"/reviews/[0-9a-f-]{36}$", url)]
    assets = sum(size for url, size in desk.sizes.items() if "/assets/" in url)
    sys.stdout.write(f"keys {counts}, page {max(pages)} bytes, styles and scripts {assets} bytes\n")
    assert max(counts) <= MOST_KEYS, counts
    assert max(pages) + assets <= MOST_BYTES
    expect(desk.page.locator("main")).to_contain_text("Nothing else waits for you.")


def test_what_is_typed_survives_a_reload_and_ends_with_the_decision(
    desk: Desk, context: Context, make: Make
) -> None:
    """A tab that was closed by accident costs nobody their work; nothing stays once it is decided."""
    make.candidate()
    review_id = desk.open_next()
    desk.press("c", "2", "s", "d", "a")
    desk.page.fill("#reason", "Words of my own about both ears.")
    expect(desk.page.locator("[name=exposure]")).not_to_have_value("0")

    desk.page.reload()

    expect(desk.page.locator("#reason")).to_have_value("Words of my own about both ears.")
    expect(desk.page.locator("input[value=support_same]")).to_be_checked()
    expect(desk.page.locator("input[name=feature_forehead][value=different]")).to_be_checked()
    expect(desk.page.locator("#answered")).to_have_text("10 / 10")
    expect(desk.page.locator("[data-phrases=same]")).to_be_visible()
    assert float(desk.page.locator("[name=exposure]").input_value()) > 0
    desk.page.locator("body").press("Enter")
    expect(desk.page.locator("main")).to_contain_text("Your conclusion is recorded")
    kept = desk.page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('review:'))")
    assert kept == []
    assert row(context, review_id).features["forehead"] == "different"


def test_pictures_are_covered_until_asked_for_and_the_choice_is_kept(desk: Desk, make: Make) -> None:
    """Each pair begins covered, unless its reader chose otherwise here; covered time does not count."""
    make.candidate()
    desk.open_next()
    blurred = "getComputedStyle(document.querySelector('.look img')).filter.includes('blur')"
    assert desk.page.evaluate(blurred)
    desk.page.wait_for_timeout(1200)
    assert desk.page.locator("[name=exposure]").input_value() == "0"

    desk.page.locator(".look.face").first.click()

    assert not desk.page.evaluate(blurred)
    assert len(desk.page.context.pages) == 1
    desk.press("c")
    assert desk.page.evaluate(blurred)
    desk.page.check("#uncover-always")
    desk.page.reload()
    assert not desk.page.evaluate(blurred)


def test_who_lost_the_hold_is_told_and_keeps_the_words(desk: Desk, make: Make) -> None:
    """The page asks for more time by itself; a colleague who took over is no reason to lose a text."""
    make.candidate()
    answers = iter((204, 503, 409))
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.method)
        route.fulfill(status=next(answers, 409))

    desk.page.route("**/heartbeat", answer)
    desk.page.clock.install()
    review_id = desk.open_next()
    desk.page.fill("#reason", "Words of my own about both ears.")
    assert (
        desk.page.locator("#held").get_attribute("data-address") == f"/console/reviews/{review_id}/heartbeat"
    )

    desk.page.clock.run_for(300_000)
    expect(desk.page.locator("#held")).to_have_text("Held for you while this page is open")
    desk.page.clock.run_for(300_000)
    expect(desk.page.locator("#held-lost")).to_contain_text("No answer from the service just now")
    desk.page.clock.run_for(300_000)
    expect(desk.page.locator("#held-lost")).to_contain_text("You no longer hold this candidate")
    desk.page.clock.run_for(900_000)

    expect(desk.page.locator("#reason")).to_have_value("Words of my own about both ears.")
    assert asked == ["POST"] * 3


def test_faces_are_levelled_and_move_in_step(desk: Desk, context: Context, make: Make) -> None:
    """Eyes stand at the same places of both frames; zoom and movement do the same to both."""
    candidate = make.candidate()
    with context.db.write() as session:
        for face in session.exec(select(Face)):
            tilt = 4.0 if face.id == candidate.face_id else -2.0
            face.landmarks = [[15.0, 15.0 + tilt], [25.0, 15.0], [20.0, 22.0]]
            session.add(face)
    desk.open_next()
    desk.press("c")
    eyes = """() => [...document.querySelectorAll("img[data-zoom]")].map((img) => {
      const matrix = new DOMMatrix(getComputedStyle(img).transform), side = img.offsetWidth;
      const [lx, ly, rx, ry] = img.dataset.eyes.split(" ").map(Number);
      return [[lx, ly], [rx, ry]].map(([x, y]) => {
        const at = matrix.transformPoint(new DOMPoint(x * side, y * side));
        return [at.x / side, at.y / side];
      });
    })"""

    def apart() -> float:
        probe, reference = desk.page.evaluate(eyes)
        assert probe == [pytest.approx(point, abs=0.002) for point in reference]
        assert probe[0][1] == pytest.approx(probe[1][1], abs=0.002)
        return float(probe[1][0] - probe[0][0])

    assert apart() == pytest.approx(0.24, abs=0.002)
    desk.press("+", "+", "ArrowLeft", "ArrowUp")
    assert apart() == pytest.approx(0.24 * 1.5**2, abs=0.01)
    box = desk.page.locator(".look.face").first.bounding_box()
    assert box is not None
    desk.page.mouse.move(box["x"] + 90, box["y"] + 90)
    desk.page.mouse.wheel(0, -300)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + 60, box["y"] + 70, steps=4)
    desk.page.mouse.up()
    assert apart() == pytest.approx(0.24 * 1.5**2 * 2, abs=0.02)
    assert len(desk.page.context.pages) == 1
    desk.press("0")
    assert apart() == pytest.approx(0.24, abs=0.002)


def test_one_face_lies_over_the_other_without_asking_for_pictures_again(desk: Desk, make: Make) -> None:
    """Both were shown already; each further view would be one more in the audit log."""
    make.candidate()
    desk.open_next()
    desk.page.wait_for_load_state("networkidle")
    asked: list[str] = []
    desk.page.on("request", lambda sent: asked.append(sent.url))
    middle = "[...document.getElementById('over').getContext('2d').getImageData(320, 320, 1, 1).data]"

    desk.press("c", "o")
    desk.page.wait_for_selector("#over")
    both = desk.page.evaluate(middle)
    desk.page.locator("#opacity").fill("0")
    probe = desk.page.evaluate(middle)
    desk.page.locator("#opacity").fill("1")
    reference = desk.page.evaluate(middle)
    desk.press("b")
    desk.page.wait_for_timeout(900)
    desk.press("b")

    assert probe != reference
    assert both[:3] == [
        pytest.approx((one + other) / 2, abs=2) for one, other in zip(probe[:3], reference[:3], strict=True)
    ]
    assert asked == []


@pytest.mark.parametrize("desk", ["desktop", "phone"], indirect=True)
def test_the_page_is_accessible_in_every_state(desk: Desk, make: Make) -> None:
    """Axe finds nothing with everything open, with an error beside its field, and on the page afterwards."""
    make.candidate()
    desk.open_next()
    desk.press("c", "2", "s", "q", "o", "p", "?")
    found = {"open": Axe().run(desk.page, options={"runOnly": {"type": "tag", "values": WCAG}}).response}
    desk.page.click("button[data-key=Enter]")
    expect(desk.page.locator("#features-error")).to_be_visible()
    found["refused"] = Axe().run(desk.page, options={"runOnly": {"type": "tag", "values": WCAG}}).response
    wide = desk.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    desk.page.click("#rest-agree")
    desk.page.click("button[data-key=Enter]")
    expect(desk.page.locator("main")).to_contain_text("Your conclusion is recorded")
    found["recorded"] = Axe().run(desk.page, options={"runOnly": {"type": "tag", "values": WCAG}}).response

    complaints = [
        f"{state}: {violation['id']} at {[node['target'] for node in violation['nodes'][:3]]}"
        for state, response in found.items()
        for violation in response["violations"]
    ]
    assert complaints == []
    assert wide <= 0


def test_a_single_key_can_be_switched_off(desk: Desk, make: Make) -> None:
    """Who dictates or types with a switch must not decide by accident (WCAG 2.1.4)."""
    make.candidate()
    desk.open_next()
    desk.press("?")
    desk.page.uncheck("#keys-on")

    desk.page.locator("h1").click()
    desk.press("c", "2", "a", "+")

    expect(desk.page.locator("#cover")).not_to_be_checked()
    expect(desk.page.locator("input[value=support_same]")).not_to_be_checked()
    expect(desk.page.locator("#answered")).to_have_text("0 / 10")
    desk.page.reload()
    expect(desk.page.locator("#keys-on")).not_to_be_checked()
