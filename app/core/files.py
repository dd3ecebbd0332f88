"""The photo store: sealed, fsynced files.

A file is written beside its place, fsynced, renamed and its folder fsynced before `put` returns, so a row
that names it is never committed before the bytes are safe. Each file has a key of its own, sealed to the
deployment's public key and kept in the row: without the row or without the private key it opens to nobody.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from nacl.bindings import crypto_secretstream_xchacha20poly1305_keygen

from app.core.crypto import Keys, open_bytes, seal_bytes


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
    """Files of one deployment under one folder."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self._folder = folder
        self._keys = keys
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, plain: bytes) -> StoredFile:
        """Seal and store bytes durably.

        Raises:
            OSError: the disk is full or failing; nothing is left behind under a final name.
        """
        key = crypto_secretstream_xchacha20poly1305_keygen()
        name = secrets.token_hex(16)
        store_key = f"{name[:2]}/{name}"
        target = self._folder / store_key
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            _sync_folder(self._folder)
        part = target.with_suffix(".part")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(seal_bytes(plain, key))
                file.flush()
                os.fsync(file.fileno())
            part.rename(target)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        return StoredFile(store_key, self._keys.seal(key), hashlib.sha256(plain).hexdigest(), len(plain))

    def get(self, store_key: str, sealed_key: bytes) -> bytes:
        """Read and open stored bytes.

        Raises:
            FileNotFoundError: the store has no such file.
            Unsealable: the file or its key was altered.
        """
        return open_bytes((self._folder / store_key).read_bytes(), self._keys.unseal(sealed_key))

    def delete(self, store_key: str) -> None:
        """Remove a file; one that is gone already is no error, since a step may be repeated."""
        (self._folder / store_key).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
