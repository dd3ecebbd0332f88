"""What people send stays where it belongs: planted words reach no log and no answer not meant for them."""

import base64
import io
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
import uvicorn
from PIL import Image
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import select

from app import tables
from app.audit.models import AuditEvent
from app.core.context import Context
from app.core.files import PhotoStore
from app.core.jobs import Job
from app.main import create_app
from app.officers import passwords, sessions
from app.officers.models import Role
from app.photos.models import Photo
from app.photos.sandbox import Examiner
from app.reviews import triage
from app.tips import intake, queries, receipts
from app.worker import Worker
from tests.app.partners.calls import bearing, make_key
from tests.make import Make

NOTE, PLACE, CONTACT = "mkNoteQx71", "mkPlaceQx72", "mkContactQx73@example.org"
FILE, EXIF = "mkFileQx74.jpg", "mkExifQx75"
LATITUDE, LONGITUDE = "22.5471976", "114.0571977"
ADDRESS, PASSWORD, USERNAME = "203.0.113.178", "mkPasswordQx79", "mkUsernameqx80"
KEY, QUERY, CODE = "mkKeyQx81", "mkQueryQx82", "4832 7719 0265 1187"
MARKERS = {
    "note": NOTE,
    "place": PLACE,
    "contact": CONTACT.split("@", maxsplit=1)[0],
    "file name": FILE,
    "EXIF": EXIF,
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "address": ADDRESS,
    "password": PASSWORD,
    "user name": USERNAME,
    "key": KEY,
    "query": QUERY,
    "code": CODE,
    "code in one": CODE.replace(" ", ""),
}
NEVER_ANSWERED = {"address", "password", "key", "EXIF", "file name"}
"""Not even the page of the very form it was typed into repeats these."""
TYPED_AGAIN = re.compile(r"^/(tip|receipt(/.*)?|checked|console/.*)$")
"""Addresses of forms that come back with what was typed."""
SENT_BY = {
    "X-Forwarded-For": ADDRESS,
    "Forwarded": f"for={ADDRESS}",
    "X-Real-IP": ADDRESS,
    "User-Agent": QUERY,
    "Accept": "text/html",
}
RECEIPT = re.compile(r"(?:\d{4} ){3}\d{4}")


def picture() -> bytes:
    """A photo whose file says more than its picture."""
    exif = Image.Exif()
    exif[0x010E] = EXIF
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(buffer, "JPEG", exif=exif, comment=EXIF.encode())
    return buffer.getvalue()


TEXTS = {
    "description": NOTE,
    "place_text": PLACE,
    "contact": CONTACT,
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
}
NO_CONTACT = {name: text for name, text in TEXTS.items() if name != "contact"}


