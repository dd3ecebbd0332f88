"""Questions about enrolled encoders and how much they cover."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.encoders.models import EncoderState, EnrolledEncoder, PhotoEncoding
from app.photos.models import Face, Photo, PhotoState, Template
from app.records.models import Record, RecordState, Reference


@dataclass(frozen=True)
class Coverage:
    """How much of what is kept an encoder has templates of."""

    photos_left: int
    """Examined photos that have not been gone through for it."""
    faces: int
    """Faces of all examined photos."""
    templates: int
    """Those among them that have its template."""
    children: int
    """Faces of open records' children without its template: the records that a search would pass over."""

    @property
    def share(self) -> float:
        """Share of the faces with a template, 0 to 1."""
        return self.templates / self.faces if self.faces else 1.0


def enrolled(session: Session) -> list[EnrolledEncoder]:
    """All encoders, the active one first, then the latest."""
    order = (col(EnrolledEncoder.state) != EncoderState.ACTIVE, col(EnrolledEncoder.enrolled_at).desc())
    return list(session.exec(select(EnrolledEncoder).order_by(*order)))


def in_use(session: Session) -> list[EnrolledEncoder]:
    """The encoders whose templates new photos get."""
    return [encoder for encoder in enrolled(session) if encoder.state != EncoderState.RETIRED]


def active(session: Session) -> EnrolledEncoder | None:
    """The encoder that is searched with; None before the first worker has started."""
    return session.exec(
        select(EnrolledEncoder).where(EnrolledEncoder.state == EncoderState.ACTIVE)
    ).one_or_none()


def named(session: Session, name: str, version: str) -> EnrolledEncoder | None:
    """One encoder."""
    return session.exec(
        select(EnrolledEncoder).where(EnrolledEncoder.name == name, EnrolledEncoder.version == version)
    ).one_or_none()


def coverage(session: Session, encoder: EnrolledEncoder) -> Coverage:
    """How much an encoder covers."""
    with_template = _encoded(encoder)
    return Coverage(
        photos_left=session.exec(select(func.count()).select_from(_photos_left(encoder).subquery())).one(),
        faces=session.exec(select(func.count(col(Face.id)))).one(),
        templates=session.exec(select(func.count()).select_from(with_template.subquery())).one(),
        children=session.exec(
            select(func.count(col(Reference.id)))
            .join(Record)
            .where(
                Record.state == RecordState.OPEN,
                col(Reference.removed_at).is_(None),
                col(Reference.face_id).is_not(None),
                col(Reference.face_id).not_in(with_template),
            )
        ).one(),
    )


def photos_left(session: Session, encoder: EnrolledEncoder, most: int) -> list[UUID]:
    """Examined photos that have not been gone through for an encoder, oldest first."""
    return list(session.exec(_photos_left(encoder).order_by(col(Photo.id)).limit(most)))


def _photos_left(encoder: EnrolledEncoder) -> SelectOfScalar[UUID]:
    """Photos that were not gone through, and of which a face has no template or no face was found before."""
    gone_through = select(PhotoEncoding.photo_id).where(PhotoEncoding.encoder_id == encoder.id)
    lacking = select(Face.photo_id).where(col(Face.id).not_in(_encoded(encoder)))
    faceless = (col(Photo.examined_at) < encoder.enrolled_at) & col(Photo.id).not_in(select(Face.photo_id))
    return select(Photo.id).where(
        Photo.state == PhotoState.EXAMINED,
        col(Photo.id).not_in(gone_through),
        col(Photo.id).in_(lacking) | faceless,
    )


def _encoded(encoder: EnrolledEncoder) -> SelectOfScalar[UUID]:
    return select(Template.face_id).where(
        Template.encoder == encoder.name, Template.encoder_version == encoder.version
    )
