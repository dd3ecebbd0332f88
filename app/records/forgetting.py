"""The worker's part of erasing: an erased record's photos, with all that was computed from them.

A reference stays only where a candidate names it, with an empty photo row in place of its own.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlmodel import Session, SQLModel, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.columns import new_id
from app.core.context import Context
from app.photos import erasing
from app.photos.models import Photo, PhotoHash, PhotoState
from app.records import suppression
from app.records.models import Record, RecordState, Reference, SuppressedKind


def finish(context: Context, record_id: UUID) -> None:
    """Erase an erased record's photos with all that was computed from them; repeated, it ends the same."""
    with context.db.write() as session:
        if session.get_one(Record, record_id).state != RecordState.ERASED:
            return
        references = session.exec(select(Reference).where(Reference.record_id == record_id)).all()
        _erase_photos(session, context, references)
    context.db.empty_log()


def drop_if_erased(context: Context, reference_id: UUID) -> bool:
    """Take an examined photo out again if its picture was erased before.

    Returns:
        Whether the reference is gone.
    """
    with context.db.write() as session:
        reference = session.get(Reference, reference_id)
        if reference is None or reference.removed_at is not None:
            return True
        shown = session.get(PhotoHash, reference.photo_id)
        if not suppression.shows_erased(session, context.keys, shown):
            return False
        reference.removed_at = now()
        session.add(reference)
        record_id = reference.record_id
        _erase_photos(session, context, [reference])
        audit.record(
            session, SYSTEM, Action.RECORD_CHANGED, "record", record_id, photos_removed=1, erased_before=1
        )
    context.db.empty_log()
    return True


def _erase_photos(session: Session, context: Context, references: Iterable[Reference]) -> None:
    """Erase photos of references; those that a candidate names keep an empty photo row."""
    named = SQLModel.metadata.tables["candidate"].c.reference_id
    gone: list[UUID] = []
    for reference in references:
        photo = session.get_one(Photo, reference.photo_id)
        if not photo.sealed_key:
            continue
        shown = session.get(PhotoHash, photo.id)
        if shown is not None:
            pictures = [suppression.picture_of(shown)]
            suppression.suppress(session, context.keys, SuppressedKind.PICTURE, pictures)
        gone.append(photo.id)
        if session.exec(select(named).where(named == reference.id).limit(1)).first() is None:
            session.delete(reference)
            continue
        empty = Photo(
            sha256="",
            byte_count=0,
            format="",
            store_key=f"{erasing.ERASED}{new_id()}",
            sealed_key=b"",
            state=PhotoState.PARKED,
            parked_reason="erased",
        )
        session.add(empty)
        session.flush()
        reference.photo_id, reference.face_id = empty.id, None
        session.add(reference)
    session.flush()
    erasing.erase(session, context.store, gone)
