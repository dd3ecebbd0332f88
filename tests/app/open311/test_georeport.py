"""Open311 GeoReport v2, spoken by a client that others wrote, and by hand."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import georeport
import httpx
import pytest
import uvicorn
from sqlmodel import select

from app.audit.service import SYSTEM
from app.core.context import Context
from app.main import create_app
from app.open311 import queries
from app.partners import keys
from app.partners.models import ChannelDay, Scope
from app.tips import progress
from app.tips.models import Author, Disposition, Tip, TipMessage
from tests.conftest import Client
from tests.make import jpeg

HERE = "/open311/v2"
NUMBER: dict[str, Any] = {"attribute[external_id]": "CITY-7"}
SEEN: dict[str, Any] = {"attribute[observed_at]": "2026-02-03T14:05:00+08:00"}


@pytest.fixture
def key(context: Context) -> str:
    """A partner's key."""
    with context.db.write() as session:
        return keys.make_key(session, context.keys, keys.add_channel(session, "City hall")).key


@pytest.fixture
def address(context: Context) -> Iterator[str]:
    """A real server on loopback."""
    server = uvicorn.Server(uvicorn.Config(create_app(context), port=0, log_level="critical"))
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}{HERE}"
    server.should_exit = True
    running.join()


def send(client: Client, key: str, fmt: str = "json", photos: int = 1, **fields: Any) -> httpx.Response:
    """Send a request for service."""
    files = [("media", (f"{n}.jpg", jpeg((n, 80, 80)), "image/jpeg")) for n in range(photos)]
    data = {"api_key": key, "service_code": "child_in_need", "lat": "22.54", "long": "114.06"} | fields
    return client.post(f"{HERE}/requests.{fmt}", data=data, files=files or None)


def tips(context: Context) -> list[Tip]:
    with context.db.read() as session:
        return list(session.exec(select(Tip)))


class TestClientOfOthers:
    @pytest.mark.parametrize("fmt", ["json", "xml"])
    def test_it_lists_defines_and_reads(
        self, context: Context, client: Client, address: str, key: str, fmt: str
    ) -> None:
        """The PyPI package georeport understands the services. Requests need a key; it sends none."""
        sent = send(client, key).json()[0]["service_request_id"]
        city = georeport.GeoReport(address, api_key=key, output_format=fmt)

        services = city.get_service_list()
        defined = city.get_service_definition("child_in_need")
        text = json.dumps([services, defined])

        assert "child_in_danger" in text
        assert "observed_at" in text
        read = httpx.get(f"{address}/requests/{sent}.{fmt}", params={"api_key": key})
        assert sent in read.text
        assert len(tips(context)) == 1


class TestSending:
    def test_a_request_for_service_is_a_tip(self, context: Context, client: Client, key: str) -> None:
        """Durable, with its own words in our fields; who reported it is not kept."""
        answer = send(
            client,
            key,
            service_code="child_in_danger",
            description="<b>A girl</b> & a man",
            address_string="Metro exit A",
            media_url="https://example.org/1.jpg",
            first_name="Planted4711",
            email="planted4711@example.org",
            **NUMBER,
            **SEEN,
        )

        assert answer.status_code == 201
        (tip,) = tips(context)
        assert answer.json() == [
            {"service_request_id": str(tip.id), "service_notice": None, "account_id": None}
        ]
        assert (tip.danger_now, tip.latitude, tip.place_text) == (True, 22.54, "Metro exit A")
        assert (tip.external_id, tip.source_url) == ("CITY-7", "https://example.org/1.jpg")
        assert tip.contact_sealed is None
        raw = b"".join(path.read_bytes() for path in Path(context.settings.data_dir).glob("*.sqlite*"))
        assert b"lanted4711" not in raw
        with context.db.read() as session:
            assert session.exec(select(ChannelDay.accepted)).one() == 1

    def test_the_own_number_makes_one_tip(self, context: Context, client: Client, key: str) -> None:
        """Sent again it is the same; with other words it is refused."""
        first = send(client, key, **NUMBER)
        again = send(client, key, **NUMBER)
        other = send(client, key, description="Other", **NUMBER)

        assert first.json() == again.json()
        assert other.status_code == 409
        assert len(tips(context)) == 1
        with context.db.read() as session:
            assert session.exec(select(ChannelDay.accepted)).one() == 1

    @pytest.mark.parametrize(
        ("fields", "photos", "status"),
        [
            ({"service_code": "pothole"}, 1, 400),
            ({}, 0, 400),
            ({"lat": "91"}, 1, 400),
            ({"lat": "", "long": ""}, 1, 400),
            ({"unknown": "x"}, 1, 400),
            ({"api_key": "hw1_x_y"}, 1, 403),
        ],
    )
    @pytest.mark.parametrize("fmt", ["json", "xml"])
    def test_what_cannot_be_taken_is_refused_as_the_specification_has_it(
        self,
        context: Context,
        client: Client,
        key: str,
        fields: dict[str, str],
        photos: int,
        status: int,
        fmt: str,
    ) -> None:
        """A list of errors with code and description, and nothing kept."""
        answer = send(client, key, fmt, photos, **fields)

        assert answer.status_code == status
        if fmt == "json":
            assert [set(each) for each in answer.json()] == [{"code", "description"}]
        else:
            assert ET.fromstring(answer.text).find("error/code") is not None  # noqa: S314 - our own
        assert tips(context) == []

    def test_scopes_and_signatures_hold_here_too(self, context: Context, client: Client) -> None:
        """Another way in is no way round."""
        with context.db.write() as session:
            channel = keys.add_channel(session, "Quiet")
            reading = keys.make_key(session, context.keys, channel, scopes=[Scope.TIPS_READ]).key
            signed = keys.make_key(session, context.keys, channel, signed=True).key

        assert send(client, reading).status_code == 403
        assert send(client, signed).status_code == 403
        assert tips(context) == []


