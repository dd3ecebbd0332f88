"""The tip form on a cheap phone: photos, marks, places and times, with script and without."""

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlmodel import col, select

from app.core.context import Context
from app.core.render import FRONTEND
from app.jurisdictions.models import Jurisdiction
from app.photos.models import Photo
from app.tips.models import Tip
from tests.browser.test_every_page import WCAG

pytestmark = pytest.mark.browser

PICTURE = Path(__file__).parents[2] / "app" / "demo" / "pictures" / "p0052-tip0.jpg"
PATIENCE_MS = 20_000
"""A busy machine is slow, and slow is not wrong."""
SMALL_PHONE = {"width": 360, "height": 640}
SEND = "main form button[type=submit]"
EXIF_TOOL = FRONTEND / "scripts" / "vendor" / "exifr-7.1.3.js"
MOST_PIXELS = 4_000_000


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """A small phone with script that knows where it is; every request must stay on this origin."""
    context = browser.new_context(
        viewport=SMALL_PHONE,  # type: ignore[arg-type]
        base_url=address,
        locale="en-GB",
        geolocation={"latitude": 22.5431, "longitude": 114.0579, "accuracy": 25},
        permissions=["geolocation"],
    )
    complaints: list[str] = []
    context.on(
        "request",
        lambda sent: complaints.append(sent.url) if not sent.url.startswith((address, "blob:")) else None,
    )
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def start(page: Page) -> None:
    """Open the form and wait until the script has added its part."""
    page.goto("/")
    page.wait_for_selector("form[data-ready]")


def shown_photos(page: Page, count: int) -> None:
    """Wait until all chosen photos have their preview."""
    expect(page.locator(".preview:not([hidden])")).to_have_count(count)


def only_tip(context: Context) -> Tip:
    """The one tip that was sent."""
    with context.db.read() as session:
        return session.exec(select(Tip)).one()


def photos_of(context: Context, tip: Tip) -> list[Photo]:
    """Its photos in order."""
    with context.db.read() as session:
        return list(session.exec(select(Photo).where(Photo.tip_id == tip.id).order_by(col(Photo.position))))


