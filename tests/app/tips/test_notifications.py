"""Notices without content: what leaves, when, to where it may go, and that it ends."""

import base64
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID

import http_ece  # type: ignore[import-untyped]
import pytest
import time_machine
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from sqlmodel import select, update

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.main import create_app
from app.tips import mail, notifications, progress, push, telling
from app.tips.models import Author, Disposition, Tip, TipMessage, TipNotification, TipState
from tests.app.tips.test_receipt_pages import address
from tests.conftest import Client
from tests.make import Make

QUARTER = datetime.fromisoformat("2026-05-04T10:15:20+00:00")
"""Just after a full quarter hour."""


@dataclass
class PostOffice:
    """A mail server that keeps what it is given."""

    mails: list[tuple[str, Any]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, to: str, _options: Any) -> str:  # noqa: N802
        """Take an address, or not."""
        if to in self.refused:
            return "550 nobody here"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail."""
        self.mails.append((envelope.rcpt_tos[0], message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@pytest.fixture
def post() -> Iterator[tuple[PostOffice, int]]:
    """A mail server on loopback and its port."""
    office = PostOffice()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    yield office, port
    controller.stop()


@dataclass
class PushService:
    """A push service that keeps what it is given and answers as it is told."""

    address: str = ""
    status: int = 201
    taken: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def push_service() -> Iterator[PushService]:
    """A push service on loopback."""
    service = PushService()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.taken.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(service.status)
            self.send_header("Location", f"{service.address}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def offering(context: Context, post: tuple[PostOffice, int]) -> Context:
    """The deployment with both kinds of notices, and trials on inner addresses."""
    settings = context.settings.model_copy(
        update={
            "public_url": "https://tips.example.org",
            "smtp_url": f"smtp://127.0.0.1:{post[1]}",
            "mail_from": "notices@tips.example.org",
            "push_contact": "mailto:desk@example.org",
            "webhooks_inside": True,
        }
    )
    return Context(settings, context.keys, context.db, context.store)


@pytest.fixture
def visitor(offering: Context) -> Client:
    """A client of that deployment."""
    app: FastAPI = create_app(offering)
    return Client(app, offering)


def subscription(endpoint: str) -> tuple[str, ec.EllipticCurvePrivateKey, bytes]:
    """A browser's subscription, with the keys that only the browser has."""
    own, secret = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
    point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {
        name: base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        for name, value in (("p256dh", point), ("auth", secret))
    }
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys}), own, secret


def ask(context: Context, tip: Tip, email: str = "me@example.org", language: str = "en") -> None:
    """Ask for notices by e-mail, an hour before the quarter hour of these tests."""
    with context.db.write() as session:
        notifications.set_email(session, context, tip.id, email, language)
        session.exec(update(TipNotification).values(told_until=QUARTER - timedelta(hours=1)))


def answer(
    context: Context, tip_id: UUID, at: datetime, author: Author = Author.OFFICER, notice: str | None = None
) -> None:
    """A message in a thread."""
    with context.db.write() as session:
        session.add(
            TipMessage(tip_id=tip_id, author=author, text="Secret words", notice=notice, created_at=at)
        )


def look(context: Context, moment: datetime) -> int:
    """What a worker does at a moment."""
    with time_machine.travel(moment, tick=False):
        return telling.look(context)


def rows(context: Context) -> list[TipNotification]:
    """Everybody who is to be told."""
    with context.db.read() as session:
        return list(session.exec(select(TipNotification)))


