"""Files in pieces: tus 1.0.0, sealed as they come, kept through cuts and kills, each channel's own."""

import asyncio
import base64
import contextlib
import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select
from starlette.requests import ClientDisconnect
from tusclient.client import TusClient

from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Unsealable
from app.core.errors import Conflict, Invalid, Refusal
from app.partners import keys, packages, pieces, signatures, tus, uploads
from app.partners.models import Upload, UploadPart
from app.tips.parts import LARGEST_PHOTO
from tests.app.partners.packing import PIECE, VERSION, Partner, metadata, new_key, photo, reading_key
from tests.conftest import Client, environment_of
from tests.stored import files, sealed_bytes

MIB = 2**20


@pytest.fixture
def partner(client: Client, context: Context) -> Partner:
    """A partner with a key."""
    return Partner(client, new_key(context))


def id_of(address: str) -> UUID:
    return UUID(address.rsplit("/", 1)[1])


def stored_bytes(context: Context) -> bytes:
    """Everything that lies in the deployment's folder and its photo store, raw."""
    folder = context.settings.data_dir
    raw = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return raw + sealed_bytes(context)


class TestProtocol:
    def test_a_file_in_pieces_comes_together(self, partner: Partner, context: Context) -> None:
        """Offsets say where to go on; the whole file has its digest."""
        package, data = partner.package(), photo(3 * MIB + 17)
        address = partner.upload(package, len(data))

        answers = [
            partner.patch(address, start, data[start : start + MIB + 5])
            for start in range(0, len(data), MIB + 5)
        ]

        assert [answer.status_code for answer in answers] == [204] * 4
        assert answers[-1].headers["Upload-Offset"] == str(len(data))
        assert uploads.whole(context, id_of(address)) == data
        (file,) = partner.read(package)["files"]
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert (file["received"], file["photo"]) == (len(data), True)

    def test_what_the_server_can_do(self, partner: Partner) -> None:
        """OPTIONS names version, extensions and the largest file, to clients that know no version too."""
        answer = partner.send("OPTIONS", "/uploads")

        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
        assert answer.headers["Tus-Extension"] == "creation,expiration,termination"
        assert answer.headers["Tus-Max-Size"] == str(LARGEST_PHOTO)

    def test_head_tells_where_to_go_on(self, partner: Partner) -> None:
        """Offset, length, expiry and the package; not the file name that the client sent."""
        package = partner.package()
        address = partner.upload(package, 100)
        partner.patch(address, 0, b"x" * 40)

        answer = partner.head(address)

        assert answer.status_code == 200
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("40", "100")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Upload-Expires"].endswith("GMT")
        assert answer.headers["Upload-Metadata"] == "package " + base64.b64encode(package.encode()).decode()

    def test_the_address_repeats_no_header(self, partner: Partner) -> None:
        """Location is a path: no Host and no forwarded name comes back."""
        sent = VERSION | {"Upload-Length": "9", "X-Forwarded-Host": "planted.test", "Host": "planted.test"}

        answer = partner.send("POST", "/uploads", sent | metadata(partner.package()))

        assert answer.headers["Location"].startswith("/api/v1/uploads/")
        assert "planted" not in str(answer.headers) + answer.text

    def test_termination_erases(self, partner: Partner, context: Context) -> None:
        """DELETE takes rows and bytes; afterwards there is nothing."""
        address = partner.upload(partner.package(), 100)
        partner.patch(address, 0, b"x" * 40)
        assert len(files(context)) == 1

        answer = partner.send("DELETE", address, VERSION)

        assert (answer.status_code, answer.headers["Tus-Resumable"]) == (204, "1.0.0")
        assert files(context) == []
        assert partner.head(address).status_code == 404
        assert partner.send("DELETE", address, VERSION).status_code == 404

    def test_other_methods_stand_in(self, partner: Partner) -> None:
        """X-HTTP-Method-Override on POST; anything else there is refused."""
        address = partner.upload(partner.package(), 10)
        patched = VERSION | PIECE | {"Upload-Offset": "0"}

        answers = [
            partner.send("POST", address, patched | {"X-HTTP-Method-Override": "PATCH"}, content=b"12345"),
            partner.send("POST", address, VERSION | {"X-HTTP-Method-Override": "PUT"}),
            partner.send("POST", address, VERSION),
            partner.send("POST", address, VERSION | {"X-HTTP-Method-Override": "DELETE"}),
        ]

        assert [answer.status_code for answer in answers] == [204, 405, 405, 204]
        assert answers[0].headers["Upload-Offset"] == "5"


