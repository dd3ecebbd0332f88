"""Asking in a real browser, with script and without."""

import pytest
from playwright.sync_api import Page

from app.core.context import Context
from app.core.work import Workshop
from app.enquiries import answering, service
from app.enquiries.models import Finding
from tests.app.enquiries.conftest import enquiries, picture
from tests.browser.conftest import address, browser, page

__all__ = ["address", "browser", "page"]

pytestmark = pytest.mark.browser


def ask(page: Page) -> None:
    """Choose a picture and press the button at once."""
    page.goto("/checked?lang=en")
    chosen = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture("p0007-tip0.jpg")}
    page.set_input_files("#photos", chosen)  # type: ignore[arg-type]
    page.click("form button[type=submit]")
    page.wait_for_url("**/checked/*")


class TestAsking:
    def test_somebody_asks_and_the_answer_comes_by_itself(
        self, context: Context, page: Page, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One picture, one press of a button, with script and without."""
        monkeypatch.setattr(service, "tick", lambda moment, *_given, **_named: moment)
        ask(page)
        (enquiry,) = enquiries(context)
        with context.db.write() as session:
            answering.conclude(session, enquiry.id, Finding.CHECKED)

        page.get_by_text("This photo has been checked.").wait_for(timeout=15_000)

        assert "Please stop sharing it" in page.inner_text("main")

    def test_the_sum_is_done_before_the_form_is_sent(
        self, page: Page, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> None:
        """However fast the button is pressed; without script the form goes as it is."""
        taken: list[bool] = []
        accept = Workshop.accept

        def noted(workshop: Workshop, door: str, solved: str) -> bool:
            taken.append(accept(workshop, door, solved))
            return taken[-1]

        monkeypatch.setattr(Workshop, "accept", noted)

        ask(page)

        assert taken == [request.node.callspec.params["page"] == "script"]
