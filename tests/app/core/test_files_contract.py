"""What the photo store promises wherever the photos lie: one contract, a folder and a real S3 server."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.crypto import Keys, Unsealable, load_keys
from app.core.files import PhotoStore
from app.core.objects import FolderObjects, Objects
from app.core.s3 import PART_BYTES, S3Objects
from app.core.store_address import parse
from tests.servers import s3

OURS = "a" * 64


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    """A place of this test's own."""
    if request.param == "folder":
        yield FolderObjects(tmp_path / "photos")
    else:
        server = s3.shared()
        yield S3Objects(parse(server.url(f"c{secrets.token_hex(8)}")), server.secret_file)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Keys of a new deployment."""
    return load_keys(tmp_path / "keys" / "homeward.key", create=True)


class TestObjects:
    def test_what_was_written_is_read_back(self, objects: Objects) -> None:
        """Empty and odd bytes are bytes like any other."""
        for number, data in enumerate((b"", b"\0\xff\r\n", os.urandom(100_000))):
            objects.write(f"aa/{number}", data)
            assert objects.read(f"aa/{number}") == data

    def test_a_large_object_is_whole(self, objects: Objects) -> None:
        """What goes in several parts comes back as one."""
        data = os.urandom(2 * PART_BYTES + 17)

        objects.write("bb/large", data)

        assert hashlib.sha256(objects.read("bb/large")).digest() == hashlib.sha256(data).digest()
        assert [each.byte_count for each in objects.listed()] == [len(data)]

    @pytest.mark.parametrize("size", [10, PART_BYTES + 1])
    def test_nothing_is_overwritten(self, objects: Objects, size: int) -> None:
        """A name that was given twice costs nobody a photo."""
        first = os.urandom(size)
        objects.write("cc/one", first)

        with pytest.raises(FileExistsError):
            objects.write("cc/one", os.urandom(size))

        assert objects.read("cc/one") == first

    def test_what_is_not_there_is_said_to_be_missing(self, objects: Objects) -> None:
        """Whoever reads can tell erased from unreachable."""
        with pytest.raises(FileNotFoundError):
            objects.read("dd/none")

    def test_removing_may_be_repeated(self, objects: Objects) -> None:
        """A step that was stopped in the middle is done again."""
        objects.write("ee/one", b"1")
        objects.write("ee/two", b"2")

        objects.remove("ee/one")
        objects.remove("ee/one")

        assert [each.name for each in objects.listed()] == ["ee/two"]
        with pytest.raises(FileNotFoundError):
            objects.read("ee/one")

    def test_a_list_has_every_object_and_nothing_else(self, objects: Objects) -> None:
        """Doctor, sweep and move go by it."""
        objects.check(OURS)
        sizes = {f"{number % 7:02x}/{number:04d}": number for number in range(40)}
        for name, size in sizes.items():
            objects.write(name, b"x" * size)

        assert {each.name: each.byte_count for each in objects.listed()} == sizes

    def test_a_place_of_our_own_is_found_again(self, objects: Objects) -> None:
        """A second start, or a second process, is no stranger."""
        objects.check(OURS)
        objects.check(OURS)


class TestPhotoStore:
    def test_photos_lie_sealed_and_come_back(self, objects: Objects, keys: Keys) -> None:
        """Who has the bucket or the disk has no photo."""
        store = PhotoStore(objects, keys)
        plain = b"\xff\xd8\xff" + b"planted marker" * 1000

        stored = store.put(plain)

        assert store.get(stored.store_key, stored.sealed_key) == plain
        assert b"planted marker" not in objects.read(stored.store_key)
        assert b"planted marker" not in b"".join(objects.read(each.name) for each in objects.listed())

    @pytest.mark.parametrize("damage", ["altered", "cut", "grown", "empty"])
    def test_damaged_bytes_do_not_open(self, objects: Objects, keys: Keys, damage: str) -> None:
        """Whoever changes an original is noticed, and so is a store that loses a part of it."""
        store = PhotoStore(objects, keys)
        stored = store.put(b"photo" * 20_000)
        body = objects.read(stored.store_key)
        objects.remove(stored.store_key)
        broken = {
            "altered": body[:40] + bytes([body[40] ^ 1]) + body[41:],
            "cut": body[:-1000],
            "grown": body + b"x",
            "empty": b"",
        }[damage]
        objects.write(stored.store_key, broken)

        with pytest.raises(Unsealable):
            store.get(stored.store_key, stored.sealed_key)
