"""A partner that sends tips in steps."""

import base64
import os
from typing import Any

import httpx

from app.core.context import Context
from app.partners import keys
from app.partners.models import Scope
from tests.conftest import Client
from tests.make import jpeg

VERSION = {"Tus-Resumable": "1.0.0"}
PIECE = {"Content-Type": "application/offset+octet-stream"}
PLACE = {"place_text": "Metro exit A"}


def new_key(context: Context, channel: str = "Street watch", **options: Any) -> str:
    """A key of a partner's channel."""
    with context.db.write() as session:
        return keys.make_key(session, context.keys, keys.add_channel(session, channel), **options).key


def reading_key(context: Context) -> str:
    """A key that sends nothing."""
    return new_key(context, scopes=[Scope.TIPS_READ])


def photo(size: int) -> bytes:
    """What begins as a photo does, with bytes that no other file has."""
    start = jpeg()
    return start + os.urandom(size - len(start))


def metadata(package_id: str) -> dict[str, str]:
    """The header that binds an upload to its package, with a file name as clients send it."""
    named = base64.b64encode(package_id.encode()).decode()
    return {"Upload-Metadata": f"filename {base64.b64encode(b'secret-name.jpg').decode()},package {named}"}


class Partner:
    """One channel's program."""

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, **kwargs: Any
    ) -> httpx.Response:
        """One request below /api/v1."""
        address = path if path.startswith("/api/") else f"/api/v1{path}"
        return self.client.request(method, address, headers=self.headers | (headers or {}), **kwargs)

    def package(self, **fields: Any) -> str:
        """Open a package; its id."""
        answer = self.send("POST", "/packages", json=PLACE | fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def add(self, package_id: str, data: bytes | None = None) -> httpx.Response:
        """Add a file at once."""
        files = {"file": ("a.jpg", jpeg() if data is None else data, "image/jpeg")}
        return self.send("POST", f"/packages/{package_id}/files", files=files)

    def read(self, package_id: str) -> dict[str, Any]:
        """The package as it is told."""
        answer = self.send("GET", f"/packages/{package_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def finish(self, package_id: str) -> httpx.Response:
        """Make the tip."""
        return self.send("POST", f"/packages/{package_id}/finish")

    def begin(self, package_id: str, length: object) -> httpx.Response:
        """Begin an upload."""
        return self.send("POST", "/uploads", VERSION | {"Upload-Length": str(length)} | metadata(package_id))

    def upload(self, package_id: str, length: int) -> str:
        """Begin an upload; its address."""
        answer = self.begin(package_id, length)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, address: str, start: object, data: bytes, **headers: str) -> httpx.Response:
        """Send a piece."""
        sent = VERSION | PIECE | {"Upload-Offset": str(start)} | headers
        return self.send("PATCH", address, sent, content=data)

    def head(self, address: str) -> httpx.Response:
        """Ask where it goes on."""
        return self.send("HEAD", address, VERSION)
