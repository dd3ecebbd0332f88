"""Writing a backup: the database first, then every file that it names, streamed into one sealed file.

The snapshot comes first because a row is never committed before its file is durable: what the snapshot names
lies there. A file that is gone meanwhile was erased, which wins over the backup; its name is noted.

Photos in a bucket go into the backup like those in a folder, unless the bucket keeps copies itself.
"""

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyrage
import rfc8785
from pyrage import x25519

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.backup import copying
from app.core.clock import now
from app.core.context import Context
from app.core.db import Database
from app.core.errors import Invalid, Refusal
from app.core.migrate import migrate
from app.core.objects import PHOTOS, sync_folder
from app.tables import metadata

SNAPSHOT, MANIFEST, KEY_FILE, LOG = "homeward.sqlite", "manifest.json", "homeward.key", "audit"
PIECE = 1 << 20
PAGES_AT_A_TIME = 1000
"""Database pages copied in one step; writers get their turn between two."""
FORM, FORM_WITHOUT_PHOTOS = 2, 3
"""Of the manifest. A backup without photos is refused by versions that would take it for a whole one."""


@dataclass(frozen=True)
class Written:
    """What a backup holds.

    Attributes:
        path: the file.
        byte_count: its size.
        files: sealed files in it.
        erased: names of files that were erased between the snapshot and their turn.
    """

    path: Path
    byte_count: int
    files: int
    erased: int


def recipients_of(typed: str) -> list[x25519.Recipient]:
    """Public keys that a backup is sealed to.

    Raises:
        Invalid: there is none, or one is no age key.
    """
    keys = [part.strip() for part in typed.split(",") if part.strip()]
    if not keys:
        raise Invalid(
            "Name whom the backup is sealed to: HOMEWARD_BACKUP_RECIPIENTS. "
            "`homeward backup keygen` makes a key."
        )
    try:
        return [x25519.Recipient.from_str(key) for key in keys]
    except pyrage.RecipientError as error:
        raise Invalid("A recipient of backups is no age public key (age1...).") from error


