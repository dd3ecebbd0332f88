"""Reading a backup: checking it, and putting it into an empty place.

Everything is laid beside its place and moved there only when all digests, the database and the links of the
audit chain were found whole; a restore that is killed leaves nothing that looks like a deployment.
"""

import hashlib
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pyrage
import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from pyrage import x25519
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.backup import copying
from app.backup.writing import (
    FORM,
    FORM_WITHOUT_PHOTOS,
    KEY_FILE,
    LOG,
    MANIFEST,
    PIECE,
    SNAPSHOT,
    named_files,
)
from app.core.context import holder_of, open_context
from app.core.crypto import Keys, Unsealable, load_keys
from app.core.db import Database
from app.core.errors import Conflict, Invalid
from app.core.files import PhotoStore
from app.core.migrate import check_known, migrate
from app.core.objects import PHOTOS, FolderObjects, Objects, open_objects, sync_folder
from app.core.settings import Settings
from app.photos.erasing import ERASED
from app.photos.models import Photo

DAMAGED = "The backup is damaged, cut short, or was not made by Homeward."


@dataclass(frozen=True)
class Found:
    """What a backup holds.

    Attributes:
        made_at: when, ISO 8601.
        files: sealed files.
        rows: rows of the audit log.
        erased: files that had been erased while it was written.
        missing: files that its database names, that are not in it, and that the photo store does not have.
    """

    made_at: str
    files: int
    rows: int
    erased: int
    missing: int = 0


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


def verify(archive: Path, identity: x25519.Identity, settings: Settings, signer: str = "") -> Found:
    """Read a backup from end to end and throw it away again.

    Args:
        archive: the backup.
        identity: opens it.
        settings: a data folder with room for the database, and the key file that made the backup.
        signer: public key that has to have signed it, as hex; "" takes the key file's.

    Raises:
        Invalid: it is damaged, sealed to somebody else or made by somebody else.
        SchemaTooNew: a later version wrote it.
    """
    folder = settings.data_dir / f"verify-{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        manifest = _unpack(archive, identity, folder, photos=False)
        return _check(folder, manifest, settings, signer)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restore(archive: Path, identity: x25519.Identity, settings: Settings, signer: str = "") -> Found:
    """Put a backup into the empty place that the settings name, and bring it to this version's schema.

    Args:
        archive: the backup.
        identity: opens it.
        settings: where data folder and key file shall lie.
        signer: public key that has to have signed it, as hex; "" takes the key file's.

    Returns:
        What was restored.

    Raises:
        Conflict: there is something in the data folder already.
        Invalid: it is damaged, sealed to or made by somebody else, or the key file is missing or another one;
            or there are rows in the server's database that the settings name.
        StoreTrouble: the bucket that the settings name does not answer or is not ours.
        SchemaTooNew: a later version wrote it.
    """
    target = settings.data_dir
    if target.exists() and any(target.iterdir()):
        raise Conflict("The data folder is not empty. Restore into an empty place, then look, then move it.")
    part = target.with_name(f"{target.name}.{os.getpid()}.restoring")
    part.mkdir(parents=True, mode=0o700)
    try:
        manifest = _unpack(archive, identity, part, photos=True)
        found = _check(part, manifest, settings, signer)
        if manifest["form"] == FORM_WITHOUT_PHOTOS and not settings.photo_store_url:
            raise Invalid("This backup holds no photos. Set HOMEWARD_PHOTO_STORE_URL to where they are.")
        _take_key(part, settings)
        if settings.photo_store_url:
            found = replace(found, missing=_bring_over(part, settings))
        if make_url(settings.database_address).get_backend_name() != "sqlite":
            _into_server(part, settings)
        for folder in (part, *(path for path in part.rglob("*") if path.is_dir())):
            sync_folder(folder)
        if target.exists():
            target.rmdir()
        part.rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    context = open_context(settings)
    with context.db.write() as session:
        audit.record(session, SYSTEM, Action.BACKUP_RESTORED, "backup", archive.name, made=found.made_at)
    context.close()
    return found


