"""Going through retained photos again for another encoder: templates are written beside the old ones.

The sealed original is opened, in the sandboxed child, and not the scene rendition: it has all the pixels that
a small face has, and was compressed once less. Only where the original is gone does the rendition serve.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core import pressure
from app.core.context import Context
from app.core.files import StoredFile
from app.encoders import queries
from app.encoders.models import EnrolledEncoder, PhotoEncoding
from app.encoders.same_faces import same_faces
from app.photos import joining
from app.photos.examine_server import ExaminationFailure
from app.photos.models import Face, Photo, Rendition, RenditionKind, Template
from app.photos.sandbox import ExaminationFailed
from app.records.models import Reference
from matching.examination import Examination, ExaminedFace
from matching.formats import UnreadablePhoto
from matching.pictures.fingerprint import Fingerprint
from matching.rendition import CROP_SIDE, Box

PHOTOS_ASKED_FOR: Final = 100
"""Photos whose ids are read at a time."""

GONE: Final = "gone"
"""Reason for a photo of which neither original nor rendition is left."""


class ExaminesPhotos(Protocol):
    """Whatever decodes a photo away from keys and database, and encodes its faces with one encoder."""

    def examine(self, data: bytes) -> Examination:
        """Examine one photo; see `app.photos.sandbox.Examiner`."""


@dataclass(frozen=True)
class _Known:
    """What is known of a photo before it is gone through."""

    photo: Photo
    faces: Sequence[Face]
    encoded: frozenset[UUID]
    """Faces that have the encoder's template."""
    renditions: Sequence[Rendition]

    def rendition(self, kind: RenditionKind, face_position: int = -1) -> Rendition | None:
        return next(
            (each for each in self.renditions if (each.kind, each.face_position) == (kind, face_position)),
            None,
        )


@dataclass(frozen=True)
class _Found:
    """What going through a photo gave, before any of it is written."""

    templates: dict[UUID, bytes]
    """By known face."""
    added: Sequence[tuple[ExaminedFace, Box, StoredFile]]
    redacted: StoredFile | None
    """In place of the redacted scene, if it hides all known faces and the new ones."""
    reason: str | None = None
    fingerprint: Fingerprint | None = None
    """By which copies are known: photos of earlier versions have none yet."""