def picture(path: Path, size: tuple[int, int], *, claims: bool = False, level: int = 120) -> Path:
    """A picture with edges; with claims its file says where and when it was taken."""
    tile = Image.effect_noise((200, 150), 60).point(lambda value: min(255, value * level // 120))
    image = tile.resize(size).convert("RGB")
    exif = Image.Exif()
    if claims:
        exif[0x8825] = {1: "N", 2: (22.0, 32.0, 35.0), 3: "E", 4: (114.0, 3.0, 28.0)}
        exif[0x8769] = {0x9003: "2026:02:03 14:05:06"}
    image.save(path, "JPEG", quality=92, exif=exif)
    return path


def test_three_taps_are_enough(phone: Page, context: Context) -> None:
    """The picture, the place, send: a first-time user writes nothing at all."""
    start(phone)
    taps = 0

    with phone.expect_file_chooser() as chooser:
        phone.click("#camera")
        taps += 1
    chooser.value.set_files(PICTURE)
    phone.click("#locate")
    taps += 1
    expect(phone.locator("#located")).to_contain_text("25 m")
    phone.click(SEND)
    taps += 1

    expect(phone).to_have_url(re.compile("/receipt/"))
    assert taps == 3
    tip = only_tip(context)
    assert (tip.latitude, tip.longitude, tip.accuracy_m) == (22.5431, 114.0579, 25)
    assert tip.observed_at is not None
    assert abs((datetime.now(UTC) - tip.observed_at).total_seconds()) < 120


def test_the_photo_comes_first(page: Page) -> None:
    """The way to take a picture is on the first screen, above every other field."""
    page.set_viewport_size(SMALL_PHONE)  # type: ignore[arg-type]
    page.goto("/")

    tops = page.eval_on_selector_all(
        "#camera, #place_text, #description, #seen-now, [name=danger_now], #contact",
        "all => all.map(each => each.getBoundingClientRect().top)",
    )

    assert tops[0] < SMALL_PHONE["height"] - 44
    # The contact is folded away, so that it has no place of its own.
    assert tops[:5] == sorted(tops[:5])


def test_both_file_fields_are_sent(page: Page, context: Context, tmp_path: Path) -> None:
    """A picture taken now and pictures of the gallery make one tip, in order."""
    page.goto("/?lang=en")
    page.set_input_files("#camera", picture(tmp_path / "a.jpg", (640, 480)))
    page.set_input_files("#photos", [PICTURE, picture(tmp_path / "b.jpg", (600, 500))])
    page.fill("[name=place_text]", "Metro exit A")
    page.check("#seen-other")
    page.fill("#observed_at", "2026-02-03T14:05")
    page.click(SEND)

    expect(page).to_have_url(re.compile("/receipt/"))
    tip = only_tip(context)
    sizes = [photo.byte_count for photo in photos_of(context, tip)]
    assert sizes == [path.stat().st_size for path in (tmp_path / "a.jpg", PICTURE, tmp_path / "b.jpg")]
    assert tip.observed_at == datetime(2026, 2, 3, 6, 5, tzinfo=UTC)


def test_danger_shows_the_number_first(page: Page) -> None:
    """With the switch the number to call appears, above it; without script as well."""
    page.goto("/?lang=en")
    call = page.locator(".danger a[href='tel:110']")
    expect(call).to_be_hidden()
    expect(page.locator(".emergency a[href='tel:110']").first).to_be_visible()

    page.check("[name=danger_now]")

    expect(call).to_be_visible()
    number, switch = call.bounding_box(), page.locator("[name=danger_now]").bounding_box()
    assert number is not None
    assert switch is not None
    assert number["y"] < switch["y"]


class TestPictures:
    def test_a_large_one_goes_smaller(self, phone: Page, context: Context, tmp_path: Path) -> None:
        """At most four million pixels leave the phone, and its owner is told what is left out."""
        large = picture(tmp_path / "large.jpg", (4000, 3000))
        start(phone)
        phone.set_input_files("#photos", large)
        shown_photos(phone, 1)
        expect(phone.locator(".shrunk")).to_contain_text("left out")
        phone.fill("[name=place_text]", "Metro exit A")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        (photo,) = photos_of(context, only_tip(context))

        sent = Image.open(io.BytesIO(context.store.get(photo.store_key, photo.sealed_key)))
        assert sent.width * sent.height <= MOST_PIXELS
        assert sent.width > 2200
        assert photo.byte_count < large.stat().st_size

    def test_the_full_size_is_kept_when_it_is_asked_for(
        self, phone: Page, context: Context, tmp_path: Path
    ) -> None:
        """Byte for byte, with all the file says."""
        large = picture(tmp_path / "large.jpg", (3000, 2000), claims=True)
        start(phone)
        phone.set_input_files("#photos", large)
        shown_photos(phone, 1)
        phone.check(".full input")
        phone.fill("[name=place_text]", "Metro exit A")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        (photo,) = photos_of(context, only_tip(context))

        assert context.store.get(photo.store_key, photo.sealed_key) == large.read_bytes()

    def test_they_can_be_removed_and_moved(self, phone: Page, context: Context, tmp_path: Path) -> None:
        """What is shown is what is sent, in that order."""
        paths = [picture(tmp_path / f"{number}.jpg", (500 + 10 * number, 500)) for number in range(3)]
        start(phone)
        phone.set_input_files("#photos", paths)
        shown_photos(phone, 3)

        phone.locator(".remove").nth(1).click()
        phone.locator(".earlier:visible").click()
        phone.fill("[name=place_text]", "Metro exit A")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        sizes = [photo.byte_count for photo in photos_of(context, only_tip(context))]
        assert sizes == [paths[2].stat().st_size, paths[0].stat().st_size]

    def test_a_hint_never_stops_one(self, phone: Page, context: Context, tmp_path: Path) -> None:
        """Dark, tiny, blurred: said, and sent all the same."""
        blurred = Image.linear_gradient("L").resize((800, 600)).convert("RGB")
        blurred.save(tmp_path / "blurred.jpg")
        start(phone)
        phone.set_input_files(
            "#photos",
            [
                picture(tmp_path / "dark.jpg", (800, 600), level=10),
                picture(tmp_path / "tiny.jpg", (200, 160)),
                tmp_path / "blurred.jpg",
                picture(tmp_path / "good.jpg", (800, 600)),
            ],
        )
        shown_photos(phone, 4)

        hints = phone.eval_on_selector_all(".hints", "all => all.map(each => each.textContent)")

        assert [bool(hint) for hint in hints] == [True, True, True, False]
        assert "dark" in hints[0]
        assert "small" in hints[1]
        assert "blurred" in hints[2]
        phone.fill("[name=place_text]", "Metro exit A")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))
        assert len(photos_of(context, only_tip(context))) == 4

    def test_the_child_is_marked_by_keyboard(self, phone: Page, context: Context, tmp_path: Path) -> None:
        """Arrows move the mark, its place is said in words, Delete takes it away."""
        start(phone)
        phone.set_input_files("#photos", [PICTURE, picture(tmp_path / "b.jpg", (600, 500))])
        shown_photos(phone, 2)
        previews = phone.locator(".preview")
        previews.nth(0).focus()
        phone.keyboard.press("Enter")
        phone.keyboard.press("Delete")
        expect(phone.locator(".told").nth(0)).to_contain_text("Tap the child")
        previews.nth(1).focus()
        phone.keyboard.press("Enter")
        for _ in range(3):
            phone.keyboard.press("Shift+ArrowLeft")
        phone.keyboard.press("ArrowDown")
        expect(phone.locator(".told").nth(1)).to_contain_text("middle left")

        phone.fill("[name=place_text]", "Metro exit A")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        marks = [(photo.marked_x, photo.marked_y) for photo in photos_of(context, only_tip(context))]
        assert marks == [(None, None), (0.2, 0.52)]

    def test_the_child_is_marked_by_a_tap(self, phone: Page) -> None:
        """Where the finger was."""
        start(phone)
        phone.set_input_files("#photos", PICTURE)
        shown_photos(phone, 1)
        box = phone.locator(".preview").bounding_box()
        assert box is not None

        phone.locator(".preview").click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.1})

        expect(phone.locator(".told")).to_contain_text("top right")
        across = phone.locator(".preview circle").first.get_attribute("cx")
        assert across is not None
        assert abs(float(across.removesuffix("%")) - 90) < 1


