"""Police missing-child records and their references."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

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
    ERASED = "erased"  # Nothing of it is left but the row that tells so.


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
    kept_by: str = ""
    """Name of the police system that keeps it up to date; empty when clerks do."""
    expires_on: date | None = None
    """Day after which its registry wants it closed; None without one."""
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


class SuppressedKind(StrEnum):
    """By what an erased record is known again."""

    NUMBER = "number"
    FILE = "file"  # SHA-256 of one of its photos.
    PICTURE = "picture"  # Perceptual hash of one of its photos.


class Suppressed(SQLModel, table=True):
    """What must not come back after an erasure; keyed digests, so that the list itself tells nothing."""

    __tablename__ = "suppressed"

    kind: SuppressedKind = Field(primary_key=True, sa_type=stored(SuppressedKind))
    digest: str = Field(primary_key=True)
    erased_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ImportState(StrEnum):
    """How far an import has come."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # Interrupted; goes on where it was.


class ImportRun(Row, table=True):
    """One import of a folder or a registry's batch, so that it can be followed, resumed and looked up."""

    __tablename__ = "import_run"

    source: str
    """What was imported, without its path: a file's name, a registry's."""
    digest: str = Field(index=True)
    """SHA-256 of the list: the same list goes on where it stopped."""
    dry_run: bool = False
    state: ImportState = Field(default=ImportState.RUNNING, sa_type=stored(ImportState))
    total: int = 0
    done: int = 0
    """Lines that are settled; all before it are."""
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Lines by what became of them."""
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ImportProblem(Row, table=True):
    """A line that was refused, and why."""

    __tablename__ = "import_problem"
    __table_args__ = (Index("ix_import_problem_run_id_line", "run_id", "line"),)

    run_id: UUID = Field(foreign_key="import_run.id")
    line: int
    field: str | None = None
    message: str
    """English sentence, also the translation key."""
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Named values of the sentence; never what the line said."""
