"""A partner with a channel, tips, and a real server that takes messages."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
import uuid6
from sqlmodel import select
from standardwebhooks import Webhook

from app.audit.service import SYSTEM
from app.core.context import Context, open_context
from app.partners import keys
from app.tips import progress
from app.tips.models import Author, Channel, ChannelKind, Disposition, Tip, TipMessage, TipState
from app.webhooks import service
from app.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from tests.conftest import Client
from tests.make import Make


@dataclass(frozen=True)
class Received:
    """One request as the partner's server saw it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The body, if the library of Standard Webhooks takes its signature."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class PartnerServer:
    """A partner's server; `answer` says what it does with a request."""

    url: str = ""
    taken: list[Received] = field(default_factory=list)
    status: int = 204
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    ending: threading.Event = field(default_factory=threading.Event)


@pytest.fixture(autouse=True)
def ids_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids never go back in time within a process; one test's travels are no other's."""
    monkeypatch.setattr(uuid6, "_last_v7_timestamp", None)


@pytest.fixture
def serve() -> Iterator[Callable[[], PartnerServer]]:
    """Starts servers on loopback; they end with the test."""
    running: list[tuple[PartnerServer, ThreadingHTTPServer]] = []

    def start() -> PartnerServer:
        partner = PartnerServer()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                partner.taken.append(Received(self.path, headers, body))
                if partner.answer is not None:
                    partner.answer(self)
                    return
                self.send_response(partner.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                partner.taken.append(Received(self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_args: None  # type: ignore[method-assign]
        partner.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append((partner, server))
        return partner

    yield start
    for partner, server in running:
        partner.ending.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(serve: Callable[[], PartnerServer]) -> PartnerServer:
    """One partner's server."""
    return serve()


@pytest.fixture
def inside(context: Context) -> Iterator[Context]:
    """The deployment, with messages allowed to go to this machine."""
    opened = open_context(context.settings.model_copy(update={"webhooks_inside": True}))
    yield opened
    opened.close()


@dataclass
class Scene:
    """A partner's channel with its tips."""

    context: Context
    make: Make
    channel: Channel
    key: str

    def endpoint(self, url: str) -> tuple[WebhookEndpoint, str]:
        """A webhook and its secret."""
        with self.context.db.write() as session:
            settings = self.context.settings
            return service.add(session, self.context.keys, settings, SYSTEM, self.channel.id, url)

    def tip(self, state: TipState = TipState.PROCESSING, **sent: Any) -> Tip:
        """A tip of this channel."""
        return self.make.tip(channel_id=self.channel.id, state=state, **sent)

    def move(self, tip: Tip, to: TipState) -> None:
        """Bring a tip to a state."""
        with self.context.db.write() as session:
            progress.move(session, session.get_one(Tip, tip.id), to, SYSTEM)

    def dispose(self, tip: Tip, disposition: Disposition = Disposition.NOT_A_CHILD) -> None:
        """Close a tip."""
        with self.context.db.write() as session:
            progress.dispose(session, session.get_one(Tip, tip.id), disposition, SYSTEM, "Seen on the spot.")

    def write(self, tip: Tip, text: str, author: Author = Author.OFFICER) -> None:
        """Write into a tip's thread."""
        with self.context.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=author, text=text))

    def rows(self) -> list[WebhookMessage]:
        """All messages, the oldest first."""
        with self.context.db.read() as session:
            return sorted(session.exec(select(WebhookMessage)), key=lambda row: row.id)

    def deliveries(self, endpoint_id: UUID | None = None) -> list[WebhookDelivery]:
        """All deliveries, or those of an endpoint, the oldest first."""
        with self.context.db.read() as session:
            found = sorted(session.exec(select(WebhookDelivery)), key=lambda row: row.id)
        return [row for row in found if endpoint_id in {None, row.endpoint_id}]


def scene_of(context: Context, make: Make, name: str, kind: ChannelKind = ChannelKind.PARTNER) -> Scene:
    """A partner's channel with a key."""
    with context.db.write() as session:
        channel = keys.add_channel(session, name, kind)
        key = keys.make_key(session, context.keys, channel).key
    return Scene(context, make, channel, key)


@pytest.fixture
def scene(inside: Context, make: Make) -> Scene:
    """A partner named Street watch."""
    return scene_of(inside, make, "Street watch")


@dataclass
class Api:
    """A partner's program."""

    client: Client
    key: str

    def __call__(self, method: str, path: str, **kwargs: Any) -> Any:
        """Ask."""
        headers = {"Authorization": f"Bearer {self.key}"} | kwargs.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **kwargs)
