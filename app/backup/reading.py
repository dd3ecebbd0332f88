"""Reading a backup: checking it, and putting it into an empty place.

Everything is laid beside its place and moved there only when all digests, the database and the links of the
audit chain were found whole; a restore that is killed leaves nothing that looks like a deployment.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyrage
from pyrage import x25519

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.backup.writing import FORM, KEY_FILE, LOG, MANIFEST, PHOTOS, PIECE, SNAPSHOT
from app.core.context import open_context
from app.core.errors import Conflict, Invalid
from app.core.settings import Settings

DAMAGED = "The backup is damaged, cut short, or was not made by Homeward."


@dataclass(frozen=True)
class Found:
    """What a backup holds.

    Attributes:
        made_at: when, ISO 8601.
        files: sealed files.
        rows: rows of the audit log.
        erased: files that had been erased while it was written.
    """

    made_at: str
    files: int
    rows: int
    erased: int


def identity_of(path: Path) -> x25519.Identity:
    """The secret key of a file, as `homeward backup keygen` or `age-keygen` writes it.

    Raises:
        Invalid: it holds none.
    """
    lines = [line.strip() for line in path.read_text().splitlines()]
    try:
        return x25519.Identity.from_str(next(line for line in lines if line and not line.startswith("#")))
    except (pyrage.IdentityError, StopIteration) as error:
        raise Invalid("This file holds no age secret key (AGE-SECRET-KEY-...).") from error


def verify(archive: Path, identity: x25519.Identity, beside: Path) -> Found:
    """Read a backup from end to end and throw it away again.

    Args:
        archive: the backup.
        identity: opens it.
        beside: folder with room for the database.

    Raises:
        Invalid: it is damaged or sealed to somebody else.
    """
    folder = beside / f"verify-{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        return _check(folder, _unpack(archive, identity, folder, photos=False))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restore(archive: Path, identity: x25519.Identity, settings: Settings) -> Found:
    """Put a backup into the empty place that the settings name, and bring it to this version's schema.

    Args:
        archive: the backup.
        identity: opens it.
        settings: where data folder and key file shall lie.

    Returns:
        What was restored.

    Raises:
        Conflict: there is something in the data folder already.
        Invalid: the backup is damaged or sealed to somebody else, or its key file is missing.
        SchemaTooNew: a later version wrote it.
    """
    target = settings.data_dir
    if target.exists() and any(target.iterdir()):
        raise Conflict("The data folder is not empty. Restore into an empty place, then look, then move it.")
    part = target.with_name(f"{target.name}.{os.getpid()}.restoring")
    part.mkdir(parents=True, mode=0o700)
    try:
        found = _check(part, _unpack(archive, identity, part, photos=True))
        _take_key(part, settings.key_file)
        if target.exists():
            target.rmdir()
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    context = open_context(settings)
    with context.db.write() as session:
        audit.record(session, SYSTEM, Action.BACKUP_RESTORED, "backup", archive.name, made=found.made_at)
    context.close()
    return found


def _take_key(part: Path, key_file: Path) -> None:
    """Use the key file that is there, else the backup's own, which never stays with the data."""
    brought = part / KEY_FILE
    if not key_file.exists():
        if not brought.exists():
            raise Invalid("The key file is missing, and this backup holds none. Put it in its place first.")
        key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(brought.read_bytes())
            file.flush()
            os.fsync(file.fileno())
    brought.unlink(missing_ok=True)


def _unpack(archive: Path, identity: x25519.Identity, into: Path, *, photos: bool) -> dict[str, Any]:
    """Unpack, digesting all of it; photos are laid down only when asked for.

    Returns:
        The manifest.
    """
    digests: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with _opened(archive, identity) as stream, tarfile.open(fileobj=stream, mode="r|") as parts:
            for part in parts:
                name, file = part.name, parts.extractfile(part)
                if file is None or not _is_ours(name):
                    raise Invalid(DAMAGED)
                if name == MANIFEST:
                    manifest = json.loads(file.read())
                    continue
                keep = photos or not name.startswith(f"{PHOTOS}/")
                digests[name] = _lay_down(file, into / name if keep else None)
    except (tarfile.TarError, pyrage.DecryptError, ValueError, OSError, EOFError) as error:
        raise Invalid(DAMAGED) from error
    if manifest is None or manifest.get("form") != FORM or manifest.get("parts") != digests:
        raise Invalid(DAMAGED)
    return manifest


def _is_ours(name: str) -> bool:
    """Whether a part is one that a backup has: nothing is ever laid down elsewhere."""
    steps = Path(name).parts
    if ".." in steps or name.startswith("/"):
        return False
    return name in (SNAPSHOT, MANIFEST, KEY_FILE) or (
        (steps[0], len(steps)) in ((PHOTOS, 3), (LOG, 2))  # photos/ab/abcd..., audit/checkpoints.jsonl
    )


def _lay_down(file: IO[bytes], path: Path | None) -> str:
    digest = hashlib.sha256()
    out: IO[bytes] | None = None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        while piece := file.read(PIECE):
            digest.update(piece)
            if out is not None:
                out.write(piece)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out is not None:
            out.close()
    return digest.hexdigest()


def _check(folder: Path, manifest: dict[str, Any]) -> Found:
    """Ask the database itself whether it is whole, and hold the audit chain's links together."""
    with sqlite3.connect(folder / SNAPSHOT) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise Invalid(DAMAGED)
        broken = database.execute(
            "SELECT 1 FROM audit_event AS one JOIN audit_event AS two ON two.seq = one.seq + 1 "
            "WHERE two.previous_hash <> one.hash LIMIT 1"
        ).fetchone()
        rows = int(database.execute("SELECT count(*) FROM audit_event").fetchone()[0])
    database.close()
    if broken is not None:
        raise Invalid("The audit log of this backup is broken.")
    files = sum(name.startswith(f"{PHOTOS}/") for name in manifest["parts"])
    return Found(str(manifest["at"]), files, rows, len(manifest["erased_meanwhile"]))


@contextmanager
def _opened(archive: Path, identity: x25519.Identity) -> Iterator[IO[bytes]]:
    """The plain stream of a sealed file, through a pipe.

    Raises:
        pyrage.DecryptError: it is sealed to somebody else, damaged or cut short.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def unseal() -> None:
        with archive.open("rb") as sealed, os.fdopen(writing, "wb") as plain:
            try:
                pyrage.decrypt_io(sealed, plain, [identity])
            except BrokenPipeError:
                return  # whoever reads gave up, and says why
            except BaseException as error:  # noqa: BLE001 - raised anew below, in the caller's thread
                failures.append(error)

    opener = threading.Thread(target=unseal)
    opener.start()
    try:
        with os.fdopen(reading, "rb") as stream:
            yield stream
            while stream.read(PIECE):
                pass  # so that a tail that does not open is noticed
    finally:
        opener.join()
        if failures:
            raise Invalid(DAMAGED) from failures[0]
