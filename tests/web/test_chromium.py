"""What a real browser makes of the headers."""

import http.server
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error

from tests.browser.conftest import address, browser

__all__ = ["address", "browser"]

pytestmark = pytest.mark.browser

PATIENCE_S = 20.0

STRANGER = """<!doctype html><title>A stranger's page</title>
<form method="post" action="{address}/console/sign-in">
<input name="username" value="x"><input name="password" value="y"><button>Win</button></form>
<iframe src="{address}/"></iframe>"""


@pytest.fixture
def stranger(address: str) -> Iterator[str]:
    """Another site, with a form that leads to ours and a frame around us."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = STRANGER.format(address=address).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_what_the_headers_promise_holds_in_chromium(
    browser: Browser,
    address: str,
    stranger: str,
) -> None:
    """No text becomes markup, no frame, no stranger's form, no cookie, no place but for the form."""
    context = browser.new_context(base_url=address)
    page = context.new_page()

    places = []
    for path in ("/", "/tip", "/receipt", "/checked", "/bulletins", "/console/sign-in"):
        page.goto(path)
        places.append(page.evaluate("document.featurePolicy.allowsFeature('geolocation')"))
        with pytest.raises(Error, match="TrustedHTML"):
            page.evaluate("document.body.innerHTML = '<b>x</b>'")
        with pytest.raises(Error, match="disallowed"):
            page.evaluate("trustedTypes.createPolicy('other', {})")
    page.goto("/?lang=en")
    page.click("text=中文")
    assert context.cookies() == []
    assert places == [True, True, False, False, False, False]

    page.goto("/console/sign-in")
    page.fill("input[name=username]", "nobody")
    page.fill("input[name=password]", "whatever it is")
    with page.expect_navigation() as own:
        page.click("main form button", no_wait_after=True)
    assert own.value.status == 422

    page.goto(stranger)
    framed = page.frames[1]
    deadline = time.monotonic() + PATIENCE_S
    while not framed.url.startswith("chrome-error:") and time.monotonic() < deadline:
        page.wait_for_timeout(50)  # The refusal of a frame comes after the page that holds it has loaded.
    assert framed.url.startswith("chrome-error:")
    with page.expect_navigation() as forged:
        page.click("text=Win")
    assert forged.value.status == 403
    context.close()
