"""The client, against the real application on a real port."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.context import Context
from app.partners import signatures
from app.partners.client import Homeward, NewTip, Problem, QuotaUsedUp, Receipt, homeward
from app.partners.keys import NewKey
from tests.app.partners.calls import change_channel, make_key, served, tips
from tests.make import jpeg


@pytest.fixture
def address(context: Context) -> Iterator[str]:
    """The application on loopback."""
    with served(context) as address:
        yield address


@pytest.fixture
def made(context: Context) -> NewKey:
    """A key that signs."""
    return make_key(context, signed=True)


@pytest.fixture
def partner(address: str, made: NewKey) -> Iterator[Homeward]:
    """A client with a key that signs."""
    with Homeward(address, made.key, made.signing_secret, pause_s=0.01) as opened:
        yield opened


def test_a_tip_is_sent_read_listed_and_taken_back(
    context: Context, partner: Homeward, tmp_path: Path
) -> None:
    """The whole way, each request signed, photos from files and from memory."""
    photo = tmp_path / "街.jpg"
    photo.write_bytes(jpeg())
    sent = partner.send_tip(
        [photo, jpeg((1, 2, 3))],
        latitude=22.541,
        longitude=114.055,
        coordinate_system="gcj02",
        observed_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        description="一个女孩",
        danger_now=True,
        external_id="p-1",
    )

    read = partner.tip(sent.id)
    assert (sent.status, read.status, read.external_id) == ("received", "received", "p-1")
    assert sent.received_at == read.received_at == tips(context)[0].received_at
    assert tips(context)[0].description == "一个女孩"
    assert [tip.id for tip in partner.tips(external_id="p-1", status="received")] == [sent.id]
    withdrawn = partner.withdraw(sent.id)
    assert withdrawn.status == "closed"
    assert [message.author for message in withdrawn.messages] == ["system"]


def test_pages_follow_one_another(partner: Homeward) -> None:
    """Newest first, each once."""
    sent = [partner.send_tip([jpeg((n, 0, 0))], place_text="Exit A").id for n in range(5)]

    assert [tip.id for tip in partner.tips(limit=2)] == sent[::-1]


def test_a_batch_gives_a_receipt_or_a_problem_for_each(context: Context, partner: Homeward) -> None:
    """And sent again, it makes no second tips."""
    batch = [NewTip([jpeg()], "Exit A"), NewTip([b"no photo"], "Exit B"), NewTip([jpeg((9, 9, 9))], "Exit C")]

    first, second = partner.send_batch(batch), partner.send_batch(batch)

    assert [type(result) for result in first] == [Receipt, Problem, Receipt]
    assert isinstance(first[1], Problem)
    assert (first[1].status, first[1].field) == (415, "photos")
    assert first[0] == second[0]
    assert len(tips(context)) == 2


def test_refusals_are_typed(context: Context, partner: Homeward, address: str) -> None:
    """Status, code and field; the wait of a quota in seconds."""
    with pytest.raises(Problem) as bad:
        partner.send_tip([jpeg()], latitude=91.0, longitude=1.0)
    with pytest.raises(Problem) as missing:
        partner.tip("01931b7e-5c7e-7c1a-9f42-3f2c1d0b9a10")
    with pytest.raises(Problem) as stranger, Homeward(address, "hw1_no_key") as other:
        next(other.tips())
    change_channel(context, minute_quota=1)
    partner.send_tip([jpeg()], place_text="Exit A")
    with pytest.raises(QuotaUsedUp) as used_up:
        partner.send_tip([jpeg()], place_text="Exit A")

    assert (bad.value.status, bad.value.code, bad.value.field) == (422, "invalid", "latitude")
    assert (missing.value.status, stranger.value.status) == (404, 401)
    assert 0 < used_up.value.retry_after_s <= 60


def test_a_time_without_a_zone_is_the_callers_mistake() -> None:
    """It is told before anything is sent."""
    with pytest.raises(ValueError, match="zone"):
        NewTip([b""], observed_at=datetime(2026, 1, 1)).fields()  # noqa: DTZ001


class Flaky(BaseHTTPRequestHandler):
    """Breaks off once, is busy once, then passes the answer of a tip."""

    keys: list[str | None]

    def do_POST(self) -> None:
        """Answer by how often it was asked."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["Idempotency-Key"])
        if len(self.keys) == 1:
            self.close_connection = True
            return
        body = (
            b'{"id": "1", "receipt": "2", "status": "received", "received_at": "2026-11-23T02:15:00Z"}'
            if len(self.keys) == 3
            else b"busy"
        )
        self.send_response(201 if len(self.keys) == 3 else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_what_was_lost_is_sent_again_under_the_same_key() -> None:
    """A broken connection and a busy service cost time, and make no second tip."""
    Flaky.keys = []
    with HTTPServer(("127.0.0.1", 0), Flaky) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Homeward(f"http://127.0.0.1:{server.server_port}", "k", pause_s=0.01) as partner:
            sent = partner.send_tip([jpeg()], place_text="Exit A")
        server.shutdown()
        thread.join()

    assert sent.id == "1"
    assert len(Flaky.keys) == 3
    assert len(set(Flaky.keys)) == 1
    assert Flaky.keys[0]


def test_a_service_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tries with growing pauses, not never."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with Homeward("http://127.0.0.1:1", "k") as partner, pytest.raises(httpx.TransportError):
        partner.tip("1")

    assert pauses == [1, 2, 4, 8]


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(0, 2**40), st.sampled_from(["GET", "post"]), st.text(), st.binary())
def test_both_sides_sign_alike(secret: str, stamp: int, method: str, target: str, body: bytes) -> None:
    """The client has the formula a second time, so that it needs nothing else."""
    assert homeward.signature(secret, stamp, method, target, body) == signatures.sign(
        secret, stamp, method, target, body
    )


def test_the_client_needs_nothing_else_of_the_project() -> None:
    """A partner copies the folder and has it."""
    program = (
        "import sys, app.partners.client;"
        "print([n for n in sys.modules if n.split('.')[0] in ('app', 'matching', 'fastapi', 'sqlalchemy')])"
    )
    loaded = subprocess.run(  # noqa: S603 - this interpreter, and a program that stands above
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout

    allowed = ("app", "app.partners")
    names = [name.strip(" '[]\n") for name in loaded.split(",")]
    assert [n for n in names if n not in allowed and not n.startswith("app.partners.client")] == []
