"""The gallery as arrays: the references of open records, kept in the worker's memory between searches."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from app.photos.models import Template
from app.records.models import Record, RecordState, Reference
from matching.ranking import Gallery

DAYS_IN_YEAR = 365.2425


@dataclass(frozen=True)
class OpenGallery:
    """The references that a probe is compared with.

    Attributes:
        arrays: templates and ages, as `matching` takes them; its record numbers point into `record_ids`.
        record_ids: one a record.
        reference_ids: one a template row.
    """

    arrays: Gallery
    record_ids: tuple[UUID, ...]
    reference_ids: tuple[UUID, ...]

    @property
    def size(self) -> int:
        """Records searched."""
        return len(self.record_ids)


class GalleryCache:
    """Reads the gallery anew only when a record, reference or template changed."""

    def __init__(self, encoder: str, version: str, dimensions: int) -> None:
        self.encoder = encoder
        self.version = version
        self._dimensions = dimensions
        self._fingerprint: tuple[object, ...] | None = None
        self._gallery: OpenGallery | None = None

    def current(self, session: Session) -> OpenGallery:
        """The gallery as the database has it now."""
        fingerprint = tuple(
            session.exec(
                select(
                    func.count(col(Template.id)),
                    func.max(col(Record.updated_at)),
                    func.max(col(Template.id)),
                    func.count(func.distinct(col(Record.id))),
                )
                .select_from(Template)
                .join(Reference, col(Reference.face_id) == col(Template.face_id))
                .join(Record)
                .where(*self._open())
            ).one()
        )
        if self._gallery is None or fingerprint != self._fingerprint:
            self._gallery = self._load(session)
            self._fingerprint = fingerprint
        return self._gallery

    def only(self, session: Session, record_id: UUID) -> OpenGallery:
        """A gallery of one record, for searching retained faces with it."""
        return self._load(session, record_id)

    def _open(self) -> tuple[ColumnElement[bool], ...]:
        return (
            col(Record.state) == RecordState.OPEN,
            col(Reference.removed_at).is_(None),
            col(Template.encoder) == self.encoder,
            col(Template.encoder_version) == self.version,
        )

    def _load(self, session: Session, record_id: UUID | None = None) -> OpenGallery:
        question = (
            select(Template.vector, Record, Reference)
            .join(Reference, col(Reference.face_id) == col(Template.face_id))
            .join(Record, col(Record.id) == col(Reference.record_id))
            .where(*self._open())
            .order_by(col(Record.id), col(Reference.id))
        )
        if record_id is not None:
            question = question.where(Record.id == record_id)
        rows = session.exec(question).all()
        record_ids = tuple(dict.fromkeys(record.id for _, record, _ in rows))
        numbers = {record: number for number, record in enumerate(record_ids)}
        templates: npt.NDArray[np.float32] = (
            np.stack([np.frombuffer(vector, dtype="<f4") for vector, _, _ in rows]).astype(np.float32)
            if rows
            else np.empty((0, self._dimensions), dtype=np.float32)
        )
        arrays = Gallery(
            references=templates,
            records=np.array([numbers[record.id] for _, record, _ in rows], dtype=np.int64),
            ages=np.array([_age(record, reference) for _, record, reference in rows], dtype=np.float32),
        )
        return OpenGallery(arrays, record_ids, tuple(reference.id for _, _, reference in rows))


def _age(record: Record, reference: Reference) -> float:
    """Age in the photo, in years; NaN when nobody stated enough to compute it."""
    if reference.age_years is not None:
        return reference.age_years
    if record.born_on is None:
        return float("nan")
    taken: date = reference.taken_on or record.missing_since
    return max((taken - record.born_on).days / DAYS_IN_YEAR, 0.0)
