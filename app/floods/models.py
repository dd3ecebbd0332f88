"""Waves of tips that are larger than chance."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class FloodKind(StrEnum):
    """Of what there are suddenly many."""

    CLUSTER = "cluster"  # The same picture, sent again and again.
    CHANNEL = "channel"  # One channel.
    AREA = "area"  # One area.


class Flood(Row, table=True):
    """A wave; it is over when the last hour was ordinary again."""

    __tablename__ = "flood"
    __table_args__ = (UniqueConstraint("kind", "subject", "began_at"),)

    kind: FloodKind = Field(sa_type=stored(FloodKind))
    subject: str = Field(index=True)
    """Id of the cluster or channel, or code of the area."""
    jurisdiction_code: str | None = Field(default=None, index=True)
    """Area whose supervisors see it; None for a wave that has no single one."""
    began_at: datetime = Field(sa_type=UtcDateTime)
    found_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    count: int
    """Tips of the busiest hour."""
    expected: float
    """Tips that such an hour usually has."""
    seen_by: UUID | None = Field(default=None, foreign_key="officer.id")
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
