"""Sending forms: as a browser does, or byte by byte."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.tips import receipts
from tests.conftest import Client
from tests.make import jpeg

Send = Callable[..., httpx.Response]


@pytest.fixture(autouse=True)
def fresh_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has all tries of a process."""
    monkeypatch.setattr(receipts, "tries", receipts.Tries(receipts.TRIES_PER_S, receipts.TRIES_AT_ONCE))


@pytest.fixture
def send(client: Client) -> Send:
    """Send the tip form with one photo and a place; named fields replace or add, None leaves out."""

    def send_form(photos: list[bytes] | None = None, **texts: str | None) -> httpx.Response:
        files: list[tuple[str, Any]] = [
            ("photos", (f"{number}.jpg", data, "image/jpeg"))
            for number, data in enumerate([jpeg()] if photos is None else photos)
        ]
        fields = {"place_text": "Metro exit A", "description": "A child asks for money.", **texts}
        files += [(name, (None, text)) for name, text in fields.items() if text is not None]
        return client.post("/tip", files=files)

    return send_form
