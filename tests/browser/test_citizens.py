"""Citizens in a real browser, on a phone, with script and without."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.worker import Worker
from tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser
PICTURE = Path(__file__).parents[2] / "app" / "demo" / "pictures" / "p0052-tip0.jpg"


class TestSending:
    def test_a_tip_is_sent_and_its_code_opens_it_again(self, page: Page, worker: Worker) -> None:
        """Photo, place, send; the code is shown, and opens the thread later."""
        # given the form, in the browser's language
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")

        # when a photo and a place are sent
        page.set_input_files("#photos", PICTURE)
        page.fill("[name=place_text]", "福田区华强北")
        page.fill("[name=description]", "一个孩子在乞讨")
        page.click("main form button:not([type=button])")

        # then a code is shown, and it opens the tip from a fresh page
        expect(page).to_have_url(re.compile("/receipt/"))
        code = re.search(r"(\d{4}\s){3}\d{4}", page.inner_text("main"))
        assert code is not None
        assert re.sub(r"\s", "", code.group()) not in page.url
        worker.run_until_idle()
        page.goto("/receipt")
        page.fill("input[name=code]", code.group())
        page.click("main form button")
        expect(page).to_have_url(re.compile("/receipt/"))
        page.fill("textarea[name=text]", "就在地铁口")
        page.click("main form button >> nth=0")
        expect(page.locator("main")).to_contain_text("就在地铁口")

    def test_a_refused_form_keeps_what_was_typed(self, page: Page, tmp_path: Path) -> None:
        """What to do is said in the reader's language, and nothing has to be typed again."""
        document = tmp_path / "notes.pdf"
        document.write_bytes(b"%PDF-1.7 no photo")
        page.goto("/tip?lang=en")

        page.set_input_files("#photos", document)
        page.fill("[name=place_text]", "Metro exit A")
        page.click("main form button:not([type=button])")

        expect(page.locator("main")).to_contain_text("JPEG")
        expect(page.locator("[name=place_text]")).to_have_value("Metro exit A")

    def test_no_page_is_wider_than_a_phone(self, page: Page) -> None:
        """Nobody has to scroll sideways."""
        for path in ("/", "/receipt", "/nothing-here"):
            page.goto(path)
            wide = page.locator("html").bounding_box()
            assert wide is not None
            assert wide["width"] <= PHONE["width"]

    def test_the_form_can_be_filled_by_keyboard_alone(self, page: Page) -> None:
        """Tab reaches every field in the order of the page."""
        page.goto("/?lang=en")
        reached = []
        for _ in range(25):
            page.keyboard.press("Tab")
            name = page.locator(":focus").get_attribute("name") if page.locator(":focus").count() else None
            if name and name not in reached:
                reached.append(name)

        assert [
            name for name in reached if name in {"photos", "place_text", "description", "seen", "danger_now"}
        ] == [
            "photos",
            "place_text",
            "description",
            "seen",
            "danger_now",
        ]
