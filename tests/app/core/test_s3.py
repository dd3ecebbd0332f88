"""What the bucket promises when the line, the server, the keys or the place are not as they should be."""

import http.server
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core import s3 as client
from app.core.crypto import Unsealable, load_keys
from app.core.files import PhotoStore
from app.core.objects import StoreRefused, StoreTrouble, StoreUnreachable
from app.core.s3 import PART_BYTES, S3Objects
from app.core.settings import Settings
from app.core.store_address import parse
from tests.servers import s3
from tests.servers.wire import Wire

MARK = b"a photo that passes on the wire"


@pytest.fixture
def prefix() -> str:
    """A place of this test's own."""
    return f"s{secrets.token_hex(8)}"


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A line to the shared server."""
    with Wire(int(s3.shared().endpoint.rpartition(":")[2])) as line:
        yield line


def through(wire: Wire, prefix: str) -> S3Objects:
    """Objects behind a line."""
    return S3Objects(parse(s3.shared().url(prefix, endpoint=wire.endpoint)), s3.shared().secret_file)


def direct(prefix: str, bucket: str = s3.BUCKET) -> S3Objects:
    """The same objects without it."""
    return S3Objects(parse(s3.shared().url(prefix, bucket)), s3.shared().secret_file)


class TestLine:
    def test_a_line_that_breaks_is_tried_again(self, wire: Wire, prefix: str) -> None:
        """A short trouble costs nobody a tip."""
        wire.refuse = 2
        through(wire, prefix).write("aa/one", MARK)
        wire.refuse = 2

        assert through(wire, prefix).read("aa/one") == MARK

    def test_an_answer_that_was_lost_is_no_collision(self, wire: Wire, prefix: str) -> None:
        """The try whose answer nobody got has written it; the next one finds its own bytes."""
        objects = through(wire, prefix)
        wire.lose_answers = 1

        objects.write("aa/one", MARK)

        assert wire.lose_answers == 0
        assert direct(prefix).read("aa/one") == MARK

    @pytest.mark.parametrize("size", [0, PART_BYTES])
    def test_bytes_that_change_on_their_way_up_are_not_kept(self, wire: Wire, prefix: str, size: int) -> None:
        """The server holds what it gets against its SHA-256."""
        wire.up = lambda piece: piece.replace(MARK, MARK.upper())

        with pytest.raises(StoreTrouble):
            through(wire, prefix).write("aa/one", MARK + bytes(size))

        with pytest.raises(FileNotFoundError):
            direct(prefix).read("aa/one")

    def test_bytes_that_change_on_their_way_down_do_not_open(
        self, wire: Wire, prefix: str, tmp_path: Path
    ) -> None:
        """Whoever sits on the line shows an officer nothing of his own."""
        keys = load_keys(tmp_path / "key", create=True)
        stored = PhotoStore(direct(prefix), keys).put(MARK)
        sealed = direct(prefix).read(stored.store_key)
        wire.down = lambda piece: piece.replace(sealed[-10:], bytes(10))

        with pytest.raises(Unsealable):
            PhotoStore(through(wire, prefix), keys).get(stored.store_key, stored.sealed_key)

    def test_a_server_that_hangs_is_not_waited_for_without_end(
        self, prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever sends a tip gets an answer."""
        monkeypatch.setattr(client, "REQUEST_LIMIT", timedelta(seconds=0.3))
        monkeypatch.setattr(client, "SHORT_LIMIT", timedelta(seconds=0.3))
        monkeypatch.setattr(client, "RETRY_LIMIT", timedelta(seconds=0.5))
        objects = direct(prefix)
        s3.shared().pause()
        try:
            with pytest.raises(StoreUnreachable):
                objects.write("aa/one", MARK)
            with pytest.raises(StoreUnreachable):
                objects.read("aa/one")
            with pytest.raises(StoreUnreachable):
                list(objects.listed())
            with pytest.raises(StoreUnreachable):
                objects.remove("aa/one")
        finally:
            s3.shared().resume()

    def test_while_it_hangs_one_asks_and_the_others_are_told_at_once(
        self, prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A store that hangs does not take all threads of a web process with it."""
        objects = direct(prefix)
        objects.write("aa/one", MARK)
        asked, answered = threading.Semaphore(0), threading.Event()

        def hang(_name: str) -> bytes:
            asked.release()
            answered.wait(10)
            raise StoreUnreachable

        monkeypatch.setattr(objects, "_read", hang)
        answered.set()
        with pytest.raises(StoreUnreachable):
            objects.read("aa/one")
        while asked.acquire(blocking=False):
            pass
        answered.clear()

        def ask() -> None:
            with pytest.raises(StoreUnreachable):
                objects.read("aa/one")

        first = threading.Thread(target=ask)
        first.start()
        asked.acquire()
        try:
            for _ in range(3):
                with pytest.raises(StoreUnreachable):
                    objects.read("aa/one")
            assert not asked.acquire(blocking=False), "nobody else asked"
        finally:
            answered.set()
            first.join()
        monkeypatch.undo()

        assert objects.read("aa/one") == MARK
        assert objects.read("aa/one") == MARK


class TestPlace:
    def test_a_bucket_that_is_not_there_is_named(self, prefix: str) -> None:
        """A slip in the address is not taken for photos that were erased."""
        objects = direct(prefix, "another")

        for step in (
            lambda: objects.check("a"),
            lambda: objects.read("aa/one"),
            lambda: list(objects.listed()),
        ):
            with pytest.raises(StoreRefused, match="no bucket another"):
                step()

    def test_refused_keys_are_told_and_not_shown(self, prefix: str, tmp_path: Path) -> None:
        """Errors go to logs and screens; keys do not."""
        wrong = secret_file(tmp_path, f"{s3.ACCESS_KEY}\nanother-secret\n")
        objects = S3Objects(parse(s3.shared().url(prefix)), wrong)

        for step in (
            lambda: objects.check("a"),
            lambda: objects.write("aa/one", b"1"),
            lambda: list(objects.listed()),
            lambda: objects.remove("aa/one"),
        ):
            with pytest.raises(StoreRefused, match="refuses our keys") as refused:
                step()
            told = f"{refused.value!r} {refused.value.__cause__!r} {objects!r}"
            assert "another-secret" not in told

    def test_a_place_in_use_is_refused(self, prefix: str) -> None:
        """The sweep of one deployment would take the photos of the other for orphans."""
        direct(prefix).check("a" * 64)

        with pytest.raises(StoreRefused, match="in use by another deployment"):
            direct(prefix).check("b" * 64)

        direct(prefix).check("a" * 64)

    def test_a_store_that_overwrites_is_refused(self, tmp_path: Path) -> None:
        """Never overwritten is not ours to promise on such a store."""
        with careless_store() as endpoint, pytest.raises(StoreRefused, match="overwrites"):
            S3Objects(parse(f"s3://photos/p?endpoint={endpoint}"), secret_file(tmp_path, "a\nb\n")).check(
                "a" * 64
            )


class TestKeys:
    def test_a_file_that_others_may_read_is_refused(self, tmp_path: Path) -> None:
        """As the key file is."""
        path = secret_file(tmp_path, "a\nb\n")
        path.chmod(0o640)

        with pytest.raises(StoreRefused, match="may be read by others"):
            S3Objects(parse("s3://photos"), path)

    @pytest.mark.parametrize("text", ["", "one\n", "a\nb\nc\n"])
    def test_a_file_without_two_lines_is_refused(self, tmp_path: Path, text: str) -> None:
        """And what it holds is not shown."""
        with pytest.raises(StoreRefused, match="two lines") as refused:
            S3Objects(parse("s3://photos"), secret_file(tmp_path, text))
        assert "one" not in str(refused.value).split()

    def test_keys_of_the_environment_serve_as_well(
        self, prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where a service manager brings secrets so."""
        with pytest.raises(StoreRefused, match="SECRET_FILE"):
            S3Objects(parse(s3.shared().url(prefix)), None)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET_KEY)

        objects = S3Objects(parse(s3.shared().url(prefix)), None)
        objects.write("aa/one", b"1")

        assert objects.read("aa/one") == b"1"


