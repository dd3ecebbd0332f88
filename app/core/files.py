"""The photo store, and files that lines are appended to.

`put` returns once the bytes are durable, so a row that names them is never committed before they are safe.
Each file has a key of its own, sealed to the deployment's public key and kept in the row: without the row or
without the private key it opens to nobody.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nacl.bindings import crypto_secretstream_xchacha20poly1305_keygen

from app.core.crypto import Keys, open_bytes, seal_bytes
from app.core.objects import Objects, sync_folder

LONGEST_LINE = 64 * 1024
"""Bytes of a line that is appended, at the most."""


@dataclass(frozen=True)
class StoredFile:
    """Where sealed bytes lie and what they are.

    Attributes:
        store_key: name within the store.
        sealed_key: the file's own key, sealed to the deployment's public key.
        sha256: hex digest of the plain bytes.
        byte_count: plain bytes.
    """

    store_key: str
    sealed_key: bytes
    sha256: str
    byte_count: int


class PhotoStore:
    """Photos of one deployment, sealed, in a folder or a bucket."""

    def __init__(self, objects: Objects, keys: Keys) -> None:
        self.objects = objects
        self._keys = keys

    def check(self) -> None:
        """Make sure that the place is there and is this deployment's.

        Raises:
            StoreTrouble: it is not, or does not answer.
        """
        self.objects.check(hashlib.sha256(bytes(self._keys.signing.verify_key)).hexdigest())

    def put(self, plain: bytes) -> StoredFile:
        """Seal and store bytes durably.

        Raises:
            OSError: the disk is full or failing, or the store does not answer; nothing is left behind under a
                final name.
        """
        key = crypto_secretstream_xchacha20poly1305_keygen()
        name = secrets.token_hex(16)
        store_key = f"{name[:2]}/{name}"
        self.objects.write(store_key, seal_bytes(plain, key))
        return StoredFile(store_key, self._keys.seal(key), hashlib.sha256(plain).hexdigest(), len(plain))

    def get(self, store_key: str, sealed_key: bytes) -> bytes:
        """Read and open stored bytes.

        Raises:
            FileNotFoundError: the store has no such file.
            Unsealable: the file or its key was altered.
            OSError: it cannot be read just now.
        """
        return open_bytes(self.objects.read(store_key), self._keys.unseal(sealed_key))

    def delete(self, store_key: str) -> None:
        """Remove a file; one that is gone already is no error, since a step may be repeated.

        Raises:
            OSError: it cannot be removed just now.
        """
        self.objects.remove(store_key)


def whole_lines(path: Path) -> list[str]:
    """The lines of a file that `append_lines` writes; one that a power cut tore is none.

    Returns:
        Lines without their ends; none if there is no file.
    """
    if not path.exists():
        return []
    return path.read_bytes().decode(errors="replace").split("\n")[:-1]


def last_line(path: Path) -> str | None:
    """The last whole line of such a file, without reading all of it; None if there is none."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        end = _end_of_whole_lines(file)
        file.seek(max(0, end - LONGEST_LINE))
        lines = file.read(min(end, LONGEST_LINE)).decode(errors="replace").split("\n")
    return lines[-2] if end else None


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """Append lines durably; the rest of a line that a power cut tore goes first.

    Raises:
        OSError: the disk is full or failing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a+b") as file:
        file.truncate(_end_of_whole_lines(file))
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def _end_of_whole_lines(file: BinaryIO) -> int:
    """Bytes up to the last line end, looked for in the file's tail."""
    size = file.seek(0, os.SEEK_END)
    begin = max(0, size - LONGEST_LINE)
    file.seek(begin)
    found = file.read().rfind(b"\n")
    return begin + found + 1 if found >= 0 else 0
