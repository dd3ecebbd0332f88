"""Writing down what an examination found: renditions, faces, templates, and by what copies are known.

Runs in the worker; the web process never loads what this imports.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.files import PhotoStore, StoredFile
from app.photos import joining
from app.photos.models import (
    Face,
    Photo,
    PhotoHash,
    PhotoState,
    Rendition,
    RenditionKind,
    Template,
)
from matching.examination import Examination
from matching.hashing import bands, to_signed
from matching.rendition import CROP_SIDE


@dataclass(frozen=True)
class KeptRendition:
    """A derived picture whose bytes are durable already."""

    kind: RenditionKind
    face_position: int
    width: int
    height: int
    file: StoredFile


def keep_renditions(store: PhotoStore, found: Examination) -> list[KeptRendition]:
    """Store an examination's pictures durably, before any row names them."""
    scene = (found.width, found.height)
    kept = [
        KeptRendition(RenditionKind.SCENE, -1, *scene, store.put(found.scene)),
        KeptRendition(RenditionKind.REDACTED, -1, *scene, store.put(found.redacted)),
    ]
    kept.extend(
        KeptRendition(RenditionKind.FACE, position, CROP_SIDE, CROP_SIDE, store.put(face.crop))
        for position, face in enumerate(found.faces)
    )
    return kept


def save_examination(session: Session, photo_id: UUID, found: Examination, kept: list[KeptRendition]) -> bool:
    """Write down what an examination found; a repeated step changes nothing.

    Args:
        session: a writing session.
        photo_id: the photo that was examined.
        found: what the child process sent back, already checked.
        kept: its pictures, already durable.

    Returns:
        False when the photo had been examined before; the caller then removes its files.
    """
    photo = session.get_one(Photo, photo_id)
    if photo.state == PhotoState.EXAMINED:
        return False
    photo.state = PhotoState.EXAMINED
    photo.parked_reason = None
    photo.examined_at = now()
    photo.width, photo.height = found.facts.width, found.facts.height
    photo.claimed_taken_at = found.facts.claimed_taken_at
    photo.claimed_latitude = found.facts.claimed_latitude
    photo.claimed_longitude = found.facts.claimed_longitude
    session.add(photo)
    if found.hash.usable:
        quarters = bands(found.hash.phash)
        session.add(
            PhotoHash(
                photo_id=photo.id,
                phash=to_signed(found.hash.phash),
                verification=found.hash.verification,
                detail=found.hash.detail,
                band0=quarters[0],
                band1=quarters[1],
                band2=quarters[2],
                band3=quarters[3],
            )
        )
    if photo.tip_id is not None:
        joining.keep_fingerprint(session, photo.id, found.fingerprint)
    for rendition in kept:
        session.add(
            Rendition(
                photo_id=photo.id,
                kind=rendition.kind,
                face_position=rendition.face_position,
                store_key=rendition.file.store_key,
                sealed_key=rendition.file.sealed_key,
                width=rendition.width,
                height=rendition.height,
            )
        )
    for position, face in enumerate(found.faces):
        row = Face(
            photo_id=photo.id,
            position=position,
            left=face.box.left,
            top=face.box.top,
            width=face.box.width,
            height=face.box.height,
            quality=asdict(face.quality),
            landmarks=[[round(x, 1), round(y, 1)] for x, y in (*face.eyes, face.nose)],
        )
        session.add(row)
        session.flush()
        for (encoder, version), template in zip(found.encoders, face.templates, strict=True):
            session.add(Template(face_id=row.id, encoder=encoder, encoder_version=version, vector=template))
    audit.record(session, SYSTEM, Action.PHOTO_EXAMINED, "photo", photo.id, faces=len(found.faces))
    return True


def park(session: Session, photo_id: UUID, reason: str) -> None:
    """Set a photo aside that cannot be read; its original stays sealed and its tip goes on."""
    photo = session.get_one(Photo, photo_id)
    if photo.state == PhotoState.PARKED:
        return
    photo.state = PhotoState.PARKED
    photo.parked_reason = reason
    session.add(photo)
    audit.record(session, SYSTEM, Action.PHOTO_PARKED, "photo", photo.id, reason=reason)
