"""The photo store: sealed and durable before it is named."""

import hashlib
import os
from pathlib import Path

import pytest

from app.core.context import Context
from app.core.crypto import Unsealable
from app.core.files import PhotoStore
from app.core.objects import FolderObjects


class TestPhotoStore:
    def test_bytes_come_back_and_lie_sealed(self, context: Context, tmp_path: Path) -> None:
        """Nobody reads a photo from the disk."""
        plain = b"\xff\xd8\xff" + b"planted marker" * 1000

        stored = context.store.put(plain)

        assert context.store.get(stored.store_key, stored.sealed_key) == plain
        assert stored.sha256 == hashlib.sha256(plain).hexdigest()
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or b"planted marker" not in file.read_bytes()

    @pytest.mark.folder
    def test_file_and_folder_are_synced_before_put_returns(
        self, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An answer sent after `put` survives a power cut."""
        synced: list[str] = []
        real = os.fsync

        def watch(handle: int) -> None:
            synced.append("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file")
            real(handle)

        monkeypatch.setattr(os, "fsync", watch)

        context.store.put(b"photo")

        assert synced[-2:] == ["file", "folder"]

    def test_a_failing_disk_leaves_nothing_under_a_final_name(
        self, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A half-written photo never looks like a whole one."""
        store = PhotoStore(FolderObjects(tmp_path / "photos"), context.keys)

        def fail(_handle: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)

        with pytest.raises(OSError, match="Input/output"):
            store.put(b"photo")

        assert [path for path in (tmp_path / "photos").rglob("*") if path.is_file()] == []

    @pytest.mark.folder
    def test_an_altered_file_does_not_open(self, context: Context) -> None:
        """A changed original is noticed."""
        stored = context.store.put(b"photo" * 100)
        path = context.settings.data_dir / "photos" / stored.store_key
        body = bytearray(path.read_bytes())
        body[40] ^= 1
        path.write_bytes(body)

        with pytest.raises(Unsealable):
            context.store.get(stored.store_key, stored.sealed_key)
