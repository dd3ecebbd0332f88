"""Sightings, the faces in them, and what the machine suggests."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class SuggestionState(StrEnum):
    """What a person made of a suggestion."""

    OPEN = "open"  # Nobody has looked.
    CONFIRMED = "confirmed"  # The same child.
    DECLINED = "declined"  # Not the same child, or it cannot be told.
    WITHDRAWN = "withdrawn"  # A face was marked as a bystander, or its tip was taken back.


class SightingSuggestion(Row, table=True):
    """Two faces of different pictures, near in place and time, that may be one child; a person decides."""

    __tablename__ = "sighting_suggestion"
    __table_args__ = (UniqueConstraint("face_id", "other_id"),)

    face_id: UUID = Field(foreign_key="face.id")
    """The one with the smaller id."""
    other_id: UUID = Field(foreign_key="face.id", index=True)
    score: float
    """Comparison score of the two templates. Hidden from whoever decides, like a candidate's."""
    encoder: str
    encoder_version: str
    distance_m: float
    hours_apart: float
    state: SuggestionState = Field(default=SuggestionState.OPEN, sa_type=stored(SuggestionState), index=True)
    made_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    decided_by: UUID | None = Field(default=None, foreign_key="officer.id")
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Sighting(Row, table=True):
    """Faces that a person assessed as the same child; in the order of their times they are its track."""

    __tablename__ = "sighting"

    jurisdiction_code: str = Field(foreign_key="jurisdiction.code", index=True)
    made_by: UUID = Field(foreign_key="officer.id")
    made_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    note: str = ""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the last two faces were taken apart; None while it stands."""


class SightingFace(Row, table=True):
    """A face in a sighting; taken out again, the row stays with its end."""

    __tablename__ = "sighting_face"
    __table_args__ = (
        Index(
            "sighting_face_once",
            "face_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    sighting_id: UUID = Field(foreign_key="sighting.id", index=True)
    face_id: UUID = Field(foreign_key="face.id")
    tip_id: UUID = Field(foreign_key="tip.id", index=True)
    added_by: UUID = Field(foreign_key="officer.id")
    added_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_by: UUID | None = Field(default=None, foreign_key="officer.id")