class TestMail:
    def test_it_says_one_sentence_and_where_to_go(
        self, offering: Context, make: Make, post: tuple[PostOffice, int]
    ) -> None:
        """No tip, no code, no word of the thread, no subject that tells."""
        tip = make.tip()
        ask(offering, tip)
        answer(offering, tip.id, QUARTER - timedelta(minutes=3))

        told = look(offering, QUARTER)

        [(to, sent)] = post[0].mails
        body = sent.get_content().replace("\r\n", "\n")
        assert told == 1
        assert to == "me@example.org"
        assert sent["Subject"] == "A message for you"
        assert body == f"{mail.SENTENCE}\n\nhttps://tips.example.org/receipt\n"
        whole = sent.as_string()
        assert [
            word for word in (str(tip.id), "Secret", "tip ", "police", "receipt code") if word in whole
        ] == []

    def test_in_the_readers_language(
        self, offering: Context, make: Make, post: tuple[PostOffice, int]
    ) -> None:
        """The one they asked in."""
        tip = make.tip()
        ask(offering, tip, language="zh")
        answer(offering, tip.id, QUARTER - timedelta(minutes=3))

        look(offering, QUARTER)

        assert "请打开网页" in post[0].mails[0][1].get_content()

    def test_it_leaves_at_a_quarter_hour_for_all_that_came_before(
        self, offering: Context, make: Make, post: tuple[PostOffice, int]
    ) -> None:
        """Many messages are one notice, and its time does not tell theirs."""
        tip = make.tip()
        ask(offering, tip)
        for minutes in (14, 9, 2):
            answer(offering, tip.id, QUARTER - timedelta(minutes=minutes))
        late = QUARTER + timedelta(minutes=1)
        answer(offering, tip.id, late)

        told = [
            look(offering, QUARTER - timedelta(minutes=1)),
            look(offering, QUARTER),
            look(offering, QUARTER + timedelta(minutes=2)),
            look(offering, QUARTER + timedelta(minutes=9)),
            look(offering, QUARTER + timedelta(minutes=15)),
            look(offering, QUARTER + timedelta(minutes=30)),
        ]

        assert told == [0, 1, 0, 0, 1, 0]
        assert len(post[0].mails) == 2

    def test_only_what_the_page_shows_is_news(
        self, offering: Context, make: Make, post: tuple[PostOffice, int]
    ) -> None:
        """Not the tipster's own steps, not what officers tell each other, not what a closed page hides."""
        own, handed, reopened = make.tip(), make.tip(), make.tip()
        for tip in (own, handed, reopened):
            ask(offering, tip, f"{tip.id}@example.org")
        before = QUARTER - timedelta(minutes=5)
        answer(offering, own.id, before, Author.TIPSTER)
        answer(offering, own.id, before, Author.SYSTEM, "photos_added")
        answer(offering, handed.id, before, Author.SYSTEM, "handed_over")
        answer(offering, reopened.id, QUARTER - timedelta(hours=2), Author.SYSTEM, "not_a_child")
        answer(offering, reopened.id, before, Author.SYSTEM, "converted_to_case")

        assert look(offering, QUARTER) == 0
        assert post[0].mails == []

    def test_an_address_that_is_refused_is_dropped_in_the_end(
        self, offering: Context, make: Make, post: tuple[PostOffice, int]
    ) -> None:
        """Each failure doubles the wait; the others get theirs."""
        tip, other = make.tip(), make.tip()
        ask(offering, tip, "gone@example.org")
        ask(offering, other, "there@example.org")
        for each in (tip, other):
            answer(offering, each.id, QUARTER - timedelta(minutes=3))
        post[0].refused.add("gone@example.org")

        tries = []
        for quarter in range(40):
            look(offering, QUARTER + quarter * telling.QUARTER)
            tries.append(next((row.failures for row in rows(offering) if row.tip_id == tip.id), None))

        assert tries[0] == 1
        assert tries[-1] is None
        assert {value: tries.count(value) for value in (1, 2, 3)}[3] > 3
        assert [to for to, _ in post[0].mails] == ["there@example.org"]
        assert [row.tip_id for row in rows(offering)] == [other.id]
        with offering.db.read() as session:
            ended = session.exec(
                select(AuditEvent).where(AuditEvent.action == Action.NOTIFICATION_ENDED)
            ).one()
        assert ended.subject_id == str(tip.id)

    def test_a_mail_server_that_is_away_costs_nobody_their_notice(
        self, offering: Context, make: Make
    ) -> None:
        """It is sent when the server is back, however long that takes."""
        tip = make.tip()
        ask(offering, tip)
        answer(offering, tip.id, QUARTER - timedelta(minutes=3))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = probe.getsockname()[1]
        gone = offering.settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{nobody}"})
        away = Context(gone, offering.keys, offering.db, offering.store)

        told = [look(away, QUARTER + quarter * telling.QUARTER) for quarter in range(8)]
        back = look(offering, QUARTER + 8 * telling.QUARTER)

        assert told == [0] * 8
        assert back == 1
        assert rows(offering)[0].failures == 0

    def test_several_workers_send_once(
        self, offering: Context, make: Make, post: tuple[PostOffice, int]
    ) -> None:
        """However they interleave."""
        for number in range(6):
            tip = make.tip()
            ask(offering, tip, f"me{number}@example.org")
            answer(offering, tip.id, QUARTER - timedelta(minutes=3))

        with time_machine.travel(QUARTER, tick=False):
            both = [threading.Thread(target=telling.look, args=(offering,)) for _ in range(2)]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()

        assert sorted(to for to, _ in post[0].mails) == [f"me{number}@example.org" for number in range(6)]

    def test_a_password_is_not_sent_in_the_clear(self, offering: Context) -> None:
        """A server without TLS gets no password."""
        url = offering.settings.smtp_url.replace("smtp://", "smtp://user:secret@")
        settings = offering.settings.model_copy(update={"smtp_url": url})

        with pytest.raises(mail.MailLost), mail.connection(settings):
            pass