@pytest.mark.skipif(not EXIF_TOOL.exists(), reason="exifr is not there: make vendor files with npm")
class TestClaims:
    def test_what_the_file_says_is_offered(self, phone: Page, context: Context, tmp_path: Path) -> None:
        """Place and time are taken after a yes, although the copy that is sent has lost them."""
        start(phone)
        phone.set_input_files("#photos", picture(tmp_path / "claims.jpg", (3000, 2000), claims=True))
        expect(phone.locator("#place-field .offer")).to_contain_text("22.543, 114.058")
        phone.click("#place-field .yes")
        expect(phone.locator("#when-field .offer")).to_contain_text("2026")
        phone.click("#when-field .yes")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        tip = only_tip(context)

        assert (round(tip.latitude or 0, 3), round(tip.longitude or 0, 3)) == (22.543, 114.058)
        assert tip.observed_at == datetime(2026, 2, 3, 6, 5, tzinfo=UTC)

    def test_nothing_is_taken_without_a_yes(self, phone: Page, context: Context, tmp_path: Path) -> None:
        """A no, or no answer at all, sends neither."""
        start(phone)
        phone.set_input_files("#photos", picture(tmp_path / "claims.jpg", (3000, 2000), claims=True))
        phone.click("#place-field .no")
        expect(phone.locator("#when-field .offer")).to_be_visible()
        phone.fill("[name=place_text]", "Metro exit A")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        tip = only_tip(context)

        assert tip.latitude is None
        assert tip.observed_at is not None
        assert tip.observed_at.year > 2026 or tip.observed_at.month > 2
        (photo,) = photos_of(context, tip)
        assert b"2026:02:03" not in context.store.get(photo.store_key, photo.sealed_key)


