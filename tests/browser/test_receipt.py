"""The pages that a receipt opens, in a real browser: on a phone, with script and without."""

import hashlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlmodel import select

from app.core.context import Context
from app.photos.models import Photo
from app.tips.models import Author, Tip, TipMessage
from tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser
PICTURE = Path(__file__).parents[2] / "app" / "demo" / "pictures" / "p0052-tip0.jpg"
OTHER = PICTURE.with_name("p0004-tip0.jpg")
MOST_BYTES = 15 * 1024
"""Of a page without script, with its styles and all headers."""


@pytest.fixture
def context(context: Context) -> Context:
    """A deployment that knows its address and offers every notice."""
    settings = context.settings.model_copy(
        update={
            "public_url": "https://tips.example.org",
            "smtp_url": "smtp://127.0.0.1:9",
            "mail_from": "notices@tips.example.org",
            "push_contact": "mailto:desk@example.org",
        }
    )
    return Context(settings, context.keys, context.db, context.store)


@pytest.fixture
def sent(page: Page) -> Page:
    """A browser that has just sent a tip, in English."""
    page.goto("/?lang=en")
    answer = page.request.post(
        "/tip?lang=en",
        multipart={
            "photos": {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": PICTURE.read_bytes()},
            "place_text": "Metro exit A",
        },
        max_redirects=0,
    )
    page.goto(answer.headers["location"])
    return page


def code_on(page: Page) -> str:
    """The digits of the code that a page shows."""
    found = re.search(r"(\d{4} ){3}\d{4}", page.inner_text("main"))
    assert found is not None
    return found.group()


def has_script(page: Page) -> bool:
    """Whether this browser runs scripts."""
    return page.locator("[data-copy]").is_visible()


def axe_is_content(page: Page) -> None:
    """The page has no barrier that axe finds; it needs script, so the other half is skipped."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


class TestTheCode:
    def test_it_can_be_scanned_and_fills_itself_in(self, sent: Page) -> None:
        """The picture leads to the page for codes; the code stays out of every address that is sent."""
        code = code_on(sent)
        drawn = sent.locator(".scan").screenshot()
        picture = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None

        held, *_ = cv2.QRCodeDetector().detectAndDecode(cv2.resize(picture, None, fx=3, fy=3))

        digits = code.replace(" ", "")
        assert held == f"https://tips.example.org/receipt#{digits}"
        scripted = has_script(sent)
        asked: list[str] = []
        sent.context.on("request", lambda request: asked.append(request.url))
        sent.goto(f"/receipt?lang=en#{digits}")
        if scripted:
            expect(sent.locator("#code")).to_have_value(code)
            assert digits not in sent.url
        else:
            sent.fill("#code", digits)
        sent.click("text=Open my tip")
        expect(sent.locator("h1")).to_have_text("Your tip")
        assert digits not in sent.url
        assert [url for url in asked if digits in url.partition("#")[0]] == []

    def test_it_is_copied(self, sent: Page) -> None:
        """With one press, where there is script; without, the button is not there."""
        if not has_script(sent):
            expect(sent.locator("[data-copy]")).to_be_hidden()
            return
        sent.context.grant_permissions(["clipboard-read", "clipboard-write"])

        sent.click("[data-copy]")

        expect(sent.locator(".copying [role=status]")).to_have_text("Copied")
        assert sent.evaluate("navigator.clipboard.readText()") == code_on(sent)

    def test_it_is_printed_with_its_picture(self, sent: Page) -> None:
        """Code and picture, and nothing to press."""
        sent.emulate_media(media="print")

        expect(sent.locator("#own-code")).to_be_visible()
        expect(sent.locator(".scan svg")).to_be_visible()
        for gone in ("textarea", ".keep", "details", ".languages", "[data-copy]"):
            assert not sent.locator(gone).first.is_visible()


class TestTheThread:
    def test_photos_are_added(self, sent: Page, context: Context) -> None:
        """Chosen, sent, told; without script as with it."""
        sent.click("text=Add photos")
        sent.set_input_files("#photos", OTHER)
        sent.click("text=Send photos")

        expect(sent.locator(".thread")).to_contain_text("More photos came in.")
        with context.db.read() as session:
            digests = set(session.exec(select(Photo.sha256)))
        assert digests == {hashlib.sha256(each.read_bytes()).hexdigest() for each in (PICTURE, OTHER)}

    def test_a_refused_photo_says_why_beside_its_field(self, sent: Page, tmp_path: Path) -> None:
        """And the form is open again."""
        document = tmp_path / "notes.pdf"
        document.write_bytes(b"%PDF-1.7 no photo")
        sent.click("text=Add photos")
        sent.set_input_files("#photos", document)
        sent.click("text=Send photos")

        expect(sent.locator("#photos-error")).to_be_visible()
        expect(sent.locator("#photos-error")).to_contain_text("not a photo we can take")

    def test_taking_back_is_asked_once_more(self, sent: Page) -> None:
        """Then the page says so, and offers nothing more."""
        sent.click("text=Take this tip back")
        expect(sent.locator("main")).to_contain_text("Your contact details are erased at once.")
        sent.click("text=Yes, take it back")

        expect(sent.locator(".status")).to_have_text("You took this tip back.")
        assert sent.locator("textarea, input[type=file], .keep").count() == 0


class TestTheProof:
    def test_it_is_saved_checked_and_compared(self, sent: Page, tmp_path: Path) -> None:
        """Downloaded by its sender, checked by anybody, compared with the photo on the device."""
        scripted = has_script(sent)
        with sent.expect_download() as saving:
            sent.click("text=Save a proof of submission")
        file = tmp_path / "proof.json"
        saving.value.save_as(file)
        assert saving.value.suggested_filename == "homeward-proof.json"
        assert json.loads(file.read_text())["statement"]["photos"]

        sent.goto("/proof?lang=en")
        sent.set_input_files("#proof-file", file)
        sent.click("text=Check the file")
        expect(sent.locator(".notice")).to_contain_text("Genuine.")
        if scripted:
            axe_is_content(sent)
            sent.set_input_files("#photo", PICTURE)
            expect(sent.locator("[data-compare] [role=status]")).to_contain_text("This is one of the photos")
            sent.set_input_files("#photo", OTHER)
            expect(sent.locator("[data-compare] [role=status]")).to_contain_text("none of the photos")
        else:
            sent.fill("#sha256", hashlib.sha256(PICTURE.read_bytes()).hexdigest())
            sent.click("text=Compare")
            expect(sent.locator("main")).to_contain_text("This is one of the photos that were sent.")

    def test_an_altered_one_is_told(self, sent: Page, page: Page) -> None:
        """Pasted, with a word changed."""
        saved = sent.request.get(sent.url.partition("?")[0] + "/proof").text()
        page.goto("/proof?lang=en")
        page.fill("#proof-text", saved.replace('"Homeward"', '"Somebody"'))
        page.click("text=Check the text")

        expect(page.locator(".alert")).to_contain_text("Not genuine.")


class TestAllPages:
    @pytest.mark.parametrize("language", ["zh", "en"])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_no_page_has_a_barrier_or_is_too_wide(
        self, sent: Page, context: Context, language: str, scheme: str
    ) -> None:
        """Axe finds nothing, and nobody scrolls sideways, with a long word in the thread, too."""
        with context.db.write() as session:
            tip = session.exec(select(Tip)).one()
            session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="W" * 300))
        scripted = has_script(sent)
        sent.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        own = sent.url.partition("?")[0]
        for path in (own, f"{own}/paper", f"{own}/withdraw", "/receipt", "/proof"):
            sent.goto(f"{path}?lang={language}")
            for summary in sent.locator("summary").all():
                summary.click()
            box = sent.locator("html").bounding_box()
            assert box is not None
            assert box["width"] <= PHONE["width"]
            if scripted:
                assert sent.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
                axe_is_content(sent)

    def test_the_language_changes_in_place(self, sent: Page) -> None:
        """The code's page is still the same tip in the other language."""
        code = code_on(sent)

        sent.click(".languages a[lang=zh]")

        expect(sent.locator("html")).to_have_attribute("lang", "zh-Hans")
        assert code_on(sent) == code


def test_no_page_is_heavy_without_script(browser: Browser, address: str, context: Context) -> None:
    """15 kB for everything that is transferred, headers and all."""
    phone = browser.new_context(base_url=address, java_script_enabled=False, locale="zh-CN")
    page = phone.new_page()
    answer = page.request.post(
        "/tip",
        multipart={
            "photos": {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": PICTURE.read_bytes()},
            "place_text": "福田区",
        },
        max_redirects=0,
    )
    own = answer.headers["location"]
    weights = {}
    for path in (own, f"{own}/paper", "/receipt", "/proof"):
        # A page of its own each time: nothing is in its cache.
        fresh = browser.new_context(base_url=address, java_script_enabled=False, locale="zh-CN")
        opened = fresh.new_page()
        wire = fresh.new_cdp_session(opened)
        wire.send("Network.enable")
        seen: list[float] = []
        wire.on("Network.loadingFinished", lambda event, seen=seen: seen.append(event["encodedDataLength"]))
        opened.goto(path, wait_until="networkidle")
        weights[path.replace(own, "the receipt")] = sum(seen)
        fresh.close()
    phone.close()

    print(weights)  # noqa: T201 - the weights are part of the answer
    assert max(weights.values()) <= MOST_BYTES
    assert context.settings.public_url


def test_a_notice_is_shown_and_names_nothing(browser: Browser, address: str, context: Context) -> None:
    """The worker for pushes lives beside the form's; where a browser cannot subscribe, the page says so."""
    phone = browser.new_context(base_url=address, permissions=["notifications"], locale="en-US")
    page = phone.new_page()
    answer = page.request.post(
        "/tip?lang=en",
        multipart={
            "photos": {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": PICTURE.read_bytes()},
            "place_text": "Metro exit A",
        },
        max_redirects=0,
    )
    page.goto(answer.headers["location"])
    page.click("text=Be told when there is something new")
    page.click("text=Tell me in this browser")  # There is no push service to reach from a test.
    expect(page.locator("#push [role=status]")).to_have_text("This browser does not take messages.")

    wire = phone.new_cdp_session(page)
    registered: list[str] = []
    wire.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registered.extend(
            each["registrationId"] for each in event["registrations"] if "/assets/" in each["scopeURL"]
        ),
    )
    wire.send("ServiceWorker.enable")
    page.wait_for_timeout(300)
    told = {"title": "A message for you", "body": "There is something new."}
    wire.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": address, "registrationId": registered[0], "data": json.dumps(told)},
    )
    shown = page.evaluate(
        """async () => {
          const worker = await navigator.serviceWorker.getRegistration("/assets/scripts/");
          for (let tries = 0; tries < 50; tries++) {
            const [first] = await worker.getNotifications();
            if (first) return [first.title, first.body, first.tag];
            await new Promise((resume) => setTimeout(resume, 100));
          }
        }"""
    )
    phone.close()

    assert shown == ["A message for you", "There is something new.", "homeward"]
    assert context.settings.push_contact
