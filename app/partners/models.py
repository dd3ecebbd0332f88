"""Partner keys."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime


class PartnerKey(Row, table=True):
    """A key that may send tips on a channel and read what became of them; only its hash is stored."""

    __tablename__ = "partner_key"

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    key_id: str = Field(unique=True)
    """The part of the key that may be shown and logged."""
    key_sha256: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
