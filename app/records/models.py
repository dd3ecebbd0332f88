"""Police missing-child records and their references."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Sex(StrEnum):
    """As the record states it."""

    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


class RecordState(StrEnum):
    """Whether the child is still looked for."""

    OPEN = "open"  # Searched against.
    CLOSED = "closed"  # Found, or withdrawn by the police; not searched.


class Record(Row, table=True):
    """A missing child, as the police registered them. Never holds a family's contact."""

    __tablename__ = "record"

    number: str = Field(unique=True)
    """The police's own case number."""
    name: str
    sex: Sex = Field(default=Sex.UNKNOWN, sa_type=stored(Sex))
    born_on: date | None = None
    missing_since: date
    missing_place: str = ""
    features: str = ""
    """Marks, clothing, habits; shown in the comparison."""
    jurisdiction_code: str = Field(foreign_key="jurisdiction.code", index=True)
    state: RecordState = Field(default=RecordState.OPEN, sa_type=stored(RecordState), index=True)
    closing_reason: str | None = None
    golden: bool = False
    """Part of a known answer for reviewers: synthetic, never searched against, in no list of records."""
    revision: int = 1
    """Counts changes; a form sent for an older revision is refused."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Reference(Row, table=True):
    """One of a record's photos, and the face in it that is the child's."""

    __tablename__ = "reference"

    record_id: UUID = Field(foreign_key="record.id", index=True)
    photo_id: UUID = Field(foreign_key="photo.id", unique=True)
    face_id: UUID | None = Field(default=None, foreign_key="face.id", index=True)
    """The child's face; None until the photo is examined, or when no face was found."""
    taken_on: date | None = None
    age_years: float | None = None
    """Age of the child in the photo, stated or computed from birth date and taken_on."""
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