class TestMap:
    @pytest.fixture(autouse=True)
    def shapes(self, context: Context) -> None:
        """A province of two cities, one of them with a district."""
        squares = {
            "440000": (110.0, 20.0, 116.0, 26.0),
            "440300": (113.0, 22.0, 115.0, 24.0),
            "442000": (111.0, 22.0, 113.0, 24.0),
            "440304": (113.5, 22.5, 114.5, 23.5),
        }
        with context.db.write() as session:
            for code, (west, south, east, north) in squares.items():
                ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
                area = session.get_one(Jurisdiction, code)
                area.shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
                session.add(area)

    def test_a_pin_is_set_by_keyboard(self, phone: Page, context: Context) -> None:
        """Enter goes into an area, arrows move the pin, and it says how sure it is."""
        start(phone)
        phone.set_input_files("#photos", PICTURE)
        phone.focus("#open-map")
        phone.keyboard.press("Enter")
        expect(phone.locator("#map-view")).to_be_focused()
        expect(phone.locator("#map-told")).to_contain_text("Guangdong")
        phone.keyboard.press("Enter")
        expect(phone.locator("#map-area option").first).to_have_text("Guangdong")
        for _ in range(4):
            phone.keyboard.press("ArrowRight")
        expect(phone.locator("#map-told")).to_contain_text("Shenzhen")
        phone.keyboard.press("Enter")
        expect(phone.locator("#map-area option").first).to_have_text("Shenzhen")
        phone.keyboard.press("p")
        expect(phone.locator("#located")).to_contain_text("The pin is added")
        phone.click(SEND)
        expect(phone).to_have_url(re.compile("/receipt/"))

        tip = only_tip(context)

        assert tip.latitude is not None
        assert tip.longitude is not None
        assert 22 < tip.latitude < 24
        assert 113 < tip.longitude < 115
        assert tip.accuracy_m is not None
        assert 500 < tip.accuracy_m < 20_000

    def test_a_pin_is_set_by_finger(self, phone: Page) -> None:
        """A tap opens the area under it; the list of areas does the same."""
        start(phone)
        phone.click("#open-map")
        expect(phone.locator("#map-view path:not(.pin)")).to_have_count(1)
        phone.locator("#map-view").click()
        expect(phone.locator("#map-area option").first).to_have_text("Guangdong")
        phone.select_option("#map-area", "440300")
        expect(phone.locator("#map-area option").first).to_have_text("Shenzhen")
        phone.click("#map-above")
        expect(phone.locator("#map-area option").first).to_have_text("Guangdong")

        found = Axe().run(phone, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert [violation["id"] for violation in found.response["violations"]] == []
        phone.click("#map-set")

        assert phone.input_value("[name=latitude]") != ""
        expect(phone.locator("#map")).to_be_hidden()

    def test_nothing_of_it_is_loaded_before(self, phone: Page) -> None:
        """Who writes the street down pays for no map."""
        asked: list[str] = []
        phone.on("request", lambda sent: asked.append(sent.url))

        start(phone)

        assert not [
            url
            for url in asked
            if "/areas/" in url or "map.js" in url or ("vendor" in url.split("?")[0] and "exifr" in url)
        ]


@pytest.mark.parametrize("look", ["zh-light", "en-dark"])
def test_axe_finds_nothing(browser: Browser, address: str, look: str, tmp_path: Path) -> None:
    """The plain form, the full one, and the one that came back, in both languages and colours."""
    language, colours = look.split("-")
    for script in (True, False):
        context = browser.new_context(
            viewport=SMALL_PHONE,  # type: ignore[arg-type]
            base_url=address,
            locale={"zh": "zh-CN", "en": "en-GB"}[language],
            color_scheme=colours,  # type: ignore[arg-type]
            java_script_enabled=True,
        )
        page = context.new_page()
        if script:
            start(page)
            page.set_input_files("#photos", [PICTURE, picture(tmp_path / "b.jpg", (300, 300), claims=True)])
            shown_photos(page, 2)
            page.locator(".preview").first.click()
            page.click("#keep")
            expect(page.locator(".kept")).to_be_visible()
        else:
            page.route("**/*.js*", lambda route: route.abort())
            page.goto("/")
        page.check("[name=danger_now]")
        page.check("#seen-today")
        page.click("summary")
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert [violation["id"] for violation in found.response["violations"]] == [], script
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        if not script:
            page.click(SEND)
            expect(page.locator("#problem")).to_be_visible()
            found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
            assert [violation["id"] for violation in found.response["violations"]] == []
        context.close()
