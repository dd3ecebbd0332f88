"""The gallery as the database has it: rows for the index, and what changed since a look at it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from app.candidates.models import GalleryChange
from app.encoders.models import EnrolledEncoder
from app.photos.models import Template
from app.records.models import Record, RecordState, Reference, Sex
from matching.ranking import unit
from matching.search import ID_BYTES, Ids

FACTS: Final = np.dtype(
    [
        ("record", f"S{ID_BYTES}"),
        ("number", "<i8"),  # A number for the record, given when its first row comes.
        ("age", "<f4"),  # Years on the reference; NaN if nobody stated enough to compute it.
        ("born", "<f8"),  # Day of birth as an ordinal, stated or from the age; NaN if unknown.
        ("sex", "u1"),  # As in `SEXES`.
    ]
)
"""What is known of a reference without its template."""

SEXES: Final = {Sex.UNKNOWN: 0, Sex.FEMALE: 1, Sex.MALE: 2}
DAYS_IN_YEAR: Final = 365.2425
_ASKED_AT_A_TIME: Final = 500
"""Ids in one question; databases limit the number of a statement's values."""


@dataclass(frozen=True)
class Rows:
    """References that are searched."""

    ids: Ids
    templates: NDArray[np.float32]
    facts: NDArray[np.void]
    template_ids: list[UUID]


def last_change(session: Session) -> int:
    """The number of the latest change; 0 before there was any."""
    return session.exec(select(func.max(GalleryChange.seq))).one() or 0


def changes_after(session: Session, seq: int) -> list[UUID]:
    """References that changed after a change, in the order of their latest ones."""
    return list(
        session.exec(
            select(GalleryChange.reference_id)
            .where(col(GalleryChange.seq) > seq)
            .order_by(col(GalleryChange.seq))
        )
    )


def searched_ids(session: Session, encoder: EnrolledEncoder) -> set[UUID]:
    """References of open records that have an encoder's template."""
    question = _of_open_records(encoder).with_only_columns(col(Reference.id))
    return set(session.execute(question).scalars())


def rows(session: Session, encoder: EnrolledEncoder, only: Collection[UUID] | None = None) -> Rows:
    """The rows of references that are searched now.

    Args:
        session: a session whose answers belong together.
        encoder: whose templates.
        only: these references; None for all.

    Returns:
        One row a reference that is searched, in the order in which they were added.
    """
    question = _of_open_records(encoder).order_by(col(Reference.id))
    if only is None:
        found = list(session.execute(question))
    else:
        wanted = sorted(only)
        found = [
            row
            for start in range(0, len(wanted), _ASKED_AT_A_TIME)
            for row in session.execute(
                question.where(col(Reference.id).in_(wanted[start : start + _ASKED_AT_A_TIME]))
            )
        ]
    facts = np.zeros(len(found), dtype=FACTS)
    for place, (_vector, record, reference, _template) in enumerate(found):
        age = _age(record, reference)
        facts[place] = (record.id.bytes, -1, age, _born(record, reference, age), SEXES[record.sex])
    vectors = b"".join(vector for vector, _, _, _ in found)
    return Rows(
        ids_of([reference.id for _, _, reference, _ in found]),
        unit(np.frombuffer(vectors, dtype="<f4").astype(np.float32).reshape(len(found), -1))
        if found
        else np.empty((0, 0), dtype=np.float32),
        facts,
        [template_id for _, _, _, template_id in found],
    )


def dimensions(session: Session, encoder: EnrolledEncoder) -> int | None:
    """Numbers in an encoder's templates; None as long as there is none."""
    vector = session.exec(
        select(Template.vector)
        .where(Template.encoder == encoder.name, Template.encoder_version == encoder.version)
        .limit(1)
    ).first()
    return None if vector is None else len(vector) // np.dtype("<f4").itemsize


def ids_of(ids: Sequence[UUID]) -> Ids:
    """UUIDs as the index takes them."""
    return np.array([each.bytes for each in ids], dtype=f"S{ID_BYTES}")


def uuid_of(key: bytes) -> UUID:
    """An id of the index as a UUID; NumPy leaves out zeros at its end."""
    return UUID(bytes=key.ljust(ID_BYTES, b"\0"))


def _of_open_records(encoder: EnrolledEncoder) -> Select[bytes, Record, Reference, UUID]:
    return (
        select(Template.vector, Record, Reference, Template.id)
        .join(Reference, col(Reference.face_id) == col(Template.face_id))
        .join(Record, col(Record.id) == col(Reference.record_id))
        .where(
            col(Record.state) == RecordState.OPEN,
            col(Reference.removed_at).is_(None),
            col(Template.encoder) == encoder.name,
            col(Template.encoder_version) == encoder.version,
        )
    )


def _age(record: Record, reference: Reference) -> float:
    """Age in the photo, in years; NaN when nobody stated enough to compute it."""
    if reference.age_years is not None:
        return reference.age_years
    if record.born_on is None:
        return float("nan")
    taken = reference.taken_on or record.missing_since
    return max((taken - record.born_on).days / DAYS_IN_YEAR, 0.0)


def _born(record: Record, reference: Reference, age: float) -> float:
    if record.born_on is not None:
        return float(record.born_on.toordinal())
    taken = reference.taken_on or record.missing_since
    return taken.toordinal() - age * DAYS_IN_YEAR