class TestReading:
    def test_nobody_reads_anothers_requests(self, context: Context, client: Client, key: str) -> None:
        """What is another channel's is not there."""
        sent = send(client, key).json()[0]["service_request_id"]
        with context.db.write() as session:
            other = keys.make_key(session, context.keys, keys.add_channel(session, "Other")).key

        assert client.get(f"{HERE}/requests/{sent}.json?api_key={other}").status_code == 404
        assert client.get(f"{HERE}/requests.json?api_key={other}").json() == []
        assert client.get(f"{HERE}/requests.json?api_key={key}").json()[0]["service_request_id"] == sent
        assert client.get(f"{HERE}/tokens/{sent}.json?api_key={key}").json()[0]["token"] == sent
        assert client.get(f"{HERE}/requests/{sent}.json").status_code == 403

    def test_an_answer_closes_a_request_and_tells_no_place(
        self, context: Context, client: Client, key: str
    ) -> None:
        """Open and closed follow what the sender may know; neither place nor picture stands in it."""
        send(client, key, address_string="Metro exit A", description="A girl")
        (tip,) = tips(context)
        with context.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="A <girl> & \x0b1?"))
        opened = client.get(f"{HERE}/requests.xml?api_key={key}&status=open").text
        with context.db.write() as session:
            kept = session.get_one(Tip, tip.id)
            progress.dispose(session, kept, Disposition.NOT_A_CHILD, SYSTEM, "A puppet.")

        (row,) = client.get(f"{HERE}/requests.json?api_key={key}&status=closed").json()

        notes = ET.fromstring(opened).findtext("request/status_notes")  # noqa: S314 - our own
        assert notes == "A <girl> & 1?"
        assert row["status"] == "closed"
        assert row["extended_attributes"]["detailed_status"] == "closed"
        assert "not about a child" in row["status_notes"]
        assert [row[name] for name in ("lat", "long", "address", "media_url", "description")] == [None] * 5
        assert "Metro" not in json.dumps(row)
        assert client.get(f"{HERE}/requests.json?api_key={key}&status=open").json() == []

    def test_the_newest_of_a_status_are_listed_however_many_others_came_since(
        self, context: Context, client: Client, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An old open request does not hide behind newer closed ones."""
        monkeypatch.setattr(queries, "MOST_ROWS", 1)
        old, new = (send(client, key).json()[0]["service_request_id"] for _ in range(2))
        with context.db.write() as session:
            progress.dispose(
                session, session.get_one(Tip, UUID(new)), Disposition.NOT_A_CHILD, SYSTEM, "A puppet."
            )

        listed = {
            status: client.get(f"{HERE}/requests.json?api_key={key}&status={status}").json()
            for status in ("open", "closed", "open,closed")
        }

        assert {status: [row["service_request_id"] for row in rows] for status, rows in listed.items()} == {
            "open": [old],
            "closed": [new],
            "open,closed": [new],
        }

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("", 1),
            ("&service_code=child_in_need", 1),
            ("&service_code=child_in_danger", 0),
            ("&end_date=2020-01-01T00:00:00Z", 0),
            ("&start_date=2020-01-01T00:00:00Z", 1),
            ("&service_request_id=01931b7e-5c7e-7c1a-9f42-3f2c1d0b9a10", 0),
        ],
    )
    def test_lists_are_filtered(self, client: Client, key: str, query: str, count: int) -> None:
        """By service, date and id, as the specification names them."""
        send(client, key)

        assert len(client.get(f"{HERE}/requests.json?api_key={key}{query}").json()) == count

    @pytest.mark.parametrize(
        "query",
        [
            "status=x",
            "start_date=soon",
            "start_date=2026-02-03",
            "start_date=0001-01-01T00:00:00%2B10:00",
            "end_date=0001-01-10T00:00:00Z",
            "end_date=9999-12-31T23:59:59-10:00",
            "service_request_id=1",
        ],
    )
    def test_a_wrong_filter_is_refused(self, client: Client, key: str, query: str) -> None:
        """Rather than passed over, or failed upon: some times lie beyond all calendars."""
        assert client.get(f"{HERE}/requests.json?api_key={key}&{query}").status_code == 400

    @pytest.mark.parametrize("path", ["services.csv", "services/pothole.json", "requests/x.json"])
    def test_what_is_not_there_is_404(self, client: Client, path: str) -> None:
        """In whichever format was asked."""
        assert client.get(f"{HERE}/{path}").status_code == 404
