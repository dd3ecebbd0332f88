"""What the form costs on a bad line, measured in a browser."""

import pytest
from playwright.sync_api import Browser

from tests.browser.weights import PLAIN_LIMIT, SCRIPT_LIMIT, load

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_the_first_page_is_light(browser: Browser, address: str, language: str) -> None:
    """Page, styles and icon without script, with all headers: a few seconds at 2G."""
    loaded = load(browser, address, script=False, language=language)

    assert 4 <= len(loaded.parts) <= 5, loaded.parts
    assert loaded.total <= PLAIN_LIMIT, loaded.parts
    assert loaded.strangers == []
    assert loaded.cookies == []


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_every_script_together_is_bearable(browser: Browser, address: str, language: str) -> None:
    """All that the form may ever load, what is only loaded when it is needed included."""
    loaded = load(browser, address, script=True, language=language)

    assert {"/tip/extras", "/assets/scripts/tip/map.js"} <= set(loaded.parts)
    assert loaded.total <= SCRIPT_LIMIT, loaded.parts
    assert loaded.strangers == []
    assert loaded.cookies == []


def test_styles_and_scripts_are_packed_and_pages_are_not(browser: Browser, address: str) -> None:
    """A page that holds a secret is never packed together with what a stranger chose."""
    context = browser.new_context(base_url=address)

    page = context.request.get("/", headers={"Accept-Encoding": "gzip"})
    style = context.request.get("/assets/styles/base.css", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in page.headers
    assert style.headers["content-encoding"] == "gzip"
    assert style.headers["vary"] == "Accept-Encoding"
    context.close()