def _into_server(part: Path, settings: Settings) -> None:
    """Copy a backup's rows into the empty database of a server."""
    brought, server = Database(f"sqlite:///{part / SNAPSHOT}"), Database(settings.database_address)
    try:
        migrate(brought.engine)
        copying.move(brought, server)
    finally:
        brought.close()
        server.close()
    for path in part.glob(f"{SNAPSHOT}*"):
        path.unlink()


def _bring_over(part: Path, settings: Settings) -> int:
    """Put a backup's photos into the bucket; those that are there already are held against them.

    Returns:
        How many files that the database names are not there afterwards.

    Raises:
        FileExistsError: the bucket has something else under a photo's name.
    """
    keys = load_keys(settings.key_file, create=False, holder=holder_of(settings))
    bucket = PhotoStore(open_objects(settings), keys)
    bucket.check()
    unpacked: Objects = FolderObjects(part / PHOTOS)
    for each in unpacked.listed():
        bucket.objects.write(each.name, unpacked.read(each.name))
    shutil.rmtree(part / PHOTOS)
    there = {each.name for each in bucket.objects.listed()}
    return sum(not name.startswith(ERASED) and name not in there for name in named_files(part / SNAPSHOT))


def _take_key(part: Path, settings: Settings) -> None:
    """Use the key file that is there, else the backup's own, which never stays with the data."""
    brought, key_file = part / KEY_FILE, settings.key_file
    if not key_file.exists() and not settings.key_command:
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
    if (
        manifest is None
        or manifest.get("form") not in (FORM, FORM_WITHOUT_PHOTOS)
        or manifest.get("parts") != digests
    ):
        raise Invalid(DAMAGED)
    return manifest


def _is_ours(name: str) -> bool:
    """Whether a part is one that a backup has: nothing is ever laid down elsewhere."""
    steps = Path(name).parts
    if not steps or ".." in steps or name.startswith("/"):
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


def _check(folder: Path, manifest: dict[str, Any], settings: Settings, signer: str) -> Found:
    """Hold what was unpacked against its maker's signature, this version's schema and the audit chain."""
    brought, key_file = folder / KEY_FILE, settings.key_file
    if not settings.key_command and not key_file.exists() and not brought.exists():
        raise Invalid("The key file is missing, and this backup holds none. Put it in its place first.")
    file = key_file if key_file.exists() else brought
    keys = load_keys(file, create=False, holder=holder_of(settings))
    _check_signature(manifest, signer or bytes(keys.signing.verify_key).hex())
    database = Database(f"sqlite:///{folder / SNAPSHOT}")
    try:
        check_known(database.engine)
        with database.read() as session:
            if session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
                raise Invalid(DAMAGED)
            verdict = audit.verify(session, folder / LOG / "checkpoints.jsonl", keys.signing)
            _check_newest_opens(session, keys)
    except DatabaseError as error:
        raise Invalid(DAMAGED) from error
    finally:
        database.close()
    if verdict.problems:
        raise Invalid("The audit log of this backup is broken.")
    files = sum(name.startswith(f"{PHOTOS}/") for name in manifest["parts"])
    return Found(str(manifest["at"]), files, verdict.rows, len(manifest["erased_meanwhile"]))


def _check_newest_opens(session: Session, keys: Keys) -> None:
    """A key file of before a rotation has the same signature, and opens nothing that came after it."""
    newest = select(Photo.sealed_key).where(Photo.sealed_key != b"").order_by(col(Photo.received_at).desc())
    sealed = session.exec(newest.limit(1)).first()
    try:
        if sealed is not None:
            keys.unseal(sealed)
    except Unsealable as error:
        raise Invalid(
            "The key file does not open what this backup holds: it is older. Bring the newest one. "
            "Nothing was restored."
        ) from error


def _check_signature(manifest: dict[str, Any], signer: str) -> None:
    body = {name: value for name, value in manifest.items() if name != "signature"}
    try:
        key = VerifyKey(bytes.fromhex(signer))
        key.verify(rfc8785.dumps(body), bytes.fromhex(str(manifest["signature"])))
    except (KeyError, ValueError, BadSignatureError) as error:
        raise Invalid(
            "This backup was not made with this key file, or was changed since. Nothing was restored."
        ) from error


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
