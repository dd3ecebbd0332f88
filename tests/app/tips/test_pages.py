"""The citizens' pages as a cheap phone on a bad line gets them."""

import gzip
import re

import pytest

from app.core.context import Context
from app.core.render import FRONTEND
from app.tips import receipts
from app.tips.models import Author, TipMessage
from tests.app.tips.conftest import Send
from tests.conftest import Client
from tests.make import Make

LARGEST_PAGE = 15_000
"""Bytes of a page and its styles as they are sent: pages plain, styles packed."""


def pages(context: Context, client: Client, make: Make, language: str) -> dict[str, str]:
    """Every page of a citizen."""
    tip = make.tip()
    with context.db.write() as session:
        session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Which exit was it, A or B?"))
    link = receipts.ReceiptLink(tip.id, receipts.new_code(context.keys, "x"), fresh=True)
    address = receipts.make_link(context.keys, link)
    wish = {"Accept-Language": language}
    refused = client.post("/tip", files=[("place_text", (None, "Metro"))], headers=wish)
    shown = ["/", "/tip", "/receipt", "/receipt?ended=1", address, f"{address}/withdraw", "/no-such-page"]
    return {path: client.get(path, headers=wish).text for path in shown} | {"refused": refused.text}


@pytest.mark.parametrize("language", ["zh", "en"])
class TestEveryPage:
    def test_it_is_small(self, context: Context, client: Client, make: Make, language: str) -> None:
        """Page and styles together, without the script that it does without."""
        for name, text in pages(context, client, make, language).items():
            styles = re.findall(r'rel="stylesheet" href="/assets/([^?"]+)', text)
            weight = len(text.encode()) + sum(
                len(gzip.compress((FRONTEND / style).read_bytes())) for style in styles
            )

            assert 2 <= len(styles) <= 3, name
            assert weight <= LARGEST_PAGE, name

    def test_it_asks_nobody_else_for_anything(
        self, context: Context, client: Client, make: Make, language: str
    ) -> None:
        """No address of another origin, nothing inline that the policy would refuse."""
        for name, text in pages(context, client, make, language).items():
            assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', text), name
            assert not re.findall(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", text), name

    def test_it_is_written_in_the_readers_language(
        self, context: Context, client: Client, make: Make, language: str
    ) -> None:
        """And says so to a screen reader."""
        for name, text in pages(context, client, make, language).items():
            assert f'lang="{"zh-Hans" if language == "zh" else "en"}"' in text, name
            heading = re.findall(r"<h1>(.*?)</h1>", text, re.DOTALL)[0]
            assert bool(re.search("[\u4e00-\u9fff]", heading)) == (language == "zh"), name

    def test_every_field_has_its_label(
        self, context: Context, client: Client, make: Make, language: str
    ) -> None:
        """And every hint that a field names is there."""
        for name, text in pages(context, client, make, language).items():
            ids = set(re.findall(r'\sid="([^"]+)"', text))
            for named in re.findall(r'aria-describedby="([^"]+)"', text):
                assert set(named.split()) <= ids, name
            fields = re.findall(r"<(?:input|textarea|select)\b[^>]*>", text)
            for field in fields:
                if 'type="hidden"' in field or 'type="checkbox"' in field:
                    continue
                found = re.search(r'\sid="([^"]+)"', field)
                assert found, (name, field)
                assert f'for="{found.group(1)}"' in text, (name, field)


class TestForm:
    def test_it_says_what_keeps_the_child_safe(self, context: Context, client: Client) -> None:
        """Before anything is sent: call first, keep away, do not post the photo, who reads the contact."""
        text = client.get("/").text

        assert f'href="tel:{context.settings.emergency_number}"' in text
        assert "Do not approach. Do not follow." in text
        assert "Do not post the photo" in text
        assert "Not what you think of anyone." in text
        assert "only a custodian can open it" in text
        assert text.index("tel:") < text.index('type="file"') < text.index("Do not approach")
        assert text.index("Do not approach") < text.index("Send to the police")

    def test_it_works_without_script(self, client: Client, send: Send) -> None:
        """What only a script can do is hidden until the script shows it."""
        text = client.get("/").text

        assert re.search(r'<div id="location"[^>]*\shidden', text)
        assert 'enctype="multipart/form-data"' in text
        assert send(latitude="", longitude="", accuracy_m="", observed_at="", contact="").status_code == 303
