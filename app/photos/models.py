"""Photo, rendition, photo cluster, face, template."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class PhotoState(StrEnum):
    """How far a photo has come."""

    PENDING = "pending"  # Stored and sealed; not looked into yet.
    EXAMINED = "examined"  # Renditions, hash and faces are there.
    PARKED = "parked"  # Cannot be read; the reason is kept and shown, the original stays sealed.


class RenditionKind(StrEnum):
    """Which derived picture."""

    SCENE = "scene"  # The whole picture; for review and triage only.
    REDACTED = "redacted"  # The whole picture with every face blurred; for all other pages.
    FACE = "face"  # A face and a little around it.


class PhotoCluster(Row, table=True):
    """Photos that are the same picture: reposts, resizes, recompressions."""

    __tablename__ = "photo_cluster"

    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Photo(Row, table=True):
    """A sealed original: of a tip, or of a record's reference."""

    __tablename__ = "photo"

    tip_id: UUID | None = Field(default=None, foreign_key="tip.id", index=True)
    position: int = 0
    sha256: str = Field(index=True)
    byte_count: int
    format: str
    store_key: str = Field(unique=True)
    sealed_key: bytes
    received_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)

    state: PhotoState = Field(default=PhotoState.PENDING, sa_type=stored(PhotoState))
    parked_reason: str | None = None
    examined_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    width: int | None = None
    height: int | None = None
    claimed_taken_at: str | None = None
    claimed_latitude: float | None = None
    claimed_longitude: float | None = None

    cluster_id: UUID | None = Field(default=None, foreign_key="photo_cluster.id", index=True)
    kept_apart: bool = False
    """An officer took this photo out of a cluster; it is not joined to one again."""


class PhotoHash(SQLModel, table=True):
    """A photo's perceptual hash in four bands, so that SQL finds near ones exactly."""

    __tablename__ = "photo_hash"

    photo_id: UUID = Field(primary_key=True, foreign_key="photo.id")
    phash: int = Field(sa_column=Column(BigInteger, nullable=False))
    """64 bits, as a signed integer."""
    verification: bytes
    """256 bits that confirm what the 64 bits suggest."""
    detail: float
    """Spread of the picture's grey levels; a hash of a flat picture is not kept."""
    band0: int = Field(index=True)
    band1: int = Field(index=True)
    band2: int = Field(index=True)
    band3: int = Field(index=True)


class Rendition(Row, table=True):
    """A derived picture without metadata, sealed like the original."""

    __tablename__ = "rendition"
    __table_args__ = (UniqueConstraint("photo_id", "kind", "face_position"),)

    photo_id: UUID = Field(foreign_key="photo.id", index=True)
    kind: RenditionKind = Field(sa_type=stored(RenditionKind))
    face_position: int = -1
    """Which face a crop shows; -1 for pictures of the whole scene."""
    store_key: str = Field(unique=True)
    sealed_key: bytes
    width: int
    height: int


class Face(Row, table=True):
    """One face seen in one photo; lengths are pixels of the scene rendition."""

    __tablename__ = "face"
    __table_args__ = (UniqueConstraint("photo_id", "position"),)

    photo_id: UUID = Field(foreign_key="photo.id", index=True)
    position: int
    left: int
    top: int
    width: int
    height: int
    quality: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Template(Row, table=True):
    """The numbers an encoder gave for a face, always with the encoder's name and version."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("face_id", "encoder", "encoder_version"),)

    face_id: UUID = Field(foreign_key="face.id", index=True)
    encoder: str
    encoder_version: str
    vector: bytes
    """float32, little endian."""
