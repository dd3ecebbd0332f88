"""Voiding: setting a bad channel's open tips aside, until it is undone or becomes final."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime


class ChannelVoid(Row, table=True):
    """One voiding of a channel's backlog; its tips name it while it lasts."""

    __tablename__ = "channel_void"

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    received_from: datetime = Field(sa_type=UtcDateTime)
    received_until: datetime = Field(sa_type=UtcDateTime)
    """The tips that came in from the one moment to before the other."""
    reason: str
    tips: int
    """How many were set aside."""
    made_by: UUID = Field(foreign_key="officer.id")
    made_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    final_at: datetime = Field(sa_type=UtcDateTime)
    """When the tips are closed as false unless it is undone before."""
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_by: UUID | None = Field(default=None, foreign_key="officer.id")
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its tips were closed."""
