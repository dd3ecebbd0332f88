"""Files of packages, whole or in pieces; each piece is sealed and on disk before a row speaks of it.

The protocol is small and its own code here. The library at hand (tuspyserver 4.4.3) asks who calls after it
has taken a PATCH's bytes, gives its storage no caller to check ownership with, writes bodies of POST to a
plain file, answers 204 when the disk refused, logs metadata and repeats the Host header.

Functions here open their own transactions where bytes lie on disk before one begins or go after it ended.
A kill in between leaves a sealed file whose key is nowhere: it opens to nobody.
"""

import contextlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound, Refusal, TooLarge, Unavailable, message
from app.core.files import StoredFile
from app.partners.models import Package, PackageState, Upload, UploadPart
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS, photos_in

MOST_OPEN = 24
"""Unfinished uploads of a channel, and likewise open packages."""

CLOSED = message("This package is finished or was retracted.")


def own_package(session: Session, channel_id: UUID, package_id: UUID) -> Package:
    """A package of the channel that has not expired.

    Raises:
        NotFound: none such, somebody else's, or expired.
    """
    package = session.get(Package, package_id)
    if package is None or package.channel_id != channel_id or package.expires_at <= now():
        raise NotFound
    return package


def open_package(session: Session, channel_id: UUID, package_id: UUID) -> Package:
    """A package of the channel that still changes.

    Raises:
        NotFound: none such, somebody else's, or expired.
        Conflict: it is finished or retracted.
    """
    package = own_package(session, channel_id, package_id)
    if package.state != PackageState.OPEN:
        raise Conflict(CLOSED)
    return package


def own_upload(session: Session, channel_id: UUID, upload_id: UUID) -> Upload:
    """An upload of the channel that has not expired.

    Raises:
        NotFound: none such, somebody else's, or expired.
    """
    upload = session.get(Upload, upload_id)
    if upload is None or upload.channel_id != channel_id or upload.expires_at <= now():
        raise NotFound
    return upload


def files_of(session: Session, package_id: UUID) -> list[Upload]:
    """Files of a package in their order: as placed, then as they came."""
    found = session.exec(select(Upload).where(Upload.package_id == package_id)).all()
    return sorted(found, key=lambda each: (each.details.get("order", MOST_PHOTOS), str(each.id)))


def create(session: Session, channel_id: UUID, package_id: UUID, length: int) -> Upload:
    """Begin an upload; it is kept as long as its package.

    Args:
        session: a writing session.
        channel_id: who sends it.
        package_id: where it belongs.
        length: bytes of the whole file.

    Raises:
        NotFound: no such package.
        Conflict: the package is closed, or the channel has too many unfinished uploads.
        Invalid: an empty file, or too many in the package.
        TooLarge: more bytes than a photo may have.
    """
    package = open_package(session, channel_id, package_id)
    if not length:
        raise Invalid("One of the photos is empty. Choose it again.", field="Upload-Length")
    if length > LARGEST_PHOTO:
        raise TooLarge(
            "A photo is larger than %(most)s MB. Send it smaller, or send a screenshot of it.",
            field="Upload-Length",
            most=LARGEST_PHOTO // 2**20,
        )
    unfinished = session.exec(
        select(func.count(col(Upload.id))).where(
            Upload.channel_id == channel_id, Upload.received < Upload.length, col(Upload.expires_at) > now()
        )
    ).one()
    if unfinished >= MOST_OPEN:
        raise Conflict("This channel has too many unfinished uploads. Finish or remove one first.")
    return _add(session, package, length)


def keep_file(context: Context, channel_id: UUID, package_id: UUID, data: bytes) -> Upload:
    """Keep a whole file.

    Raises:
        NotFound: no such package.
        Conflict: the package is closed.
        Refusal: empty, too large, no photo, or one too many.
        Unavailable: the disk does not take it.
    """
    problem = photos_in([data])[1]
    if problem is not None:
        raise problem
    with context.db.read() as session:
        open_package(session, channel_id, package_id)
    file = stored(context, data)
    try:
        with context.db.write() as session:
            package = open_package(session, channel_id, package_id)
            upload = _add(session, package, len(data))
            append(session, upload, 0, file)
            complete(upload, file.sha256, is_photo=True)
    except Refusal:
        drop(context, [file.store_key])
        raise
    return upload


