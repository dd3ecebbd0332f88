"""The service worker of a draft: where it lies, and what it never keeps."""

import re

from app.core.render import FRONTEND
from tests.conftest import Client


def test_it_lies_at_the_root_and_is_asked_for_anew(client: Client) -> None:
    """Only there it may open the form; a new version is found at once."""
    answer = client.get("/sw.js")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["service-worker-allowed"] == "/"
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_it_opens_the_form_and_nothing_else() -> None:
    """Its list of pages names no receipt and no page of the console."""
    text = (FRONTEND / "scripts" / "sw.js").read_text()

    (pages,) = re.findall(r"PAGES = new Set\(\[(.*?)\]\)", text)

    assert pages == '"/", "/tip", "/tip/extras"'
    assert "cache.put" not in text


def test_page_and_worker_send_the_same_parts() -> None:
    """Both write one tip: what one sends and the other repeats has to be the same."""
    page = (FRONTEND / "scripts" / "tip" / "send.js").read_text()
    worker = (FRONTEND / "scripts" / "sw.js").read_text()

    body = re.compile(r"function parcel\(record\) \{.*?\n\}", re.DOTALL)

    assert body.findall(page) == body.findall(worker) != []
