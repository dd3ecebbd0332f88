"""A bulletin and its texts."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime


class Bulletin(Row, table=True):
    """An official statement of an area's police; a correction names what it corrects, and both stay."""

    __tablename__ = "bulletin"

    jurisdiction_code: str = Field(foreign_key="jurisdiction.code", index=True)
    written_by: UUID = Field(foreign_key="officer.id")
    corrects_id: UUID | None = Field(default=None, foreign_key="bulletin.id")
    published_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when only the fact that it was withdrawn is shown."""
    withdrawal_reason: str | None = None


class BulletinText(SQLModel, table=True):
    """What a bulletin says in one language."""

    __tablename__ = "bulletin_text"

    bulletin_id: UUID = Field(primary_key=True, foreign_key="bulletin.id")
    language: str = Field(primary_key=True)
    title: str
    body: str
