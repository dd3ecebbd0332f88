"""Files of packages, whole or in pieces; each piece is sealed and on disk before a row speaks of it.

The protocol is small and its own code here. The library at hand (tuspyserver 4.4.3) asks who calls after it
has taken a PATCH's bytes, gives its storage no caller to check ownership with, writes bodies of POST to a
plain file, answers 204 when the disk refused, logs metadata and repeats the Host header.

Functions here open their own transactions where bytes lie on disk before one begins or go after it ended.
A kill in between leaves a sealed file whose key is nowhere: it opens to nobody.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound, Refusal, TooLarge, Unavailable, message
from app.core.files import StoredFile
from app.partners.models import Package, PackageState, Upload, UploadPart
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS, photos_in

PIECE = 2**20
"""Bytes that are sealed at once; a cut connection loses nothing that arrived before it."""

MOST_OPEN = 24
"""Unfinished uploads of a channel, and likewise open packages."""

MOST_PIECES = 1000
"""Pieces of one upload; each costs a file and a sync."""

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
    file = _stored(context, data)
    try:
        with context.db.write() as session:
            package = open_package(session, channel_id, package_id)
            upload = _add(session, package, len(data))
            _append(session, upload, 0, file)
            _complete(upload, file.sha256, is_photo=True)
    except Refusal:
        drop(context, [file.store_key])
        raise
    return upload


async def receive(
    context: Context,
    channel_id: UUID,
    upload_id: UUID,
    start: int,
    announced: int | None,
    body: AsyncIterator[bytes],
) -> Upload:
    """Take bytes in as they come; what arrived before a cut connection stays.

    Args:
        context: the open deployment.
        channel_id: who sends them.
        upload_id: the upload.
        start: bytes before the first one of the body.
        announced: bytes of the body, None if its sender does not know.
        body: the bytes.

    Returns:
        The upload as it stands.

    Raises:
        NotFound: no such upload.
        Conflict: the upload goes on elsewhere, another request was faster, or its package is closed.
        TooLarge: more bytes than the upload has.
        Unavailable: the disk does not take them.
    """
    upload = await run_in_threadpool(_begin, context, channel_id, upload_id, start, announced)
    waiting = bytearray()
    with contextlib.suppress(ClientDisconnect):
        async for chunk in body:
            if upload.received + len(waiting) + len(chunk) > upload.length:
                raise _too_long()
            waiting += chunk
            while len(waiting) >= PIECE:
                piece = bytes(waiting[:PIECE])
                del waiting[:PIECE]
                upload = await run_in_threadpool(_keep_piece, context, upload, piece)
    if waiting:
        upload = await run_in_threadpool(_keep_piece, context, upload, bytes(waiting))
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


def _begin(context: Context, channel_id: UUID, upload_id: UUID, start: int, announced: int | None) -> Upload:
    with context.db.read() as session:
        upload = _changing(session, channel_id, upload_id)
        _check_start(upload, start)
        if announced is not None and start + announced > upload.length:
            raise _too_long()
        pieces = session.exec(
            select(func.count(col(UploadPart.start))).where(UploadPart.upload_id == upload_id)
        ).one()
    if pieces >= MOST_PIECES:
        raise Conflict("This upload came in too many small pieces. Remove it and send it anew.")
    return upload


def _keep_piece(context: Context, seen: Upload, piece: bytes) -> Upload:
    """Seal and sync a piece, then say so in one commit; of two requests for one place the first one wins."""
    file = _stored(context, piece)
    try:
        ended = _ended(context, seen, piece)
        with context.db.write() as session:
            upload = _changing(session, seen.channel_id, seen.id)
            _check_start(upload, seen.received)
            _append(session, upload, seen.received, file)
            if ended is not None:
                _complete(upload, *ended)
    except IntegrityError as error:
        drop(context, [file.store_key])
        raise _elsewhere() from error
    except Refusal:
        drop(context, [file.store_key])
        raise
    return upload


def _ended(context: Context, seen: Upload, piece: bytes) -> tuple[str, bool] | None:
    """Digest of the whole file with its last piece, and whether it is a photo; None before the end."""
    if seen.received + len(piece) < seen.length:
        return None
    try:
        data = whole(context, seen.id) + piece
    except FileNotFoundError:
        raise NotFound from None
    return hashlib.sha256(data).hexdigest(), photos_in([data])[1] is None


def _changing(session: Session, channel_id: UUID, upload_id: UUID) -> Upload:
    upload = own_upload(session, channel_id, upload_id)
    if upload.package_id is not None:
        open_package(session, channel_id, upload.package_id)
    return upload


def _append(session: Session, upload: Upload, start: int, file: StoredFile) -> None:
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


def _complete(upload: Upload, sha256: str, is_photo: bool) -> None:  # noqa: FBT001 - the two come as a pair
    upload.sha256 = sha256
    upload.details = upload.details | {"photo": is_photo}


def _stored(context: Context, data: bytes) -> StoredFile:
    try:
        return context.store.put(data)
    except OSError as error:
        raise Unavailable(
            "The service cannot keep photos just now and saved nothing. Please send it again later.",
            retry_after_s=60,
        ) from error


def _check_start(upload: Upload, start: int) -> None:
    if upload.received != start:
        raise _elsewhere()


def _elsewhere() -> Conflict:
    return Conflict(
        "The upload does not go on at this offset. Ask with HEAD where it does.", field="Upload-Offset"
    )


def _too_long() -> TooLarge:
    return TooLarge("These are more bytes than the upload has.", field="Upload-Length")
