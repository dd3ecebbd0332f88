"""The encoders that a deployment uses, and how far each has gone through the photos."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class EncoderState(StrEnum):
    """What an encoder is used for."""

    ENROLLED = "enrolled"  # New photos get its templates; nothing is searched with them yet.
    ACTIVE = "active"  # New photos get its templates, and searches compare them. One at most.
    RETIRED = "retired"  # Not used any more; its templates are gone.


class EnrolledEncoder(Row, table=True):
    """An encoder in one version: templates of two rows are never compared."""

    __tablename__ = "encoder"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        Index(
            "encoder_one_active",
            "state",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    name: str
    version: str
    state: EncoderState = Field(default=EncoderState.ENROLLED, sa_type=stored(EncoderState))
    enrolled_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    promoted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PhotoEncoding(SQLModel, table=True):
    """An examined photo that was gone through again for an encoder: re-encoding goes on behind it."""

    __tablename__ = "photo_encoding"

    encoder_id: UUID = Field(primary_key=True, foreign_key="encoder.id")
    photo_id: UUID = Field(primary_key=True, foreign_key="photo.id")
    encoded_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    faces_added: int = 0
    """Faces that the examination before had not found."""
    faces_missed: int = 0
    """Faces known before for which there is no template."""
    reason: str | None = None
    """Why the photo could not be examined again; None if it was."""