def write(context: Context, target: Path, *, with_keys: bool = False, with_photos: bool = True) -> Written:
    """Write a backup while the deployment runs.

    Args:
        context: the open deployment.
        target: the file to make; it appears whole or not at all.
        with_keys: whether the deployment's key file goes in as well.
        with_photos: whether photos go in; not, when their bucket keeps old versions and copies itself.

    Returns:
        What was written.

    Raises:
        Invalid: no recipients, the file is there already, or photos of a folder were to be left out.
        OSError: the disk is full or failing; nothing is left under the final name.
    """
    recipients = recipients_of(context.settings.backup_recipients)
    if with_keys and context.settings.key_command:
        raise Invalid("The keys lie in a key service, not in a file. Back them up there.")
    if not with_photos and not context.settings.photo_store_url:
        raise Invalid("The photos lie in the data folder, where nothing else keeps a copy: they go in.")
    if target.exists():
        raise Invalid("There is a file of this name already. Nothing was overwritten.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with tempfile.TemporaryDirectory(dir=context.settings.data_dir, prefix="snapshot-") as folder:
            snapshot = Path(folder) / SNAPSHOT
            take_snapshot(context, snapshot)
            with part.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                with _sealing(file, recipients) as stream:
                    files, erased = _pack(
                        context, snapshot, stream, with_keys=with_keys, with_photos=with_photos
                    )
                file.flush()
                os.fsync(file.fileno())
        with context.db.write() as session:  # first, so that there is no backup that the log does not know
            audit.record(
                session, SYSTEM, Action.BACKUP_MADE, "backup", target.name, files=files, erased=erased
            )
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    return Written(target, target.stat().st_size, files, erased)


def take_snapshot(context: Context, into: Path) -> None:
    """Copy the database as of one moment, while others write to it, into a file for SQLite."""
    into.touch(mode=0o600)
    if context.db.engine.dialect.name == "sqlite":
        database = Path(context.db.engine.url.database or "").absolute()
        with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as source:
            copy = sqlite3.connect(into)
            try:
                source.backup(copy, pages=PAGES_AT_A_TIME)
            finally:
                copy.close()
        source.close()
    else:
        target = Database(f"sqlite:///{into}")
        try:
            migrate(target.engine)
            with context.db.read() as old, target.write() as new:
                copying.copy(old.connection(), new.connection())
        finally:
            target.close()
    with sqlite3.connect(into) as copied:
        copied.execute("PRAGMA journal_mode = delete")
    copied.close()


def named_files(snapshot: Path) -> list[str]:
    """Store keys of all files that a database names, in order."""
    names: set[str] = set()
    with sqlite3.connect(snapshot) as database:
        for table in metadata.sorted_tables:
            if "store_key" in table.columns:
                found = database.execute(f"SELECT store_key FROM {table.name}")  # noqa: S608 - our own name
                names.update(key for (key,) in found if key)
    database.close()
    return sorted(names)


def _pack(
    context: Context, snapshot: Path, stream: IO[bytes], *, with_keys: bool, with_photos: bool
) -> tuple[int, int]:
    """Write all parts and, last, what they are: a cut archive has no manifest."""
    digests: dict[str, str] = {}
    erased: list[str] = []
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        digests[SNAPSHOT] = _add(archive, SNAPSHOT, snapshot)
        for key in named_files(snapshot) if with_photos else ():
            try:
                sealed = context.store.objects.read(key)
            except FileNotFoundError:
                erased.append(key)
            else:
                _add_bytes(archive, f"{PHOTOS}/{key}", sealed)
                digests[f"{PHOTOS}/{key}"] = hashlib.sha256(sealed).hexdigest()
        files = len(digests) - 1
        log = context.settings.data_dir / LOG
        for path in sorted(log.glob("*")) if log.exists() else []:
            digests[f"{LOG}/{path.name}"] = _add(archive, f"{LOG}/{path.name}", path)
        if with_keys:
            digests[KEY_FILE] = _add(archive, KEY_FILE, context.settings.key_file)
        manifest: dict[str, Any] = {
            "form": FORM if with_photos else FORM_WITHOUT_PHOTOS,
            "at": now().isoformat(),
            "parts": digests,
            "erased_meanwhile": erased,
        }
        signature = context.keys.signing.sign(rfc8785.dumps(manifest)).signature
        manifest["signature"] = signature.hex()
        _add_bytes(archive, MANIFEST, json.dumps(manifest).encode())
    return files, len(erased)


def _add(archive: tarfile.TarFile, name: str, path: Path) -> str:
    """Add a file as it is now and give its digest; one that grows meanwhile is cut at what it was."""
    with path.open("rb") as file:
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
        reading = _Digesting(file)
        archive.addfile(info, reading)
        return reading.digest.hexdigest()


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    archive.addfile(info, io.BytesIO(data))


class _Digesting:
    """A file that is digested while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read some bytes."""
        piece = self._file.read(size)
        self.digest.update(piece)
        return piece


@contextmanager
def _sealing(file: IO[bytes], recipients: Sequence[x25519.Recipient]) -> Iterator[IO[bytes]]:
    """A stream that is sealed on its way into a file; it goes through a pipe, so memory stays small."""
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def seal() -> None:
        with os.fdopen(reading, "rb") as plain:
            try:
                pyrage.encrypt_io(plain, file, list(recipients))
            except BaseException as error:  # noqa: BLE001 - raised anew below, in the caller's thread
                failures.append(error)

    sealer = threading.Thread(target=seal)
    sealer.start()
    try:
        with os.fdopen(writing, "wb") as stream:
            yield stream
    except BrokenPipeError:
        if not failures:
            raise
    finally:
        sealer.join()
    if failures:
        raise Refusal("The backup could not be written.") from failures[0]
