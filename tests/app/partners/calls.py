"""What the tests of the partner API share: channels with keys, and the requests that they send."""

import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from sqlmodel import select

from app.core.clock import now
from app.core.context import Context
from app.main import create_app
from app.partners import keys, signatures
from app.partners.keys import NewKey
from app.partners.models import ChannelDay
from app.tips.models import Channel, ChannelKind, Tip
from tests.conftest import Client
from tests.make import jpeg

TIPS = "/api/v1/tips"


def make_key(
    context: Context, name: str = "Street watch", kind: ChannelKind = ChannelKind.PARTNER, **wanted: Any
) -> NewKey:
    """A key of the channel of this name, which is made with its first."""
    area = "440304" if kind == ChannelKind.REGISTRY else None
    with context.db.write() as session:
        channel = keys.add_channel(session, name, kind, jurisdiction_code=area)
        return keys.make_key(session, context.keys, channel, **wanted)


def bearing(key: str, **more: str) -> dict[str, str]:
    """The headers of a request with a key; more of them with _ for -."""
    return {"Authorization": f"Bearer {key}"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }


def send(client: Client, key: str, repeat: str | None = None, **fields: str) -> httpx.Response:
    """Send a tip with one photo."""
    headers = bearing(key, **({"Idempotency_Key": repeat} if repeat else {}))
    files = [("photos", ("a.jpg", jpeg(), "image/jpeg"))]
    return client.post(TIPS, headers=headers, data={"place_text": "Metro exit A"} | fields, files=files)


def send_batch(client: Client, key: str, items: Any, **files: bytes) -> httpx.Response:
    """Send a batch; `items` that are a text go as they are."""
    text = items if isinstance(items, str) else json.dumps(items)
    parts = [("tips", (None, text.encode("utf-8", "surrogatepass"), None))]
    parts += [(name, (f"{name}.jpg", data, "image/jpeg")) for name, data in files.items()]  # type: ignore[misc]
    return client.post(f"{TIPS}/batch", headers=bearing(key), files=parts)


def signed(secret: str, method: str, target: str, body: bytes = b"", *, age_s: int = 0) -> dict[str, str]:
    """The headers of a signed request."""
    stamp = int(now().timestamp()) - age_s
    return {
        signatures.TIMESTAMP: str(stamp),
        signatures.SIGNATURE: signatures.sign(secret, stamp, method, target, body),
    }


def form(**fields: str) -> tuple[bytes, str]:
    """The body of a tip with one photo, and its content type."""
    files = [("photos", ("a.jpg", jpeg(), "image/jpeg"))]
    request = httpx.Request("POST", "http://x", data={"place_text": "Exit A"} | fields, files=files)
    return request.read(), request.headers["content-type"]


def tips(context: Context) -> list[Tip]:
    """All tips, oldest first."""
    with context.db.read() as session:
        return sorted(session.exec(select(Tip)), key=lambda tip: tip.received_at)


def channel_of(context: Context, name: str = "Street watch") -> Channel:
    """A channel by its name."""
    with context.db.read() as session:
        return session.exec(select(Channel).where(Channel.name == name)).one()


def change_channel(context: Context, **columns: Any) -> None:
    """Change columns of the usual channel."""
    with context.db.write() as session:
        channel = session.exec(select(Channel).where(Channel.name == "Street watch")).one()
        for name, value in columns.items():
            setattr(channel, name, value)
        session.add(channel)


def day_of(context: Context) -> ChannelDay | None:
    """What the usual channel asked for today."""
    with context.db.read() as session:
        return session.get(ChannelDay, (channel_of(context).id, now().date()))


def keep_tip(context: Context, channel_id: UUID, number: int, **columns: Any) -> UUID:
    """A tip of a channel, without photos."""
    lookup = hashlib.sha256(f"{channel_id}:{number}".encode()).digest()
    with context.db.write() as session:
        tip = Tip(channel_id=channel_id, language="en", place_text="Exit A", receipt_lookup=lookup, **columns)
        session.add(tip)
        session.flush()
        return tip.id


@contextlib.contextmanager
def served(context: Context) -> Iterator[str]:
    """The application on a free loopback port.

    Yields:
        Its address.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(create_app(context), host="127.0.0.1", port=port, log_level="error", access_log=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