def place(
    session: Session,
    channel_id: UUID,
    package_id: UUID,
    file_id: UUID,
    order: int | None,
    mark: tuple[float, float] | None,
) -> Upload:
    """Say where a file stands among the photos and where in it the child is.

    Args:
        session: a writing session.
        channel_id: whose package it is.
        package_id: the package.
        file_id: the file.
        order: its place, from 0; None after those that have one.
        mark: shares of the upright picture's width and height, 0 to 1; None takes it away.

    Raises:
        NotFound: no such package or file.
        Conflict: the package is closed.
    """
    open_package(session, channel_id, package_id)
    upload = own_upload(session, channel_id, file_id)
    if upload.package_id != package_id:
        raise NotFound
    kept = {name: value for name, value in upload.details.items() if name not in {"order", "mark"}}
    if order is not None:
        kept["order"] = order
    if mark is not None:
        kept["mark"] = list(mark)
    upload.details = kept
    session.add(upload)
    return upload


def whole(context: Context, upload_id: UUID) -> bytes:
    """The bytes of an upload that are here.

    Raises:
        FileNotFoundError: they were removed in this moment.
    """
    with context.db.read() as session:
        parts = session.exec(
            select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(col(UploadPart.start))
        ).all()
    return b"".join(context.store.get(part.store_key, part.sealed_key) for part in parts)


def remove(context: Context, channel_id: UUID, upload_id: UUID) -> None:
    """Erase an upload, finished or not.

    Raises:
        NotFound: no such upload.
        Conflict: its package is closed.
    """
    with context.db.write() as session:
        upload = own_upload(session, channel_id, upload_id)
        if upload.package_id is not None:
            open_package(session, channel_id, upload.package_id)
        keys = forget(session, [upload.id])
    drop(context, keys)


def forget(session: Session, upload_ids: Sequence[UUID]) -> list[str]:
    """Remove the rows of uploads; with them go the keys of their bytes.

    Returns:
        Names of the files, to be dropped once this is committed.
    """
    parts = col(UploadPart.upload_id).in_(upload_ids)
    keys = list(session.exec(select(UploadPart.store_key).where(parts)))
    session.exec(delete(UploadPart).where(parts))
    session.exec(delete(Upload).where(col(Upload.id).in_(upload_ids)))
    return keys


def drop(context: Context, store_keys: Iterable[str]) -> None:
    """Remove files that no row names any more; one that stays is sealed and its key is gone."""
    for store_key in store_keys:
        with contextlib.suppress(OSError):
            context.store.delete(store_key)


def append(session: Session, upload: Upload, start: int, file: StoredFile) -> None:
    """Add a piece whose bytes are on disk."""
    session.add(
        UploadPart(
            upload_id=upload.id,
            start=start,
            size=file.byte_count,
            store_key=file.store_key,
            sealed_key=file.sealed_key,
        )
    )
    upload.received = start + file.byte_count
    session.add(upload)
    session.flush()


def complete(upload: Upload, sha256: str, *, is_photo: bool) -> None:
    """Note what the whole file is: its digest, and whether its first bytes are those of a photo."""
    upload.sha256 = sha256
    upload.details = upload.details | {"photo": is_photo}


def stored(context: Context, data: bytes) -> StoredFile:
    """Seal and sync bytes.

    Raises:
        Unavailable: the disk does not take them.
    """
    try:
        return context.store.put(data)
    except OSError as error:
        raise Unavailable(
            "The service cannot keep photos just now and saved nothing. Please send it again later.",
            retry_after_s=60,
        ) from error


def _add(session: Session, package: Package, length: int) -> Upload:
    files = session.exec(select(func.count(col(Upload.id))).where(Upload.package_id == package.id)).one()
    if files >= MOST_PHOTOS:
        raise Invalid("Send at most %(most)s photos at once.", field="package", most=MOST_PHOTOS)
    upload = Upload(
        channel_id=package.channel_id, package_id=package.id, length=length, expires_at=package.expires_at
    )
    session.add(upload)
    session.flush()
    return upload
