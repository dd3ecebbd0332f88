"""A web process to be attacked, and requests that cost the attacker little."""

import http.client
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

from app.core.context import Context, open_context
from app.core.settings import Settings
from app.core.work import Sum, solve
from app.jurisdictions.models import Jurisdiction, Level

START_S = 60.0
FILE_HEAD = (
    b'Content-Disposition: form-data; name="photos"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
)
ASKED = re.compile(
    r'data-challenge="([0-9a-f]{64})"\s+data-salt="([^"]+)"\s+data-signature="([0-9a-f]{64})"\s+data-most="(\d+)"'
)


@dataclass(frozen=True)
class Reply:
    """An answer and what it took.

    Attributes:
        status: of HTTP.
        headers: as sent, names in small letters.
        body: all of it.
        seconds: from the first byte sent to the last one received.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str:
        """A header's value, empty without one."""
        return dict(self.headers).get(name, "")


class Caller:
    """One connection that is kept, from one address.

    Args:
        address: the deployment, as http://127.0.0.1:8000.
        source: the address to call from; any of 127.0.0.0/8 on loopback.
    """

    def __init__(self, address: str, source: str = "") -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=60, source_address=(source, 0) if source else None
        )

    def close(self) -> None:
        """Give the connection up."""
        self._connection.close()

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request; a connection that was closed is opened once more."""
        started = time.perf_counter()
        try:
            return self._ask(method, path, body, headers or {}, started)
        except (http.client.HTTPException, ConnectionError):
            self._connection.close()
            return self._ask(method, path, body, headers or {}, started)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, **fields: str) -> Reply:
        """POST a plain form."""
        return self.ask(
            "POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        )

    def send(
        self, path: str, photos: Sequence[bytes], headers: Mapping[str, str] | None = None, **fields: str
    ) -> Reply:
        """POST a form with photos."""
        boundary = secrets.token_hex(16)
        parts = [
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
            for name, value in fields.items()
        ]
        parts += [FILE_HEAD + photo for photo in photos]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.ask("POST", path, body + f"--{boundary}--\r\n".encode(), {**kind, **(headers or {})})

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], started: float) -> Reply:
        self._connection.request(method, path, body or None, dict(headers))
        answer = self._connection.getresponse()
        received = answer.read()
        took = time.perf_counter() - started
        kept = tuple((name.lower(), value) for name, value in answer.getheaders())
        return Reply(answer.status, kept, received, took)


def work_in(page: bytes) -> str:
    """The solved sum that a page asks for, as its script would send it; empty if it asks for none."""
    found = ASKED.search(page.decode(errors="replace").replace("&amp;", "&"))
    if found is None:
        return ""
    challenge, salt, signature, most = found.groups()
    return solve(Sum(challenge, salt, signature, int(most)))


class Serving:
    """A deployment in a folder of its own, with a web process on loopback; ended with the block.

    Args:
        folder: an empty folder.
        module: what serves: the product's own command, or a build made for a measurement.
        settings: further HOMEWARD_ settings.
    """

    def __init__(
        self,
        folder: Path,
        module: Sequence[str] = ("app", "serve"),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        given = {
            "HOMEWARD_DATA_DIR": str(folder / "data"),
            "HOMEWARD_KEY_FILE": str(folder / "keys" / "homeward.key"),
            "HOMEWARD_SECURE_COOKIES": "false",
            "HOMEWARD_DEFAULT_LANGUAGE": "en",
            **(settings or {}),
        }
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOMEWARD_")},
            **given,
            "HOMEWARD_PORT": str(self._port),
        }
        names = {name.removeprefix("HOMEWARD_").lower(): value for name, value in given.items()}
        self.context: Context = open_context(Settings.model_validate(names))
        with self.context.db.write() as session:
            session.add(
                Jurisdiction(
                    code="CN",
                    name="全国",
                    name_en="China",
                    level=Level.NATION,
                    path="CN/",
                    authority="nation",
                )
            )
        self._module, self._log = tuple(module), folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", *self._module], env=self.environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            caller = Caller(self.address)
            try:
                if caller.get("/").status == http.client.OK:
                    return self
            except OSError:
                time.sleep(0.1)
            finally:
                caller.close()
        self.__exit__()
        msg = f"the web process did not start: {self._log.read_text()[-2000:]}"
        raise RuntimeError(msg)

    @property
    def pid(self) -> int | None:
        """The web process, as long as it lives."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.context.close()
