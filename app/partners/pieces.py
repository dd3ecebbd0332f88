"""Pieces of an upload, taken in as they come; what arrived before a cut connection stays."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.core.context import Context
from app.core.errors import Conflict, NotFound, Refusal, TooLarge
from app.partners import uploads
from app.partners.models import Upload, UploadPart
from app.tips.parts import photos_in

PIECE = 2**20
"""Bytes that are sealed at once; a killed process loses fewer."""

MOST_PIECES = 1000
"""Pieces of one upload; each costs a file and a sync."""


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
    file = uploads.stored(context, piece)
    try:
        ended = _ended(context, seen, piece)
        with context.db.write() as session:
            upload = _changing(session, seen.channel_id, seen.id)
            _check_start(upload, seen.received)
            uploads.append(session, upload, seen.received, file)
            if ended is not None:
                uploads.complete(upload, ended[0], is_photo=ended[1])
    except IntegrityError as error:
        uploads.drop(context, [file.store_key])
        raise _elsewhere() from error
    except Refusal:
        uploads.drop(context, [file.store_key])
        raise
    return upload


def _ended(context: Context, seen: Upload, piece: bytes) -> tuple[str, bool] | None:
    """Digest of the whole file with its last piece, and whether it is a photo; None before the end."""
    if seen.received + len(piece) < seen.length:
        return None
    try:
        data = uploads.whole(context, seen.id) + piece
    except FileNotFoundError:
        raise NotFound from None
    return hashlib.sha256(data).hexdigest(), photos_in([data])[1] is None


def _changing(session: Session, channel_id: UUID, upload_id: UUID) -> Upload:
    upload = uploads.own_upload(session, channel_id, upload_id)
    if upload.package_id is not None:
        uploads.open_package(session, channel_id, upload.package_id)
    return upload


def _check_start(upload: Upload, start: int) -> None:
    if upload.received != start:
        raise _elsewhere()


def _elsewhere() -> Conflict:
    return Conflict(
        "The upload does not go on at this offset. Ask with HEAD where it does.", field="Upload-Offset"
    )


def _too_long() -> TooLarge:
    return TooLarge("These are more bytes than the upload has.", field="Upload-Length")