class TestAddress:
    def test_an_address_is_read(self) -> None:
        """Endpoint and region may be left out."""
        found = parse("s3://photos/a/b/?endpoint=https://store.example.org/&region=cn-north-1")

        assert (found.bucket, found.prefix) == ("photos", "a/b")
        assert (found.endpoint, found.region) == ("https://store.example.org", "cn-north-1")
        assert parse("s3://photos").endpoint == ""

    @pytest.mark.parametrize(
        "typed",
        [
            "s3://",
            "https://store.example.org/photos",
            "s3://photos?endpoint=store.example.org",
            "s3://photos?endpoint=https://a:b@store.example.org",
            "s3://photos?secret=x",
            "s3://photos/a/../b",
            "s3://key:secret-word@photos",
        ],
    )
    def test_what_is_none_ends_the_start(self, typed: str) -> None:
        """A setting that is wrong is named and not repeated."""
        with pytest.raises(ValidationError) as refused:
            Settings(photo_store_url=typed)
        assert [error["loc"] for error in refused.value.errors()] == [("photo_store_url",)]


def secret_file(folder: Path, text: str) -> Path:
    """A file with keys, as its owner alone may read it."""
    path = folder / "bucket"
    path.write_text(text)
    path.chmod(0o600)
    return path


@contextmanager
def careless_store() -> Iterator[str]:
    """A server that takes every PUT, whatever lies there already."""
    kept: dict[str, bytes] = {}

    class Careless(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200)

        def do_GET(self) -> None:
            found = kept.get(self.path)
            self._answer(404 if found is None else 200, found or b"")

        def do_DELETE(self) -> None:
            kept.pop(self.path, None)
            self._answer(204)

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"x"')
            self.send_header("Last-Modified", "Tue, 24 Nov 2026 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
