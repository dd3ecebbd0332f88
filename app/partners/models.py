"""Partner keys, what they use up, and what they are about to send."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Scope(StrEnum):
    """What a key may do."""

    TIPS_SEND = "tips:send"
    TIPS_READ = "tips:read"
    WEBHOOKS = "webhooks"  # See and change where answers are sent.
    RECORDS = "records"  # Create, update, close and erase records of the channel's area.


TIP_SCOPES = (Scope.TIPS_SEND, Scope.TIPS_READ, Scope.WEBHOOKS)
"""What a partner's key may do unless it is made for less."""


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
    label: str = ""
    """What the partner calls it: a machine, a team."""
    scopes: list[str] = Field(default_factory=lambda: [*TIP_SCOPES], sa_column=Column(JSON, nullable=False))
    signing_secret_sealed: bytes | None = None
    """Secret of its request signatures; with one, a request without a good signature is refused."""
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ChannelDay(SQLModel, table=True):
    """What a channel asked for on one day, UTC."""

    __tablename__ = "channel_day"

    channel_id: UUID = Field(primary_key=True, foreign_key="channel.id")
    day: date = Field(primary_key=True)
    accepted: int = 0
    """Tips taken."""
    refused: int = 0
    """Requests with a mistake in them: 4xx but 401 and 429."""
    throttled: int = 0
    """Requests beyond the quota: 429."""
    failed: int = 0
    """Requests that failed here: 5xx."""
    last_refusal: str | None = None
    """Code of the newest mistake."""


class PackageState(StrEnum):
    """How far a package has come."""

    OPEN = "open"  # Files may be added.
    FINISHED = "finished"  # It became a tip.
    RETRACTED = "retracted"  # Its sender took it back before it was finished; its files are gone.


class Package(Row, table=True):
    """A tip in the making: opened, filled with files, then finished or retracted."""

    __tablename__ = "package"

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    state: PackageState = Field(default=PackageState.OPEN, sa_type=stored(PackageState))
    fields_sealed: bytes
    """The tip's fields as JSON."""
    tip_id: UUID | None = Field(default=None, foreign_key="tip.id")
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Upload(Row, table=True):
    """A file that arrives in pieces; unfinished ones are swept when they expire."""

    __tablename__ = "upload"

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    package_id: UUID | None = Field(default=None, foreign_key="package.id", index=True)
    length: int
    """Bytes that its sender announced."""
    received: int = 0
    """Bytes that are durable here."""
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    sha256: str | None = None
    """Of the whole file, once it is all here."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class UploadPart(SQLModel, table=True):
    """One durable piece of an upload, sealed like any photo."""

    __tablename__ = "upload_part"
    __table_args__ = (UniqueConstraint("store_key"),)

    upload_id: UUID = Field(primary_key=True, foreign_key="upload.id")
    start: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Bytes before it."""
    size: int
    store_key: str
    sealed_key: bytes
