"""Photo, rendition, face, template; photo cluster, and by what its photos are known to be one picture."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored
from app.core.sealing import SealedBytes, SealedVector


class PhotoState(StrEnum):
    """How far a photo has come."""

    PENDING = "pending"  # Stored and sealed; not looked into yet.
    EXAMINED = "examined"  # Renditions, hash and faces are there.
    PARKED = "parked"  # Cannot be read; the reason is kept and shown, the original stays sealed.
    BLURRED = "blurred"  # Only the redacted rendition is left; everything that showed a face is gone.


class RenditionKind(StrEnum):
    """Which derived picture."""

    SCENE = "scene"  # The whole picture; for review and triage only.
    REDACTED = "redacted"  # The whole picture with every face blurred; for all other pages.
    FACE = "face"  # A face and a little around it.


class LinkKind(StrEnum):
    """What a photo is of another that is the same picture; but for two, as `matching.pictures` finds it."""

    SAME_FILE = "same_file"  # The very same bytes.
    COPY = "copy"  # All of it, perhaps resized, recompressed or filtered.
    SCREENSHOT = "screenshot"  # In the frame of a phone's screen.
    CROP = "crop"  # A part of it.
    MIRRORED = "mirrored"  # Flipped left to right, perhaps more.
    ROTATED = "rotated"  # Turned.
    EDITED = "edited"  # With a border, a caption, a sticker, a face hidden.
    BY_HAND = "by_hand"  # An officer put them together.


class LinkDerived(StrEnum):
    """Which of the two photos of a link was made from the other."""

    FIRST = "first"  # The photo itself.
    SECOND = "second"  # The other.
    UNKNOWN = "unknown"  # It cannot be seen.


class PhotoCluster(Row, table=True):
    """Photos that are the same picture: reposts, crops, screenshots."""

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
    marked_x: float | None = None
    marked_y: float | None = None
    """Where in the upright picture its sender pointed at the child: shares of width and height, 0 to 1."""

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


class PhotoFingerprint(SQLModel, table=True):
    """All by which copies of a tip's photo are known; `matching.pictures.fingerprint` reads and writes it."""

    __tablename__ = "photo_fingerprint"

    number: int | None = Field(default=None, primary_key=True)
    """A short name for the index."""
    photo_id: UUID = Field(foreign_key="photo.id", unique=True)
    pdq: str
    """PDQ hash of the whole picture as it is exchanged: 64 hexadecimal digits; empty if it says nothing."""
    pdq_quality: int
    """0 to 100."""
    content_pdq: str
    """The same of what a plain frame leaves."""
    fingerprint: bytes = Field(sa_type=SealedBytes("photo_fingerprint.fingerprint"))


class PhotoWord(SQLModel, table=True):
    """The index of fingerprints: a number that copies of a picture have in common."""

    __tablename__ = "photo_word"
    __table_args__ = ({"sqlite_with_rowid": False},)

    word: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Of the fingerprint; without a foreign key, whose check would read the whole index on each erasure."""


class PhotoLink(SQLModel, table=True):
    """Why a photo is the same picture as another, and what it is of it."""

    __tablename__ = "photo_link"
    __table_args__ = (CheckConstraint("photo_id <> other_id", name="ck_photo_link_two_photos"),)

    photo_id: UUID = Field(primary_key=True, foreign_key="photo.id")
    other_id: UUID = Field(primary_key=True, foreign_key="photo.id", index=True)
    kind: LinkKind = Field(sa_type=stored(LinkKind))
    derived: LinkDerived = Field(default=LinkDerived.UNKNOWN, sa_type=stored(LinkDerived))
    joined: bool
    """Whether the photo is in the other's cluster because of this; else it is only told to officers."""
    keypoints: int | None = None
    """Places that coincide."""
    agreement: float | None = None
    """Share of the parts that agree where both show something, 0 to 1."""
    correlation: float | None = None
    """Of the grey levels there, -1 to 1."""
    pdq_distance: int | None = None
    """Bits of 256 by which the nearest hashes differ."""
    turned: float | None = None
    """Degrees, clockwise, by which the photo is turned in the other."""
    made_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When an officer took the photo out again."""


class KnownList(Row, table=True):
    """A list of known pictures, such as ones that went round before and are explained."""

    __tablename__ = "known_list"

    name: str = Field(unique=True)
    imported_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class KnownPicture(SQLModel, table=True):
    """A picture of a list, known by its hash alone."""

    __tablename__ = "known_picture"
    __table_args__ = (UniqueConstraint("list_id", "pdq"),)

    number: int | None = Field(default=None, primary_key=True)
    list_id: UUID = Field(foreign_key="known_list.id")
    pdq: str
    """64 hexadecimal digits."""
    pdq_quality: int
    tags: str = ""
    """As the list has them, with commas between."""


class KnownWord(SQLModel, table=True):
    """The index of known pictures, by the bands of their hashes."""

    __tablename__ = "known_word"
    __table_args__ = ({"sqlite_with_rowid": False},)

    word: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Of the known picture; without a foreign key, as above."""


class PhotoOnList(SQLModel, table=True):
    """A tip's photo has a hash near one of a list: a flag for officers, never a decision."""

    __tablename__ = "photo_on_list"

    photo_id: UUID = Field(primary_key=True, foreign_key="photo.id")
    known_number: int = Field(primary_key=True, foreign_key="known_picture.number")
    distance: int
    """Bits of 256."""


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


class OriginalRequest(Row, table=True):
    """A wish to see a sealed original: one officer asks, another allows it, the first opens it once."""

    __tablename__ = "original_request"
    __table_args__ = (
        CheckConstraint(
            "decided_by IS NULL OR decided_by <> asked_by", name="ck_original_request_two_persons"
        ),
    )

    photo_id: UUID = Field(foreign_key="photo.id", index=True)
    asked_by: UUID = Field(foreign_key="officer.id", index=True)
    asked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    reason_sealed: bytes
    decided_by: UUID | None = Field(default=None, foreign_key="officer.id")
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    allowed: bool | None = None
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FaceRole(StrEnum):
    """Who an officer says a face is."""

    UNMARKED = "unmarked"  # Nobody has said.
    CHILD = "child"  # The child that the tip is about.
    BYSTANDER = "bystander"  # Somebody else: not searched, blurred outside review.


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
    landmarks: list[list[float]] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """(x, y) of both eyes, the one further left first, and of the nose; pixels of the scene rendition."""
    role: FaceRole = Field(default=FaceRole.UNMARKED, sa_type=stored(FaceRole))


class Template(Row, table=True):
    """The numbers an encoder gave for a face, always with the encoder's name and version."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("face_id", "encoder", "encoder_version"),)

    face_id: UUID = Field(foreign_key="face.id", index=True)
    encoder: str
    encoder_version: str
    vector: bytes = Field(sa_type=SealedVector("template.vector"))
    """float32, little endian."""
