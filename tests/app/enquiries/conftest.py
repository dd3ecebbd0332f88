"""Asking as a browser does, and letting time pass."""

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import Request
from PIL import Image
from sqlmodel import select

from app.core.clock import now
from app.core.context import Context
from app.core.web.limiting import gate_of
from app.core.work import solve
from app.enquiries import service
from app.enquiries.models import Enquiry, Finding
from tests.conftest import Client

PICTURES = Path(__file__).parents[3] / "app" / "demo" / "pictures"

Ask = Callable[..., httpx.Response]
LetPass = Callable[[float], None]


def picture(name: str) -> bytes:
    """A picture of the demo."""
    return (PICTURES / name).read_bytes()


def passed_on(data: bytes, scale: float = 0.7, quality: int = 60) -> bytes:
    """The same picture as a messenger would pass it on."""
    with Image.open(io.BytesIO(data)) as opened:
        return encoded(opened.resize((round(opened.width * scale), round(opened.height * scale))), quality)


def encoded(picture: Image.Image, quality: int = 85) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def ask(client: Client) -> Ask:
    """Ask about a picture, having done the work."""

    def send(data: bytes, **texts: str) -> httpx.Response:
        gate = gate_of(Request({"type": "http", "app": client._app}))
        files = [("photos", ("a.jpg", data, "image/jpeg"))]
        return client.post(
            "/checked", files=files, data={"work": solve(gate.workshop.ask("enquiry", 10)), **texts}
        )

    return send


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> LetPass:
    """Let seconds pass for those who wait for answers; the clock stands still in between."""
    moment = [now()]

    def at() -> datetime:
        return moment[0]

    monkeypatch.setattr(service, "now", at)

    def wait(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    return wait


def finding_of(context: Context, answer: httpx.Response) -> Finding | None:
    """What stands in the row of an enquiry that was just made."""
    enquiry_id = service.open_link(context.keys, answer.headers["location"].rpartition("/")[2])
    with context.db.read() as session:
        return session.get_one(Enquiry, enquiry_id).finding


def enquiries(context: Context) -> list[Enquiry]:
    """All rows."""
    with context.db.read() as session:
        return list(session.exec(select(Enquiry)))


def plain(page: str) -> str:
    """A page without what fills it up."""
    return re.sub(r"<!--[0-9a-f]*-->$", "", page)