class Doors:
    """A real server, a client that keeps all answers, and every door that somebody can knock at."""

    def __init__(self, context: Context, make: Make, address: str) -> None:
        self.context, self.make = context, make
        self.key = make_key(context).key
        self.http = httpx.Client(base_url=address, headers=SENT_BY, timeout=20)
        self.answers: list[tuple[str, httpx.Response]] = []
        self.officer = make.officer(*Role, area="CN", password_hash=passwords.hash_new(PASSWORD))

    def knock(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self.http.request(method, path, **more)
        self.answers.append((path.split("?", maxsplit=1)[0], answer))
        return answer

    def photo(self, name: str = "photos", data: bytes | None = None) -> list[tuple[str, Any]]:
        return [(name, (FILE, data or picture(), "image/jpeg"))]

    def citizens(self) -> str:
        """The form, right and wrong; receipts; check a photo. Gives the receipt's address."""
        sent = self.knock("POST", "/tip", data=TEXTS, files=self.photo())
        assert sent.status_code == 303
        self.knock("POST", "/tip", data=TEXTS | {"latitude": f"{LATITUDE}x"}, files=self.photo())
        self.knock("POST", "/tip", data=TEXTS | {"description": NOTE * 2000}, files=self.photo())
        self.knock("POST", "/tip", data=TEXTS, files=self.photo(data=EXIF.encode()))
        self.knock("POST", "/tip", data=TEXTS | {NOTE: NOTE}, files=self.photo(PLACE))
        self.knock(
            "POST", "/tip", content=NOTE.encode(), headers={"Content-Type": f"multipart/form-data; {NOTE}"}
        )
        self.knock("POST", f"/tip?{QUERY}={NOTE}", headers={"Content-Type": PLACE})
        own = sent.headers["location"]
        self.knock("POST", f"{own}/messages", data={"text": NOTE})
        self.knock("POST", f"{own}/messages", data={"text": NOTE * 5000})
        self.knock("POST", f"{own}/photos", files=self.photo(data=EXIF.encode()))
        self.knock("POST", f"{own}/notices", data={"email": CONTACT, "kind": QUERY})
        self.knock("POST", "/receipt", data={"code": CODE})
        self.knock("POST", "/receipt", data={"code": NOTE})
        self.knock("GET", f"/receipt/{NOTE}")
        self.knock("POST", "/checked", files=self.photo())
        self.knock("POST", "/checked", files=self.photo(data=EXIF.encode()))
        self.knock("POST", "/proof", data={"proof": NOTE})
        self.knock("GET", f"/{PLACE}?{QUERY}={NOTE}")
        self.knock("GET", f"/areas/{PLACE}.json")
        return str(own)

    def programs(self) -> None:
        """API, Open311, batches and uploads in pieces, right and wrong."""
        right = bearing(self.key)
        wrong = bearing(KEY)
        for path, photo in (("/api/v1/tips", "photos"), ("/open311/v2/requests.json", "media")):
            fields = NO_CONTACT
            if photo == "media":
                fields = {"service_code": "child_in_need", "lat": LATITUDE, "long": LONGITUDE}
                fields |= {"api_key": self.key, "description": NOTE, "address_string": PLACE}
            self.knock("POST", path, headers=right, data=fields, files=self.photo(photo))
            self.knock(
                "POST",
                path,
                headers=wrong,
                data=fields | {"api_key": KEY} if photo == "media" else fields,
                files=self.photo(photo),
            )
            self.knock("POST", path, headers=right, data=fields | {"latitude": NOTE, "lat": NOTE})
            self.knock("POST", path, headers=right, json={"place_text": {NOTE: float(LATITUDE)}})
            self.knock("GET", f"{path}?{QUERY}={NOTE}&status={PLACE}&api_key={KEY}", headers=wrong)
        items = [
            {"idempotency_key": f"{NOTE}-{n}", "place_text": PLACE, "photos": ["one"], NOTE: n}
            for n in (1, 2)
        ]
        good = [{"idempotency_key": f"{NOTE}-9", "place_text": PLACE, "photos": ["one"]}]
        for tips in (good, good * 2, items, [NOTE], {"place_text": float("1")}):
            self.knock("POST", "/api/v1/tips/batch", headers=right, files=[
                ("tips", (None, str(tips).replace("'", '"'), None)), *self.photo("one")
            ])  # fmt: skip
        named = base64.b64encode(FILE.encode()).decode()
        tus = right | {"Tus-Resumable": "1.0.0", "Upload-Length": "4000"}
        for metadata in (
            f"filename {named}",
            f"filename {named},package {base64.b64encode(NOTE.encode()).decode()}",
            NOTE,
        ):
            self.knock("POST", "/api/v1/uploads", headers=tus | {"Upload-Metadata": metadata})
        self.knock("PATCH", f"/api/v1/uploads/{uuid4()}", headers=tus | {"Upload-Offset": NOTE}, content=b"x")
        self.knock("POST", "/api/v1/packages", headers=right, json={"place_text": PLACE, NOTE: NOTE})

    def console(self) -> None:
        """Signing in wrongly and rightly, and forms of the console, right and wrong."""
        own = {"Origin": str(self.http.base_url).rstrip("/")}
        for name, password in (
            (USERNAME, PASSWORD),
            (self.officer.username, PASSWORD + "x"),
            (NOTE * 500, PASSWORD),
        ):
            self.knock("POST", "/console/sign-in", data={"username": name, "password": password}, headers=own)
        with self.context.db.write() as session:
            token = sessions.start(session, self.officer)
        name = sessions.cookie_name(self.context.settings)
        self.http.cookies.set(name, token)
        sealed = self.context.keys.seal(CONTACT.encode())
        tip, record = self.make.tip(contact_sealed=sealed), self.make.record()
        with self.context.db.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
        for path, fields in (
            (f"/console/tips/{tip.id}/messages", {"text": NOTE}),
            (f"/console/tips/{tip.id}/messages", {"text": NOTE * 5000}),
            (f"/console/tips/{tip.id}/disposition", {"reason": NOTE, "disposition": PLACE}),
            (f"/console/tips/{tip.id}/lead", {"reason": NOTE}),
            (f"/console/tips/{tip.id}/transfer", {"reason": NOTE, "area": PLACE}),
            (f"/console/originals/ask/{photo.id}", {"reason": NOTE * 5}),
            (f"/console/originals/ask/{photo.id}", {"reason": NOTE}),
            (f"/console/contacts/{tip.id}/open", {"asked_by": CONTACT, "reason": NOTE * 5}),
            ("/console/records", {"name": NOTE, "number": PLACE}),
            (f"/console/records/{record.id}", {"name": NOTE, "number": PLACE}),
            ("/console/account/password", {"old": PASSWORD, "new": PASSWORD, "again": PASSWORD}),
            (f"/console/{PLACE}", {"reason": NOTE}),
        ):
            self.knock("POST", path, data=fields, headers=own)
            self.knock("POST", path, data=fields, headers={"Origin": f"https://{QUERY}.example"})
        self.knock("GET", f"/console/photos/{photo.id}/{NOTE}")
        self.knock("GET", f"/console/photos/{photo.id}/scene?face={NOTE}")
        self.knock("GET", f"/console/triage?{QUERY}={NOTE}&text={PLACE}")
        self.http.cookies.delete(name)

    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Faults whose own words quote what was sent."""
        said = f"{NOTE} {PLACE} {CONTACT} {LATITUDE} {CODE}"
        row = {"place_text": PLACE, "note": NOTE, "contact": CONTACT}

        def raising(error: Exception) -> Any:
            def fail(*_: object, **__: object) -> None:
                raise error

            return fail

        for error in (
            ValueError(said),
            OSError(28, said, FILE),
            OperationalError(f"INSERT {PLACE}", row, Exception(said)),
            IntegrityError(f"INSERT {PLACE}", row, Exception(said)),
            UnicodeEncodeError("utf-8", said, 0, 1, said),
            RecursionError(said),
        ):
            with monkeypatch.context() as patched:
                patched.setattr(intake, "web_tip", raising(error))
                patched.setattr(PhotoStore, "put", raising(error))
                patched.setattr(receipts, "read_code", raising(error))
                patched.setattr(queries, "get_visible", raising(error))
                patched.setattr(triage, "write", raising(error))
                self.knock("POST", "/tip", data=TEXTS, files=self.photo())
                self.knock("POST", "/receipt", data={"code": CODE})
                self.knock(
                    "POST", "/api/v1/tips", headers=bearing(self.key), data=NO_CONTACT, files=self.photo()
                )
        assert {500, 503} <= {answer.status_code for _, answer in self.answers}


@pytest.fixture
def doors(context: Context, make: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    """The application behind uvicorn, as `serve` runs it."""
    monkeypatch.setattr(receipts, "tries", receipts.Tries(1000, 1000))
    config = uvicorn.Config(
        create_app(context),
        port=0,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    opened = Doors(context, make, f"http://127.0.0.1:{port}")
    yield opened
    opened.http.close()
    server.should_exit = True
    running.join()


class Stumbles:
    """An examiner whose errors quote what they read."""

    def examine(self, data: bytes) -> None:
        """Fail in the words of the photo."""
        raise LookupError(f"{EXIF} {NOTE} {len(data)}")


def raw(address: str) -> None:
    """Requests that are none, with words in them."""
    host, port = address.removeprefix("http://").split(":")
    for line in (
        f"GET /{NOTE} HTTP/9.9\r\n\r\n",
        f"{NOTE}\r\n\r\n",
        f"POST /tip HTTP/1.1\r\nHost: x\r\nContent-Length: {NOTE}\r\n\r\n",
        f"POST /tip HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz{NOTE}\r\n",
        f"POST /tip HTTP/1.1\r\nHost: x\r\nContent-Type: {PLACE}\r\nContent-Length: 9999\r\n\r\n{PLACE}",
    ):
        with closing(socket.create_connection((host, int(port)), timeout=2)) as wire:
            wire.sendall(line.encode())
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(1 << 16):
                pass


def found(text: str) -> list[str]:
    """Names of the markers that stand in a text."""
    lower = text.lower()
    return [name for name, marker in MARKERS.items() if marker.lower() in lower]


class TestMarkers:
    def test_what_was_sent_is_in_no_log_no_strangers_answer_and_no_file_beyond_need(
        self,
        context: Context,
        doors: Doors,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Every door, every kind of failure, web and worker: logs hold codes and ids alone."""
        caplog.set_level(logging.DEBUG)
        for mine in ("httpx", "httpcore", "asyncio", "PIL"):  # What the test itself sends with and draws.
            caplog.set_level(logging.CRITICAL, mine)

        own = doors.citizens()
        code = RECEIPT.search(doors.knock("GET", own).text)
        assert code is not None
        doors.programs()
        doors.console()
        doors.broken(monkeypatch)
        raw(str(doors.http.base_url).rstrip("/"))
        worker = Worker(context, cast("Examiner", Stumbles()))
        worker.run_until_idle()
        said = capfd.readouterr()
        logs = said.out + said.err + caplog.text

        assert "job_failed" in logs
        assert "unhandled" in logs
        assert found(logs) == []
        assert code.group() not in logs
        assert code.group().replace(" ", "") not in logs
        assert own.rsplit("/", 1)[1] not in logs
        assert doors.key not in logs
        for path, answer in doors.answers:
            there = set(found(answer.text + str(answer.headers)))
            allowed = TYPED_AGAIN.match(path) is not None
            assert not (there & NEVER_ANSWERED if allowed else there), (path, answer.status_code, there)

        statuses = {answer.status_code for _, answer in doors.answers}
        assert statuses >= {200, 201, 303, 401, 403, 404, 422, 500, 503}
        self.look_at_what_is_kept(context)

    def look_at_what_is_kept(self, context: Context) -> None:
        """No address, password or code in any file; no words in the audit log and the queue."""
        with context.db.read() as session:
            events = " ".join(str((row.detail, row.subject_id)) for row in session.exec(select(AuditEvent)))
            jobs = " ".join(str((row.args, row.error)) for row in session.exec(select(Job)))
        kept = b"".join(
            path.read_bytes() for path in context.settings.data_dir.rglob("*") if path.is_file()
        ).decode("latin-1")

        rows = self.opened(context)

        assert found(events + jobs) == []
        assert NOTE in rows
        assert CONTACT in rows
        assert not set(found(rows)) & NEVER_ANSWERED
        assert not {"user name", "code", "code in one"} & set(found(rows))
        assert not set(found(kept)) - {"note", "place", "latitude", "longitude"}

    def opened(self, context: Context) -> str:
        """All rows of all tables, with what is sealed opened by the deployment's keys."""
        values: list[object] = []
        with context.db.read() as session:
            for table in tables.metadata.sorted_tables:
                for row in session.execute(table.select()).mappings():
                    for name, value in row.items():
                        values.append(value)
                        if isinstance(value, bytes):
                            values.append(value.decode("latin-1"))
                            if name.endswith("_sealed"):
                                values.append(context.keys.unseal(value).decode("latin-1"))
        return " ".join(str(value) for value in values)
