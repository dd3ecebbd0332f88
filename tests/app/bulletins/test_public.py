"""Bulletins as the public reads them: pages, and a feed that other people's readers take."""

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from app.bulletins import feed, queries
from app.core.clock import now
from app.core.context import Context, open_context
from app.core.errors import Refusal
from app.main import create_app
from app.officers.models import Role
from tests.app.bulletins.conftest import BODY, TITLE, Desk
from tests.conftest import Client
from tests.make import Make

ATOM = "{http://www.w3.org/2005/Atom}"


def parsed(client: Client, query: str = "") -> Any:
    """The feed, if it is one as RFC 4287 has it."""
    answer = client.get(f"/bulletins/feed.atom{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/atom+xml")
    root = etree.fromstring(answer.content)
    check(root)
    return root


def check(root: Any) -> None:
    """The elements that RFC 4287 asks for, as often as it asks, with values of their kinds."""
    assert root.tag == f"{ATOM}feed"
    for each in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(each.findall(f"{ATOM}{name}")) == 1, name
        assert each.findtext(f"{ATOM}id").startswith("urn:uuid:")
        UUID(each.findtext(f"{ATOM}id").removeprefix("urn:uuid:"))
        assert datetime.fromisoformat(each.findtext(f"{ATOM}updated")).tzinfo is not None
        assert each.findtext(f"{ATOM}author/{ATOM}name")
        alternates = [
            link for link in each.findall(f"{ATOM}link") if link.get("rel", "alternate") == "alternate"
        ]
        assert len(alternates) == 1
    assert [link.get("rel") for link in root.findall(f"{ATOM}link")].count("self") == 1
    ids = [each.findtext(f"{ATOM}id") for each in root.findall(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))


class TestPages:
    def test_the_newest_is_first_and_pages_go_on(self, desk: Desk, client: Client) -> None:
        """Every bulletin is found by going on."""
        for number in range(queries.PAGE_ROWS + 1):
            desk.publish(f"Bulletin number {number}.")

        first, second = client.get("/bulletins").text, client.get("/bulletins?page=2").text

        assert first.index("number 20.") < first.index("number 19.")
        assert "number 0." not in first
        assert "number 0." in second
        assert "page=2" in first

    def test_an_area_stands_for_all_areas_in_it(self, desk: Desk, client: Client, make: Make) -> None:
        """A city's page has its districts' bulletins, and no other city's."""
        desk.publish("Of Futian")
        other = make.officer(Role.SUPERVISOR, area="442000")
        desk.publish("Of Zhongshan", area="442000", officer=other)

        city = client.get("/bulletins?area=440300").text

        assert "Of Futian" in city
        assert "Of Zhongshan" not in city
        assert "Of Zhongshan" in client.get("/bulletins").text
        assert client.get("/bulletins?area=999999").status_code == 404
        assert client.get("/bulletins?area=%27").status_code == 422

    def test_a_reader_of_another_language_is_told(self, desk: Desk, client: Client) -> None:
        """A bulletin that has not their language is shown in one that it has, and marked as such."""
        both = desk.publish(texts={"zh": ("车站照片", "孩子平安。"), "en": (TITLE, BODY)})
        chinese = desk.publish(texts={"zh": ("车站照片", "孩子平安。")})

        assert TITLE in client.get(f"/bulletins/{both}?lang=en").text
        page = client.get(f"/bulletins/{chinese}?lang=en").text
        assert "not written in your language" in page
        assert '<h1 lang="zh">车站照片</h1>' in page

    def test_paragraphs_stay(self, desk: Desk, client: Client) -> None:
        """An empty line begins a new paragraph, also when it came from a browser."""
        bulletin = desk.send(client, body_en="One.\r\n\r\nTwo.\r\nThree.").headers["location"].split("/")[-1]

        page = client.get(f"/bulletins/{bulletin}").text

        assert '<p class="said">One.</p>' in page
        assert '<p class="said">Two.\nThree.</p>' in page

    def test_nobody_outside_reads_who_wrote_it(self, desk: Desk, client: Client) -> None:
        """The authority speaks, and no officer is named."""
        bulletin = desk.publish()

        for path in (f"/bulletins/{bulletin}", "/bulletins", "/bulletins/feed.atom"):
            page = client.get(path).text
            assert "Planted" not in page
            assert desk.officer.badge not in page
            assert str(desk.officer.id) not in page
            assert "福田区公安局" in page
            assert "<img" not in page

    def test_an_empty_list_says_so(self, client: Client) -> None:
        """Before the first one."""
        assert "No bulletin has been published yet." in client.get("/bulletins").text

    @pytest.mark.parametrize("path", ["/5e146407-feb5-46c1-a5b2-a896396e9966", "/x", "/feed.rss"])
    def test_what_is_not_there(self, client: Client, path: str) -> None:
        """Not found, whatever was asked for."""
        assert client.get(f"/bulletins{path}").status_code == 404