def reencode(
    context: Context,
    encoder: EnrolledEncoder,
    examiner: ExaminesPhotos,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Go through every examined photo that an encoder has not seen; stopped, the next call goes on.

    Args:
        context: the deployment.
        encoder: an enrolled encoder; new photos get its templates from the worker meanwhile.
        examiner: makes this encoder's templates and no others.
        on_progress: told how many photos are done, of how many.

    Returns:
        Photos gone through.
    """
    done = 0
    while True:
        with context.db.read() as session:
            left = queries.coverage(session, encoder).photos_left
            photo_ids = queries.photos_left(session, encoder, PHOTOS_ASKED_FOR)
        if not photo_ids:
            return done
        pressure.wait_for_calm(context)
        total = done + left
        for photo_id in photo_ids:
            on_progress(done, total)
            reencode_photo(context, encoder, examiner, photo_id)
            done += 1
        on_progress(done, total)


def reencode_photo(
    context: Context, encoder: EnrolledEncoder, examiner: ExaminesPhotos, photo_id: UUID
) -> None:
    """Go through one photo; done already, nothing changes.

    Raises:
        ExaminationFailed: the examiner was lost, which says nothing about the photo.
    """
    with context.db.read() as session:
        known = _known(session, encoder, photo_id)
    found = _Found({}, (), None)
    if not known.faces or len(known.encoded) < len(known.faces):
        found = _look(context, examiner, known)
    with context.db.write() as session:
        saved = _save(session, encoder, known, found)
    unused = [file for _, _, file in found.added] + ([found.redacted] if found.redacted else [])
    was = known.rendition(RenditionKind.REDACTED)
    for file in () if saved else unused:
        context.store.delete(file.store_key)
    if saved and found.redacted and was:
        context.store.delete(was.store_key)


def _known(session: Session, encoder: EnrolledEncoder, photo_id: UUID) -> _Known:
    faces = session.exec(select(Face).where(Face.photo_id == photo_id).order_by(col(Face.position))).all()
    encoded = session.exec(
        select(Template.face_id).where(
            col(Template.face_id).in_([face.id for face in faces]),
            Template.encoder == encoder.name,
            Template.encoder_version == encoder.version,
        )
    )
    renditions = session.exec(select(Rendition).where(Rendition.photo_id == photo_id)).all()
    return _Known(session.get_one(Photo, photo_id), faces, frozenset(encoded), renditions)


def _look(context: Context, examiner: ExaminesPhotos, known: _Known) -> _Found:
    scene = known.rendition(RenditionKind.SCENE)
    data = _bytes(context, known.photo, scene)
    if data is None:
        return _Found({}, (), None, GONE)
    try:
        seen = examiner.examine(data)
    except UnreadablePhoto as error:
        return _Found({}, (), None, error.reason.value)
    except ExaminationFailed as error:
        if error.reason == ExaminationFailure.SERVER_LOST:
            raise
        return _Found({}, (), None, error.reason.value)
    scale = scene.width / seen.width if scene else 1.0
    boxes = [_scaled(face.box, scale) for face in seen.faces]
    pairs = same_faces([_box(face) for face in known.faces], boxes)
    templates = {
        face.id: seen.faces[pairs[place]].templates[0]
        for place, face in enumerate(known.faces)
        if place in pairs
    }
    lost = [face for place, face in enumerate(known.faces) if place not in pairs]
    for face in lost:
        template = _template_of_crop(context, examiner, known, face)
        if template is not None:
            templates[face.id] = template
    new = [number for number in range(len(boxes)) if number not in pairs.values()]
    added = [
        (seen.faces[number], boxes[number], context.store.put(seen.faces[number].crop)) for number in new
    ]
    hides_all = bool(new) and not lost and scale == 1.0
    redacted = context.store.put(seen.redacted) if hides_all else None
    return _Found(templates, added, redacted, fingerprint=seen.fingerprint)


def _template_of_crop(context: Context, examiner: ExaminesPhotos, known: _Known, face: Face) -> bytes | None:
    """A template from the kept crop of a face that was not found again in the scene.

    A detector that passes over a face in a street may see it when the face fills the picture.
    """
    crop = known.rendition(RenditionKind.FACE, face.position)
    if crop is None:
        return None
    try:
        seen = examiner.examine(context.store.get(crop.store_key, crop.sealed_key))
    except (UnreadablePhoto, FileNotFoundError):
        return None
    except ExaminationFailed as error:
        if error.reason == ExaminationFailure.SERVER_LOST:
            raise
        return None
    middle = CROP_SIDE / 2
    holding = [
        each
        for each in seen.faces
        if abs(each.box.left + each.box.width / 2 - middle) < each.box.width / 2
        and abs(each.box.top + each.box.height / 2 - middle) < each.box.height / 2
    ]
    return holding[0].templates[0] if holding else None


def _save(session: Session, encoder: EnrolledEncoder, known: _Known, found: _Found) -> bool:
    """Write down what was found, unless somebody else has done it meanwhile."""
    photo_id = known.photo.id
    if session.get(PhotoEncoding, (encoder.id, photo_id)) is not None:
        return False
    encoded = _known(session, encoder, photo_id).encoded
    for face_id, template in found.templates.items():
        if face_id not in encoded:
            session.add(_template(encoder, face_id, template))
    first = max((face.position for face in known.faces), default=-1) + 1
    for position, (face, box, crop) in enumerate(found.added, start=first):
        row = Face(photo_id=photo_id, position=position, **asdict(box), quality=asdict(face.quality))
        session.add(row)
        session.flush()
        session.add(_template(encoder, row.id, face.templates[0]))
        session.add(
            Rendition(
                photo_id=photo_id,
                kind=RenditionKind.FACE,
                face_position=position,
                store_key=crop.store_key,
                sealed_key=crop.sealed_key,
                width=CROP_SIDE,
                height=CROP_SIDE,
            )
        )
    if found.redacted is not None:
        redacted = known.rendition(RenditionKind.REDACTED)
        if redacted is not None:
            picture = session.get_one(Rendition, redacted.id)
            picture.store_key, picture.sealed_key = found.redacted.store_key, found.redacted.sealed_key
            session.add(picture)
    if found.fingerprint is not None and known.photo.tip_id is not None:
        joining.keep_fingerprint(session, photo_id, found.fingerprint)
    _name_the_child(session, photo_id)
    missed = len([face for face in known.faces if face.id not in {*encoded, *found.templates}])
    session.add(
        PhotoEncoding(
            encoder_id=encoder.id,
            photo_id=photo_id,
            faces_added=len(found.added),
            faces_missed=missed,
            reason=found.reason,
        )
    )
    audit.record(
        session,
        SYSTEM,
        Action.PHOTO_REENCODED,
        "photo",
        photo_id,
        encoder=f"{encoder.name} {encoder.version}",
        faces=len(known.faces),
        faces_added=len(found.added),
        faces_missed=missed,
        reason=found.reason,
    )
    return True


def _name_the_child(session: Session, photo_id: UUID) -> None:
    """A record's photo in which no face had been found before: the largest one now is the child's."""
    reference = session.exec(
        select(Reference).where(Reference.photo_id == photo_id, col(Reference.face_id).is_(None))
    ).first()
    faces = session.exec(select(Face).where(Face.photo_id == photo_id)).all()
    if reference is not None and faces:
        reference.face_id = max(faces, key=lambda face: (face.width * face.height, -face.position)).id
        session.add(reference)


def _bytes(context: Context, photo: Photo, scene: Rendition | None) -> bytes | None:
    for file in (photo, scene):
        if file is not None:
            try:
                return context.store.get(file.store_key, file.sealed_key)
            except FileNotFoundError:
                continue
    return None


def _template(encoder: EnrolledEncoder, face_id: UUID, vector: bytes) -> Template:
    return Template(face_id=face_id, encoder=encoder.name, encoder_version=encoder.version, vector=vector)


def _box(face: Face) -> Box:
    return Box(face.left, face.top, face.width, face.height)


def _scaled(box: Box, scale: float) -> Box:
    if scale == 1.0:
        return box
    return Box(*(max(round(length * scale), 0) for length in (box.left, box.top, box.width, box.height)))