class TestPush:
    def test_the_browser_alone_can_read_it(
        self, offering: Context, visitor: Client, make: Make, push_service: PushService
    ) -> None:
        """Encrypted under its keys, signed with this deployment's, and nothing but the sentence."""
        tip = make.tip()
        given, own, secret = subscription(f"{push_service.address}/send/1")
        asked = visitor.post(f"{address(offering, tip.id)}/notices", data={"subscription": given})
        self._answer(offering, tip)

        told = look(offering, QUARTER)

        [(path, headers, body)] = push_service.taken
        read = json.loads(http_ece.decrypt(body, private_key=own, auth_secret=secret, version="aes128gcm"))
        assert (asked.status_code, told, path) == (303, 1, "/send/1")
        assert read == {"title": "A message for you", "body": mail.SENTENCE}
        assert headers["authorization"].startswith("vapid t=")
        assert push.public_key(offering.keys).rstrip("=") in headers["authorization"]

    @pytest.mark.parametrize(("status", "left"), [(404, 0), (410, 0), (500, 1), (429, 1), (302, 1)])
    def test_a_browser_that_is_gone_is_dropped_at_once(
        self,
        offering: Context,
        visitor: Client,
        make: Make,
        push_service: PushService,
        status: int,
        left: int,
    ) -> None:
        """Other failures are tried again; a redirect is not followed."""
        tip = make.tip()
        given, _, _ = subscription(f"{push_service.address}/send/1")
        visitor.post(f"{address(offering, tip.id)}/notices", data={"subscription": given})
        self._answer(offering, tip)
        push_service.status = status

        told = look(offering, QUARTER)

        assert told == 0
        assert [path for path, _, _ in push_service.taken] == ["/send/1"]
        assert [row.failures for row in rows(offering)] == [1] * left

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://push.example.org/1",
            "https://127.0.0.1/1",
            "https://[::1]/1",
            "https://[::ffff:10.0.0.1]/1",
            "https://10.1.2.3/1",
            "https://169.254.169.254/latest",
            "https://localhost/1",
            "https://user@push.example.org/1",
            "https://224.0.0.1/1",
            "ftp://push.example.org/1",
            "https:///1",
            "https://push.example.org:99999/1",
            "javascript:alert(1)",
        ],
    )
    def test_it_goes_to_public_addresses_only(self, endpoint: str) -> None:
        """Nobody has this machine knock at inner doors."""
        assert push.may_be_called(endpoint, inside=False) is False

    def test_a_name_is_looked_up_before_each_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that leads inside is not called, even if it leads outside, too."""
        leads: dict[str, list[str]] = {
            "good.example.org": ["93.184.215.14"],
            "bad.example.org": ["93.184.215.14", "10.0.0.1"],
        }

        def resolve(
            name: str, port: int, **_more: object
        ) -> list[tuple[int, int, int, str, tuple[str, int]]]:
            if name not in leads:
                raise socket.gaierror
            return [(2, 1, 6, "", (each, port)) for each in leads[name]]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

        assert push.may_be_called("https://good.example.org/1", inside=False)
        assert not push.may_be_called("https://bad.example.org/1", inside=False)
        assert not push.may_be_called("https://nowhere.example.org/1", inside=False)

    @pytest.mark.parametrize(
        "given",
        [
            "x",
            "{}",
            "[]",
            "null",
            '{"endpoint": 1, "keys": {}}',
            "[" * 3000,
            "x" * 5000,
            '{"endpoint": "https://push.example.org/1", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}',
        ],
    )
    def test_what_is_no_subscription_is_refused(
        self, offering: Context, visitor: Client, make: Make, given: str
    ) -> None:
        """In words, with the page."""
        refused = visitor.post(f"{address(offering, make.tip().id)}/notices", data={"subscription": given})

        assert refused.status_code == 422
        assert "cannot be used here" in refused.text
        assert rows(offering) == []

    def test_the_key_is_the_same_at_every_start(self, offering: Context) -> None:
        """Browsers subscribe with it, and it has to stay; it is a point of the curve."""
        key = push.public_key(offering.keys)

        point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
        assert key == push.public_key(offering.keys)
        assert ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)

    @staticmethod
    def _answer(context: Context, tip: Tip) -> None:
        with context.db.write() as session:
            session.exec(update(TipNotification).values(told_until=QUARTER - timedelta(hours=1)))
        answer(context, tip.id, QUARTER - timedelta(minutes=3))


class TestAsking:
    def test_the_address_is_sealed(self, offering: Context, visitor: Client, make: Make) -> None:
        """The row holds what only the key opens; the audit log holds the kind."""
        tip = make.tip()

        asked = visitor.post(f"{address(offering, tip.id)}/notices", data={"email": " me@example.org "})

        [row] = rows(offering)
        with offering.db.read() as session:
            event = session.exec(select(AuditEvent)).one()
        assert asked.status_code == 303
        assert b"example" not in row.address_sealed
        assert offering.keys.unseal(row.address_sealed) == b"me@example.org"
        assert (event.action, event.detail) == (Action.NOTIFICATION_SET, {"kind": "email"})
        assert "me@example.org" not in visitor.get(asked.headers["location"]).text

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "me",
            "me@here",
            "me@example.org\r\nBcc: all@example.org",
            "a b@example.org",
            "x" * 300 + "@e.org",
            "我@例子.中国",
        ],
    )
    def test_what_is_no_address_is_refused(
        self, offering: Context, visitor: Client, make: Make, typed: str
    ) -> None:
        """Beside its field."""
        refused = visitor.post(f"{address(offering, make.tip().id)}/notices", data={"email": typed})

        assert refused.status_code == 422
        assert 'id="email-error"' in refused.text
        assert rows(offering) == []

    def test_asked_again_the_new_address_counts(self, offering: Context, make: Make) -> None:
        """One e-mail address, and three browsers."""
        tip = make.tip()
        with offering.db.write() as session:
            for number in range(5):
                notifications.set_email(session, offering, tip.id, f"me{number}@example.org", "en")
                given, _, _ = subscription(f"https://push.example.org/{number}")
                notifications.set_push(session, offering, tip.id, given, "en")

        kinds = sorted((row.kind, offering.keys.unseal(row.address_sealed)) for row in rows(offering))
        assert [kind for kind, _ in kinds] == ["email", "push", "push", "push"]
        assert kinds[0][1] == b"me4@example.org"

    def test_it_is_stopped_on_the_page(self, offering: Context, visitor: Client, make: Make) -> None:
        """And only on the tip's own page."""
        tip, other = make.tip(), make.tip()
        ask(offering, tip)
        [row] = rows(offering)
        strangers = f"{address(offering, other.id)}/notices/{row.id}/end"
        own = f"{address(offering, tip.id)}/notices/{row.id}/end"

        answers = [visitor.post(path).status_code for path in (strangers, own, own)]

        assert answers == [404, 303, 303]
        assert rows(offering) == []

    def test_a_closed_tip_has_no_notices(self, offering: Context, visitor: Client, make: Make) -> None:
        """There is nothing to tell any more."""
        tip = make.tip(state=TipState.DISPOSED)

        refused = visitor.post(f"{address(offering, tip.id)}/notices", data={"email": "me@example.org"})

        assert refused.status_code == 409
        assert rows(offering) == []

    def test_they_end_a_month_after_the_answer(self, offering: Context, make: Make) -> None:
        """The address is erased by itself."""
        tip, open_tip = make.tip(), make.tip()
        with time_machine.travel(QUARTER - timedelta(days=40), tick=False):
            for each in (tip, open_tip):
                ask(offering, each, f"{each.id}@example.org")
        with time_machine.travel(QUARTER - timedelta(days=31), tick=False), offering.db.write() as session:
            progress.dispose(
                session, session.get_one(Tip, tip.id), Disposition.NOT_A_CHILD, SYSTEM, "It was a doll."
            )

        look(offering, QUARTER - timedelta(days=2))
        kept = len(rows(offering))
        look(offering, QUARTER)

        assert kept == 2
        assert [row.tip_id for row in rows(offering)] == [open_tip.id]

    def test_they_are_offered_only_where_they_can_be_sent(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """A deployment without a mail server or push contact does not mention them, and takes none."""
        link = address(context, make.tip().id)

        page = client.get(link)
        refused = [
            client.post(f"{link}/notices", data=data)
            for data in (
                {"email": "me@example.org"},
                {"subscription": subscription("https://a.example/1")[0]},
            )
        ]

        assert "Be told" not in page.text
        assert [each.status_code for each in refused] == [422, 422]