class TestFeed:
    def test_a_feed_has_what_the_standard_asks_for(self, desk: Desk, client: Client) -> None:
        """Ids that stay, moments with their zone, an author, links to itself and to the page."""
        bulletin = desk.publish()

        root = parsed(client, "?lang=en")

        (entry,) = root.findall(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}id") == f"urn:uuid:{bulletin}"
        assert entry.findtext(f"{ATOM}title") == TITLE
        assert entry.findtext(f"{ATOM}content") == BODY
        assert entry.find(f"{ATOM}content").get("type", "text") == "text"
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == "福田区公安局"
        assert entry.find(f"{ATOM}link").get("href") == f"http://homeward.test/bulletins/{bulletin}?lang=en"
        again = parsed(client, "?lang=en")
        assert again.findtext(f"{ATOM}id") == root.findtext(f"{ATOM}id")
        assert parsed(client, "?lang=zh").findtext(f"{ATOM}id") != root.findtext(f"{ATOM}id")

    def test_an_empty_feed_is_one_too(self, client: Client) -> None:
        """A reader may follow before there is anything."""
        assert parsed(client).findall(f"{ATOM}entry") == []
        assert parsed(client, "?area=440304").findtext(f"{ATOM}author/{ATOM}name") == "福田区公安局"

    def test_a_correction_changes_both_entries(self, desk: Desk, client: Client) -> None:
        """A reader who has the old one hears of the new one."""
        wrong = desk.publish("Wrong")
        before = parsed(client).findtext(f"{ATOM}entry/{ATOM}updated")
        with time_machine.travel(now() + timedelta(hours=1)):
            desk.publish("Right", corrects=wrong)

        root = parsed(client)

        newer, older = root.findall(f"{ATOM}entry")
        assert older.findtext(f"{ATOM}updated") > before
        assert "Corrected on" in older.findtext(f"{ATOM}content")
        assert "corrects an earlier one" in newer.findtext(f"{ATOM}content")
        assert root.findtext(f"{ATOM}updated")[:19] == newer.findtext(f"{ATOM}updated")[:19]

    def test_a_withdrawn_entry_says_so_and_nothing_else(self, desk: Desk, client: Client) -> None:
        """Readers replace what they kept."""
        bulletin = desk.publish()
        published = parsed(client).findtext(f"{ATOM}entry/{ATOM}updated")
        with time_machine.travel(now() + timedelta(hours=1)):
            desk.withdraw(bulletin)

        entry = parsed(client).find(f"{ATOM}entry")

        assert entry.findtext(f"{ATOM}id") == f"urn:uuid:{bulletin}"
        assert entry.findtext(f"{ATOM}title") == "Withdrawn bulletin"
        assert entry.findtext(f"{ATOM}content") == "This bulletin was withdrawn."
        assert entry.findtext(f"{ATOM}updated") > published

    def test_an_areas_feed(self, desk: Desk, client: Client, make: Make) -> None:
        """A city's has its districts' bulletins."""
        desk.publish("Of Futian")
        desk.publish("Of Zhongshan", area="442000", officer=make.officer(Role.SUPERVISOR, area="442000"))

        titles = [each.text for each in parsed(client, "?area=440300").iter(f"{ATOM}title")]

        assert titles == ["Bulletins: Shenzhen", "Of Futian"]
        assert client.get("/bulletins/feed.atom?area=999999").status_code == 404

    def test_what_a_reader_has_is_not_sent_again(self, desk: Desk, client: Client) -> None:
        """By ETag or by date; the ETag has the last word."""
        bulletin = desk.publish()
        first = client.get("/bulletins/feed.atom?lang=en")
        tag, changed = first.headers["etag"], first.headers["last-modified"]

        def status(**headers: str) -> int:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.get("/bulletins/feed.atom?lang=en", headers=names).status_code

        assert status(if_none_match=tag) == 304
        assert status(if_none_match=f'"x", {tag.removeprefix("W/")}') == 304
        assert status(if_modified_since=changed) == 304
        assert status(if_none_match='"x"', if_modified_since=changed) == 200
        early = format_datetime(now() - timedelta(days=1), usegmt=True)
        assert status(if_modified_since=early) == 200
        assert status(if_modified_since="yesterday") == 200
        with time_machine.travel(now() + timedelta(minutes=1)):
            desk.withdraw(bulletin)
        assert status(if_none_match=tag) == 200
        assert status(if_modified_since=changed) == 200

    def test_the_sites_own_address_is_used(self, desk: Desk, context: Context) -> None:
        """A known address stands in every link, and then a shared cache may keep the feed."""
        desk.publish()
        known = context.settings.model_copy(update={"public_url": "https://tips.example.org"})
        opened = open_context(known)
        answer = Client(create_app(opened), opened).get("/bulletins/feed.atom?lang=en")
        opened.close()

        links = [link.get("href") for link in etree.fromstring(answer.content).iter(f"{ATOM}link")]
        assert all(link.startswith("https://tips.example.org/bulletins") for link in links)
        assert answer.headers["cache-control"] == "public, max-age=300"

    @given(title=st.text(min_size=1, max_size=60), body=st.text(min_size=1, max_size=200))
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_whatever_may_be_published_can_be_read(self, desk: Desk, title: str, body: str) -> None:
        """No text breaks the feed."""
        try:
            desk.publish(title, body)
        except Refusal:
            return
        with desk.context.db.read() as session:
            made = feed.feed(session, desk.context.settings, "http://homeward.test", "", "en")
        check(etree.fromstring(made.body))
