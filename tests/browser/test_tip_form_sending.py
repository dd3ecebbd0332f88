"""Sending on bad lines: progress is shown, and whatever breaks, one tip comes of it."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from app.core.context import Context
from app.tips.models import Tip
from tests.browser.test_tip_form import PICTURE, SEND, phone, picture, shown_photos, start

__all__ = ["phone"]

pytestmark = pytest.mark.browser

CHUNK = 16_384


class Line:
    """A line to the server that can be made to break.

    Args:
        port: the server's, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self.swallow_answers = False
        self.most_bytes: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Stop, and cut what is open."""
        for each in [self._listener, *self._open]:
            with suppress(OSError):
                each.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._server))
                self._open += [near, far]
                threading.Thread(target=self._up, args=(near, far), daemon=True).start()
                threading.Thread(target=self._down, args=(near, far), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while data := near.recv(CHUNK):
                far.sendall(data)
                sent += len(data)
                if self.most_bytes is not None and sent > self.most_bytes:
                    break
        self._cut(near, far)

    def _down(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(CHUNK):
                if self.swallow_answers:
                    break
                near.sendall(data)
        self._cut(near, far)

    @staticmethod
    def _cut(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                end.close()


@pytest.fixture
def line(address: str) -> Iterator[Line]:
    """A line to this test's server."""
    opened = Line(urlsplit(address).port or 0)
    yield opened
    opened.close()


@pytest.fixture
def far_phone(phone: Page, line: Line) -> Page:
    """The phone behind that line, with a tip ready to be sent."""
    page = phone.context.browser.new_context(base_url=line.address, locale="en-GB").new_page()  # type: ignore[union-attr]
    page.set_default_timeout(20_000)
    return page


def ready(page: Page, *pictures: Path) -> None:
    """Fill the form."""
    start(page)
    page.set_input_files("#photos", list(pictures or [PICTURE]))
    shown_photos(page, len(pictures) or 1)
    page.fill("[name=place_text]", "Metro exit A")


def count(context: Context) -> int:
    """How many tips there are."""
    with context.db.read() as session:
        return len(session.exec(select(Tip)).all())


def test_progress_is_shown_on_a_slow_line(phone: Page, context: Context, tmp_path: Path) -> None:
    """The share that has gone only grows, and its end is the receipt."""
    ready(phone, picture(tmp_path / "large.jpg", (2000, 1900)))
    phone.evaluate(
        """() => {
            const [bar, seen] = [document.querySelector("#sending progress"), []];
            const note = () => {
                seen.push(bar.value);
                sessionStorage.setItem("seen", JSON.stringify(seen));
            };
            new MutationObserver(note).observe(bar, { attributes: true });
        }"""
    )
    session = phone.context.new_cdp_session(phone)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 300, "downloadThroughput": 60_000, "uploadThroughput": 150_000},
    )

    phone.click(SEND)
    expect(phone.locator("#sending .said")).to_contain_text("%")
    expect(phone.locator("#stop")).to_be_visible()
    expect(phone).to_have_url(re.compile("/receipt/"), timeout=60_000)

    shares = phone.evaluate("JSON.parse(sessionStorage.getItem('seen'))")
    assert shares == sorted(shares)
    assert len([share for share in shares if 0 < share < 100]) >= 2
    assert count(context) == 1


def test_a_killed_upload_is_taken_up_again(
    far_phone: Page, line: Line, context: Context, tmp_path: Path
) -> None:
    """Half of it went: nothing was kept, all that was filled in is there, one more press sends it."""
    ready(far_phone, picture(tmp_path / "large.jpg", (2000, 1900)))
    line.most_bytes = 200_000

    far_phone.click(SEND)

    expect(far_phone.locator("#sending .said")).to_contain_text("connection broke")
    assert count(context) == 0
    line.most_bytes = None
    far_phone.click("#again")
    expect(far_phone).to_have_url(re.compile("/receipt/"))
    assert count(context) == 1


def test_a_lost_answer_makes_no_second_tip(far_phone: Page, line: Line, context: Context) -> None:
    """All of it went and the answer did not come back: the same tip answers, with the same code."""
    ready(far_phone)
    line.swallow_answers = True
    far_phone.click(SEND)
    expect(far_phone.locator("#sending .said")).to_contain_text("connection broke")
    assert count(context) == 1

    line.swallow_answers = False
    with far_phone.expect_response(lambda answer: answer.request.method == "POST") as answered:
        far_phone.click(SEND)

    assert answered.value.status == 201
    expect(far_phone).to_have_url(re.compile("/receipt/"))
    assert count(context) == 1


def test_a_broken_tip_can_wait_on_the_device(far_phone: Page, line: Line, context: Context) -> None:
    """After a lost answer the tip is put by and goes later: it still is one."""
    ready(far_phone)
    line.swallow_answers = True
    far_phone.click(SEND)
    expect(far_phone.locator("#later")).to_be_visible()
    far_phone.click("#later")
    expect(far_phone.locator("#kept")).to_contain_text("lies on this device")

    line.swallow_answers = False
    far_phone.click("#send-now")

    expect(far_phone.locator(".receipt .code")).to_be_visible()
    assert count(context) == 1


def test_sending_can_be_stopped(phone: Page, context: Context, tmp_path: Path) -> None:
    """A press too early is no harm."""
    ready(phone, picture(tmp_path / "large.jpg", (2000, 1900)))
    session = phone.context.new_cdp_session(phone)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 100, "downloadThroughput": 50_000, "uploadThroughput": 20_000},
    )
    phone.click(SEND)

    phone.click("#stop")

    expect(phone.locator("#sending .said")).to_contain_text("Nothing you filled in is lost")
    assert phone.input_value("[name=place_text]") == "Metro exit A"
    expect(phone.locator(SEND)).to_be_enabled()
    assert count(context) == 0


def test_a_refusal_stands_beside_its_field(phone: Page, context: Context) -> None:
    """The reason comes in the page that was filled in, and nothing has to be chosen again."""
    ready(phone)
    phone.check("#seen-other")
    phone.fill("#observed_at", "1999-12-31T23:59")
    phone.click(SEND)
    expect(phone.locator("#when-field .error")).to_contain_text("between the year 2000 and now")
    expect(phone.locator("#observed_at")).to_be_focused()
    assert count(context) == 0

    phone.check("#seen-now")
    phone.click(SEND)

    expect(phone).to_have_url(re.compile("/receipt/"))
    assert count(context) == 1


def test_nothing_goes_without_photo_or_place(phone: Page, context: Context) -> None:
    """Both are asked for on the device, before anything is sent."""
    sent: list[str] = []
    phone.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    start(phone)
    phone.click(SEND)
    expect(phone.locator("#photos-field [role=status].error")).to_contain_text("at least one photo")
    phone.set_input_files("#photos", PICTURE)
    phone.click(SEND)
    expect(phone.locator("#place-field .error")).to_contain_text("Say where it was")

    assert sent == []
    assert count(context) == 0


@pytest.mark.parametrize("missing", ["**/vendor/**", "**/tip/extras*", "**/tip/photos.js*", "**/tip.css*"])
def test_what_does_not_load_is_done_without(phone: Page, context: Context, missing: str) -> None:
    """Whichever helper stays away on a bad line, a tip can be sent."""
    phone.route(missing, lambda route: route.abort())
    phone.goto("/")
    phone.wait_for_load_state("networkidle")

    phone.set_input_files("#photos", PICTURE)
    phone.fill("[name=place_text]", "Metro exit A")
    phone.click(SEND)

    expect(phone).to_have_url(re.compile("/receipt/"))
    assert count(context) == 1
