"""Erasing photos: bytes, renditions, and everything that was computed from them. Runs in the worker.

Clusters stay: other tips' copies stand in them, and an audit row may name one as where a photo came from.
"""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import Session, col, delete, or_, select

from app.core.files import PhotoStore
from app.encoders.models import PhotoEncoding
from app.photos.models import (
    Face,
    OriginalRequest,
    Photo,
    PhotoFingerprint,
    PhotoHash,
    PhotoLink,
    PhotoOnList,
    PhotoState,
    PhotoWord,
    Rendition,
    RenditionKind,
    Template,
)

ERASED = "erased/"
"""Begin of a store key behind which there is no file any more."""


def erase(session: Session, store: PhotoStore, photo_ids: Collection[UUID]) -> None:
    """Erase photos; stopped in the middle and repeated, it ends the same.

    Files go before the rows that name them: a crash in between leaves rows without files, and the repeated
    step removes those. The other way round it would leave files that nobody finds again.

    Args:
        session: a writing session.
        store: where their files lie.
        photo_ids: photos whose faces no candidate, search or sighting names any more.
    """
    for photo in session.exec(select(Photo).where(col(Photo.id).in_(photo_ids))):
        store.delete(photo.store_key)
    for rendition in session.exec(select(Rendition).where(col(Rendition.photo_id).in_(photo_ids))):
        store.delete(rendition.store_key)
    for filed in session.exec(select(PhotoFingerprint).where(col(PhotoFingerprint.photo_id).in_(photo_ids))):
        _take_out_of_index(session, filed)
    faces = select(Face.id).where(col(Face.photo_id).in_(photo_ids))
    session.exec(delete(Template).where(col(Template.face_id).in_(faces)))
    session.exec(
        delete(PhotoLink).where(
            or_(col(PhotoLink.photo_id).in_(photo_ids), col(PhotoLink.other_id).in_(photo_ids))
        )
    )
    for table in (Face, Rendition, OriginalRequest, PhotoHash, PhotoFingerprint, PhotoOnList, PhotoEncoding):
        session.exec(delete(table).where(col(table.photo_id).in_(photo_ids)))
    session.exec(delete(Photo).where(col(Photo.id).in_(photo_ids)))


def blur(session: Session, store: PhotoStore, photo_ids: Collection[UUID]) -> None:
    """Leave of photos no more than the redacted rendition; rows that candidates name stay, with empty hands.

    Args:
        session: a writing session.
        store: where their files lie.
        photo_ids: the photos; done before or stopped in the middle, it ends the same.
    """
    _strip(session, store, photo_ids, PhotoState.BLURRED, None, (RenditionKind.SCENE, RenditionKind.FACE))


def empty(session: Session, store: PhotoStore, photo_ids: Collection[UUID]) -> None:
    """Erase photos whose faces are still named by decided candidates: the rows stay and show nothing."""
    _strip(session, store, photo_ids, PhotoState.PARKED, "erased", tuple(RenditionKind))


def _strip(
    session: Session,
    store: PhotoStore,
    photo_ids: Collection[UUID],
    state: PhotoState,
    reason: str | None,
    kinds: Collection[RenditionKind],
) -> None:
    shown = select(Rendition).where(col(Rendition.photo_id).in_(photo_ids), col(Rendition.kind).in_(kinds))
    for rendition in session.exec(shown).all():
        store.delete(rendition.store_key)
        session.delete(rendition)
    for filed in session.exec(select(PhotoFingerprint).where(col(PhotoFingerprint.photo_id).in_(photo_ids))):
        _take_out_of_index(session, filed)
    session.flush()
    faces = select(Face.id).where(col(Face.photo_id).in_(photo_ids))
    session.exec(delete(Template).where(col(Template.face_id).in_(faces)))
    session.exec(
        delete(PhotoLink).where(
            or_(col(PhotoLink.photo_id).in_(photo_ids), col(PhotoLink.other_id).in_(photo_ids))
        )
    )
    for table in (OriginalRequest, PhotoHash, PhotoFingerprint, PhotoOnList, PhotoEncoding):
        session.exec(delete(table).where(col(table.photo_id).in_(photo_ids)))
    for photo in session.exec(select(Photo).where(col(Photo.id).in_(photo_ids))):
        store.delete(photo.store_key)
        photo.store_key, photo.sealed_key = f"{ERASED}{photo.id}", b""
        photo.state, photo.parked_reason, photo.cluster_id = state, reason, None
        photo.marked_x = photo.marked_y = photo.claimed_latitude = photo.claimed_longitude = None
        photo.claimed_taken_at = None
        session.add(photo)


def _take_out_of_index(session: Session, filed: PhotoFingerprint) -> None:
    """Delete a photo's words; they are computed anew, since the index cannot be read by photo."""
    from matching.pictures.fingerprint import Fingerprint  # noqa: PLC0415 - loads NumPy
    from matching.pictures.words import hash_words, keypoint_words  # noqa: PLC0415 - as above

    found = Fingerprint.from_bytes(filed.fingerprint)
    words = [*hash_words(found).tolist(), *keypoint_words(found).tolist()]
    session.exec(
        delete(PhotoWord).where(col(PhotoWord.word).in_(words), col(PhotoWord.number) == filed.number)
    )