class TestRefusals:
    @pytest.mark.parametrize("length", ["-1", "+1", "1.5", "1e3", "", "0x10", "9" * 400, "NaN"])
    def test_lengths_that_are_none(self, partner: Partner, length: str) -> None:
        """422, and nothing of it comes back."""
        package = partner.package()
        sent = VERSION | metadata(package)

        answer = partner.send("POST", "/uploads", sent | {"Upload-Length": length})

        assert (answer.status_code, answer.json()["field"]) == (422, "Upload-Length")
        assert "9999" not in answer.text

    def test_sizes(self, partner: Partner) -> None:
        """20 MiB is taken, one byte more and fifteen digits are not; an empty file is none."""
        package = partner.package()

        answers = [partner.begin(package, size) for size in (LARGEST_PHOTO, LARGEST_PHOTO + 1, 10**15 - 1, 0)]

        assert [answer.status_code for answer in answers] == [201, 413, 413, 422]

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "package",
            "package ====",
            "package !!!",
            "package " + base64.b64encode(b"no id").decode(),
            "package " + base64.b64encode(b"\xff\xfe").decode(),
            "a b c,,, ,package",
            "filename eA==",
            ",".join(["package MDE5MzFiN2UtNWM3ZS03YzFhLTlmNDItM2YyYzFkMGI5YTEw"] * 2),
            "package MDE5MzFiN2UtNWM3ZS03YzFhLTlmNDItM2YyYzFkMGI5YTEw," + "x" * 5000,
        ],
    )
    def test_metadata_that_names_no_package(self, partner: Partner, value: str | None) -> None:
        """422 with the rule in words."""
        sent = VERSION | {"Upload-Length": "5"} | ({} if value is None else {"Upload-Metadata": value})

        answer = partner.send("POST", "/uploads", sent)

        assert (answer.status_code, answer.json()["field"]) == (422, "package")
        assert answer.headers["Tus-Resumable"] == "1.0.0"

    @given(st.text(max_size=300))
    @settings(deadline=None, max_examples=200)
    def test_no_metadata_breaks_the_reader(self, value: str) -> None:
        """Whatever is written there, it names a package or is refused in a constant sentence."""
        with contextlib.suppress(Invalid):
            assert isinstance(tus.package_in(value), UUID)

    def test_wrong_offsets(self, partner: Partner, context: Context) -> None:
        """Behind, ahead, beyond and nonsense: nothing is kept."""
        address = partner.upload(partner.package(), 100)
        partner.patch(address, 0, b"x" * 40)

        answers = [partner.patch(address, start, b"y") for start in (0, 39, 41, 100, 10**14, "-1", "x", "")]

        assert [answer.status_code for answer in answers] == [409] * 5 + [422] * 3
        assert partner.head(address).headers["Upload-Offset"] == "40"
        assert len(files(context)) == 1

    def test_more_than_announced(self, partner: Partner, context: Context) -> None:
        """Refused before a byte is kept, whether the body's length was told or not."""
        address = partner.upload(partner.package(), 100)

        async def body() -> AsyncIterator[bytes]:
            yield b"x" * 60
            yield b"x" * 60

        told = partner.patch(address, 0, b"x" * 101)
        untold = partner.send("PATCH", address, VERSION | PIECE | {"Upload-Offset": "0"}, content=body())

        assert (told.status_code, untold.status_code) == (413, 413)
        assert partner.head(address).headers["Upload-Offset"] == "0"
        assert files(context) == []

    def test_version_and_kind(self, partner: Partner) -> None:
        """412 names the version that is spoken; a piece of another kind is 415."""
        package = partner.package()
        address = partner.upload(package, 10)

        none = partner.send("HEAD", address)
        other = partner.patch(address, 0, b"x", **{"Tus-Resumable": "0.2.2"})
        kind = partner.patch(address, 0, b"x", **{"Content-Type": "application/octet-stream"})

        assert (none.status_code, other.status_code, kind.status_code) == (412, 412, 415)
        assert other.headers["Tus-Version"] == "1.0.0"
        assert other.headers["content-type"] == "application/problem+json"
        assert partner.head(address).headers["Upload-Offset"] == "0"

    def test_foreign_channels_and_wrong_keys(
        self, partner: Partner, client: Client, context: Context
    ) -> None:
        """Another channel's upload is not there; a key that may not send is refused; no key, no byte."""
        package = partner.package()
        address = partner.upload(package, 10)
        other, reader = Partner(client, new_key(context, "Other")), Partner(client, reading_key(context))
        nobody = Partner(client, "hw1_none_none")

        for who, status in ((other, 404), (reader, 403), (nobody, 401)):
            answers = [
                who.head(address),
                who.patch(address, 0, b"x"),
                who.send("DELETE", address, VERSION),
                who.begin(package, 5),
            ]
            assert [answer.status_code for answer in answers] == [status] * 4

        assert partner.head("/uploads/no-id").status_code == 404
        assert partner.head(address).headers["Upload-Offset"] == "0"

    def test_expired_ones_are_gone(self, partner: Partner, context: Context) -> None:
        """After the hours that are promised: 404, and the sweep takes rows and bytes."""
        package = partner.package()
        address = partner.upload(package, 100)
        partner.patch(address, 0, b"x" * 40)
        later = now() + timedelta(hours=context.settings.upload_hours, minutes=1)

        with time_machine.travel(later, tick=False):
            answers = [partner.head(address), partner.patch(address, 40, b"x"), partner.begin(package, 5)]
            packages.sweep(context)

        assert [answer.status_code for answer in answers] == [404] * 3
        assert files(context) == []
        with context.db.read() as session:
            assert session.exec(select(Upload)).all() == []
            assert session.exec(select(UploadPart)).all() == []

    def test_a_channel_has_at_most_24_unfinished(self, partner: Partner) -> None:
        """The 25th waits until one is finished or removed."""
        filled = [partner.package() for _ in range(4)]
        addresses = [partner.upload(package, 5) for package in filled for _ in range(6)]
        package = partner.package()

        refused = partner.begin(package, 5)
        partner.send("DELETE", addresses[0], VERSION)

        assert refused.status_code == 409
        assert partner.begin(package, 5).status_code == 201

    def test_crumbs_end(self, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each piece costs a file; too many small ones are refused."""
        monkeypatch.setattr(pieces, "MOST_PIECES", 3)
        address = partner.upload(partner.package(), 100)

        answers = [partner.patch(address, start, b"x") for start in range(4)]

        assert [answer.status_code for answer in answers] == [204, 204, 204, 409]

    def test_a_full_disk_says_so(
        self, partner: Partner, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """503 with a time to come again, and the offset stays."""
        address = partner.upload(partner.package(), 100)

        def full(_plain: bytes) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(context.store, "put", full)
            answer = partner.patch(address, 0, b"x" * 50)

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert partner.head(address).headers["Upload-Offset"] == "0"
        assert partner.patch(address, 0, b"x" * 50).status_code == 204

    def test_what_is_no_photo_is_told(self, partner: Partner) -> None:
        """Its bytes are taken, the package names it, and the finish waits for it to be removed."""
        package = partner.package()
        partner.add(package)
        address = partner.upload(package, 5)
        partner.patch(address, 0, b"hello")

        finished = partner.finish(package)

        assert partner.read(package)["missing"] == ["photo"]
        assert (finished.status_code, finished.json()["code"]) == (415, "unsupported-photo")
        partner.send("DELETE", address, VERSION)
        assert partner.finish(package).status_code == 201


class TestDurability:
    def test_no_clear_byte_lies_on_disk(self, partner: Partner, context: Context) -> None:
        """Neither pieces, nor whole files, nor the package's words, nor a file name."""
        data = photo(2 * MIB)
        package = partner.package(description="planted-description-77")
        partner.add(package, data)
        address = partner.upload(package, len(data))
        partner.patch(address, 0, data[: MIB + 100])

        raw = stored_bytes(context)

        for start in (0, 1000, MIB // 2, MIB + 10):
            assert data[start : start + 24] not in raw
        for clear in (b"planted-description-77", b"secret-name", b"Metro exit A"):
            assert clear not in raw
        assert len(raw) > 3 * MIB

    def test_a_cut_connection_keeps_what_arrived(self, partner: Partner, context: Context) -> None:
        """All of it, not only whole pieces."""
        address = partner.upload(partner.package(), 3 * MIB)
        data = photo(3 * MIB)
        with context.db.read() as session:
            channel = session.get_one(Upload, id_of(address)).channel_id

        async def cut() -> AsyncIterator[bytes]:
            yield data[: MIB + 100_000]
            raise ClientDisconnect

        asyncio.run(pieces.receive(context, channel, id_of(address), 0, 3 * MIB, cut()))

        assert partner.head(address).headers["Upload-Offset"] == str(MIB + 100_000)
        assert uploads.whole(context, id_of(address)) == data[: MIB + 100_000]

    def test_of_two_pieces_for_one_place_one_wins(self, partner: Partner, context: Context) -> None:
        """Eight at once: one is kept, seven are told 409, no file is left over."""
        address = partner.upload(partner.package(), 16)
        with context.db.read() as session:
            channel = session.get_one(Upload, id_of(address)).channel_id
        results: list[object] = []
        ready = threading.Barrier(8)

        def send(number: int) -> None:
            async def body() -> AsyncIterator[bytes]:
                await asyncio.to_thread(ready.wait)
                yield bytes([number]) * 16

            try:
                results.append(asyncio.run(pieces.receive(context, channel, id_of(address), 0, None, body())))
            except Refusal as refusal:
                results.append(type(refusal))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert results.count(Conflict) == 7
        assert len(files(context)) == 1
        assert len(set(uploads.whole(context, id_of(address)))) == 1

    def test_killed_between_disk_and_row(
        self, partner: Partner, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The piece that lies there opens to nobody, and the upload goes on where its rows end."""
        address = partner.upload(partner.package(), 50)
        data = photo(MIB)[:50]

        class Killed(BaseException):
            pass

        def kill(*_arguments: object) -> None:
            raise Killed

        with context.db.read() as session:
            upload = session.get_one(Upload, id_of(address))
        with monkeypatch.context() as broken, pytest.raises(Killed):
            broken.setattr(uploads, "append", kill)
            pieces._keep_piece(context, upload, data)

        (orphan,) = files(context)
        assert data[:24] not in context.store.objects.read(orphan)
        with pytest.raises(Unsealable):
            context.store.get(orphan, context.keys.seal(bytes(32)))
        assert partner.head(address).headers["Upload-Offset"] == "0"
        assert partner.patch(address, 0, data).status_code == 204
        assert uploads.whole(context, id_of(address)) == data

    @given(st.lists(st.integers(1, 400), min_size=1, max_size=8))
    @settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_cut_gives_the_same_file(self, partner: Partner, context: Context, sizes: list[int]) -> None:
        """However a file is divided, its bytes and digest are those of the whole."""
        data = os.urandom(sum(sizes))
        package = partner.package()
        address = partner.upload(package, len(data))

        start = 0
        for size in sizes:
            assert partner.patch(address, start, data[start : start + size]).status_code == 204
            start += size

        assert uploads.whole(context, id_of(address)) == data
        with context.db.read() as session:
            assert session.get_one(Upload, id_of(address)).sha256 == hashlib.sha256(data).hexdigest()
        partner.send("DELETE", f"/packages/{package}")


class TestSignedKeys:
    def test_each_piece_is_signed(self, client: Client, context: Context) -> None:
        """A signed piece is taken as it came; one without its signature, or with other bytes, is not."""
        with context.db.write() as session:
            made = keys.make_key(session, context.keys, keys.add_channel(session, "Signed"), signed=True)
        assert made.signing_secret is not None
        secret, partner = made.signing_secret, Partner(client, made.key)

        def signed(method: str, path: str, body: bytes = b"") -> dict[str, str]:
            stamp = int(now().timestamp())
            sign = signatures.sign(secret, stamp, method, path, body)
            return {signatures.SIGNATURE: sign, signatures.TIMESTAMP: str(stamp)}

        place = b'{"place_text": "Metro exit A"}'
        opened = partner.send(
            "POST",
            "/packages",
            signed("POST", "/api/v1/packages", place) | {"Content-Type": "application/json"},
            content=place,
        )
        package, data = opened.json()["id"], photo(MIB + 3)
        begun = partner.send(
            "POST",
            "/uploads",
            signed("POST", "/api/v1/uploads")
            | VERSION
            | {"Upload-Length": str(len(data))}
            | metadata(package),
        )
        address = begun.headers["Location"]

        unsigned = partner.patch(address, 0, data)
        other = partner.patch(address, 0, data, **signed("PATCH", address, data[:-1]))
        good = partner.patch(address, 0, data, **signed("PATCH", address, data))

        assert [answer.status_code for answer in (unsigned, other, good)] == [401, 401, 204]
        assert uploads.whole(context, id_of(address)) == data


class Served:
    """The real server as a process of its own, on a port of loopback; it can be killed and started again."""

    def __init__(self, context: Context) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._settings = context.settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where uploads begin."""
        return f"http://127.0.0.1:{self.port}/api/v1/uploads"

    def start(self) -> None:
        """Start it and wait until it listens."""
        environment = os.environ | {
            **environment_of(self._settings),
            "HOMEWARD_PORT": str(self.port),
            "HOMEWARD_SECURE_COOKIES": "false",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            assert self._process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def served(context: Context) -> Iterator[Served]:
    """The running server."""
    server = Served(context)
    server.start()
    yield server
    server.kill()


class TestIndependentClient:
    def test_tuspy_resumes_after_a_kill(self, served: Served, context: Context, partner: Partner) -> None:
        """Chunks from another project's client, a server that dies, a new process, the same file."""
        package, data = partner.package(), photo(3 * MIB + 5)
        tus_client = TusClient(served.address, headers=partner.headers)
        first = tus_client.uploader(
            file_stream=io.BytesIO(data), chunk_size=MIB + 7, metadata={"package": package, "filename": "x"}
        )
        first.upload_chunk()  # type: ignore[no-untyped-call]
        served.kill()
        served.start()

        second = tus_client.uploader(file_stream=io.BytesIO(data), chunk_size=MIB, url=first.url)
        resumed_at = second.offset
        second.upload()

        assert resumed_at == MIB + 7
        assert uploads.whole(context, id_of(str(first.url))) == data
        assert partner.read(package)["missing"] == []
        assert partner.finish(package).status_code == 201

    def test_tuspy_resumes_after_a_cut(self, served: Served, context: Context, partner: Partner) -> None:
        """A connection closed in the middle of a body keeps its bytes; the client goes on from there."""
        package, data = partner.package(), photo(2 * MIB)
        address = partner.upload(package, len(data))
        head = (
            f"PATCH {address} HTTP/1.1\r\nHost: x\r\nAuthorization: {partner.headers['Authorization']}\r\n"
            "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", served.port)) as line:
            line.sendall(head.encode() + data[: MIB + MIB // 2])
        while int(partner.head(address).headers["Upload-Offset"]) < MIB + MIB // 2:
            time.sleep(0.05)

        url = f"http://127.0.0.1:{served.port}{address}"
        uploader = TusClient(served.address, headers=partner.headers).uploader(
            file_stream=io.BytesIO(data), chunk_size=MIB, url=url
        )
        uploader.upload()

        assert uploads.whole(context, id_of(address)) == data
