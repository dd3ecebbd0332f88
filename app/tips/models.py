"""Tip, channel, message, and the tables of allowed moves."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored
from app.core.sealing import SealedText


class ChannelKind(StrEnum):
    """How tips come in."""

    WEB = "web"  # The citizens' form.
    PARTNER = "partner"  # A partner's key.
    IMPORT = "import"  # A bulk import by an operator.
    GOLDEN = "golden"  # Known answers mixed in among candidates; nobody sent them.
    SANDBOX = "sandbox"  # A partner tries its program; officers never see what comes in.
    REGISTRY = "registry"  # A police system that sends missing-child records, and no tips.


class Channel(Row, table=True):
    """Where tips come from."""

    __tablename__ = "channel"

    kind: ChannelKind = Field(sa_type=stored(ChannelKind))
    name: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    owner: str = ""
    """Who answers for it: a person or office, with how to reach them."""
    jurisdiction_code: str | None = None
    """Area of the police system behind a registry; it writes records of this area and no other."""
    minute_quota: int | None = None
    """Tips taken in a minute; None takes the deployment's."""
    day_quota: int | None = None
    """Tips taken in 24 hours; None takes the deployment's."""
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when it takes nothing in; what it sent before may still be read."""


class CoordinateSystem(StrEnum):
    """The datum that given coordinates are in; stored ones are WGS 84."""

    WGS84 = "wgs84"  # GPS receivers, browsers.
    GCJ02 = "gcj02"  # Chinese maps.
    BD09 = "bd09"  # Baidu maps.


class TipState(StrEnum):
    """How far a tip has come."""

    RECEIVED = "received"  # Durable, with its job.
    PROCESSING = "processing"  # A worker looks into its photos.
    ROUTED = "routed"  # It belongs to a jurisdiction; nobody has opened it.
    ACKNOWLEDGED = "acknowledged"  # An officer of that place has opened it.
    IN_REVIEW = "in_review"  # A candidate of it is claimed or decided once.
    AWAITING_TIPSTER = "awaiting_tipster"  # An officer asked a question.
    ESCALATED = "escalated"  # A clock ran out; the area above has it.
    FAILED = "failed"  # Processing gave up; a supervisor sees it with its reason.
    LEAD = "lead"  # Worth offline work; a lead or a case holds it.
    DISPOSED = "disposed"  # It has its final code.


TIP_MOVES: dict[TipState, frozenset[TipState]] = {
    TipState.RECEIVED: frozenset({TipState.PROCESSING, TipState.FAILED, TipState.DISPOSED}),
    TipState.PROCESSING: frozenset({TipState.ROUTED, TipState.FAILED, TipState.DISPOSED}),
    TipState.ROUTED: frozenset(
        {
            TipState.ACKNOWLEDGED,
            TipState.IN_REVIEW,
            TipState.AWAITING_TIPSTER,
            TipState.ESCALATED,
            TipState.LEAD,
            TipState.DISPOSED,
        }
    ),
    TipState.ACKNOWLEDGED: frozenset(
        {
            TipState.ROUTED,
            TipState.IN_REVIEW,
            TipState.AWAITING_TIPSTER,
            TipState.ESCALATED,
            TipState.LEAD,
            TipState.DISPOSED,
        }
    ),
    TipState.IN_REVIEW: frozenset(
        {
            TipState.ROUTED,
            TipState.ACKNOWLEDGED,
            TipState.AWAITING_TIPSTER,
            TipState.ESCALATED,
            TipState.LEAD,
            TipState.DISPOSED,
        }
    ),
    TipState.AWAITING_TIPSTER: frozenset(
        {
            TipState.ROUTED,
            TipState.ACKNOWLEDGED,
            TipState.IN_REVIEW,
            TipState.ESCALATED,
            TipState.LEAD,
            TipState.DISPOSED,
        }
    ),
    TipState.ESCALATED: frozenset(
        {TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.IN_REVIEW, TipState.LEAD, TipState.DISPOSED}
    ),
    TipState.FAILED: frozenset({TipState.PROCESSING, TipState.ROUTED, TipState.DISPOSED}),
    TipState.LEAD: frozenset({TipState.DISPOSED, TipState.ROUTED}),
    TipState.DISPOSED: frozenset({TipState.LEAD}),
}
"""Where a tip may go from each state; a disposed one only comes back with its reopened case."""


class Disposition(StrEnum):
    """The final code of a tip."""

    CONVERTED_TO_CASE = "converted_to_case"
    LINKED_TO_CASE = "linked_to_case"
    DUPLICATE_OF = "duplicate_of"
    ALREADY_KNOWN = "already_known"
    WITH_FAMILY_NO_CONCERN = "with_family_no_concern"
    WITH_FAMILY_WELFARE_REFERRAL = "with_family_welfare_referral"
    NOT_A_CHILD = "not_a_child"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    UNABLE_TO_LOCATE = "unable_to_locate"
    RECIRCULATED_OLD_PHOTO = "recirculated_old_photo"
    FALSE_MALICIOUS = "false_malicious"
    TRANSFERRED_OUT = "transferred_out"
    WITHDRAWN_BY_TIPSTER = "withdrawn_by_tipster"
    EXPIRED_UNVERIFIED = "expired_unverified"


class Tip(Row, table=True):
    """What a citizen or partner sent. The first block never changes; the second is its progress."""

    __tablename__ = "tip"
    __table_args__ = (
        Index("ix_tip_channel_id_received_at", "channel_id", "received_at"),
        Index("ix_tip_channel_id_disposed_at", "channel_id", "disposed_at", "disposition"),
    )

    channel_id: UUID = Field(foreign_key="channel.id", index=True)
    received_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    language: str
    place_text: str = Field(sa_type=SealedText("tip.place_text"))
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: float | None = None
    given_system: CoordinateSystem | None = Field(default=None, sa_type=stored(CoordinateSystem))
    observed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    description: str = Field(default="", sa_type=SealedText("tip.description"))
    danger_now: bool = False
    external_id: str | None = Field(default=None, index=True)
    source_url: str | None = Field(default=None, sa_type=SealedText("tip.source_url"))
    contact_sealed: bytes | None = None
    receipt_lookup: bytes = Field(unique=True)
    """First half of Argon2id over the receipt code; the code itself is stored nowhere."""

    state: TipState = Field(default=TipState.RECEIVED, sa_type=stored(TipState), index=True)
    state_reason: str | None = None
    jurisdiction_code: str | None = Field(default=None, foreign_key="jurisdiction.code", index=True)
    disposition: Disposition | None = Field(default=None, sa_type=stored(Disposition))
    disposition_reason: str | None = Field(default=None, sa_type=SealedText("tip.disposition_reason"))
    disposed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disposed_by: UUID | None = Field(default=None, foreign_key="officer.id")
    duplicate_of_id: UUID | None = Field(default=None, foreign_key="tip.id")
    escalated_to: str | None = Field(default=None, index=True)
    """Code of the area above whose duty this tip became when a clock ran out; None while its own has time."""
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When its photos and words went, taken back by the sender or by the clocks of `app.retention`."""
    set_aside_by: UUID | None = Field(default=None, index=True)
    """The voiding of its channel that keeps it out of the officers' work; None when none does."""


class TipEvent(Row, table=True):
    """Where a tip stood from a moment on: written at every move, never changed; clocks read nothing else."""

    __tablename__ = "tip_event"

    tip_id: UUID = Field(foreign_key="tip.id", index=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    state: TipState = Field(sa_type=stored(TipState))
    jurisdiction_code: str | None = Field(default=None, foreign_key="jurisdiction.code")
    escalated_to: str | None = Field(default=None, foreign_key="jurisdiction.code")


class FlagKind(StrEnum):
    """What speaks for a tip being less than honest; it orders work and hides nothing."""

    HONEYPOT = "honeypot"  # A field that people do not see was filled in.
    HASTE = "haste"  # Sent faster than a person can fill in the form.
    FLOOD = "flood"  # Part of an unusual wave of its photo, channel or area.
    REPEATED_TEXT = "repeated_text"  # Its words stand in several other tips of these days.


class TipFlag(SQLModel, table=True):
    """One such sign of one tip."""

    __tablename__ = "tip_flag"

    tip_id: UUID = Field(primary_key=True, foreign_key="tip.id")
    kind: FlagKind = Field(primary_key=True, sa_type=stored(FlagKind))
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Submission(SQLModel, table=True):
    """A sender's own key for a tip, so that a repeated request makes no second tip."""

    __tablename__ = "submission"

    channel_id: UUID = Field(primary_key=True, foreign_key="channel.id")
    key: str = Field(primary_key=True)
    digest: str
    """SHA-256 over fields and photos; the same key with another body is refused."""
    tip_id: UUID = Field(foreign_key="tip.id")
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Author(StrEnum):
    """Who wrote a message of a thread."""

    TIPSTER = "tipster"
    OFFICER = "officer"
    SYSTEM = "system"  # A notice; its text is chosen by its code and the reader's language.


class TipMessage(Row, table=True):
    """One message between tipster and officers."""

    __tablename__ = "tip_message"

    tip_id: UUID = Field(foreign_key="tip.id", index=True)
    author: Author = Field(sa_type=stored(Author))
    officer_id: UUID | None = Field(default=None, foreign_key="officer.id")
    text: str = Field(default="", sa_type=SealedText("tip_message.text"))
    notice: str | None = None
    """Code of a system notice: a disposition's value, or another known code."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class NotificationKind(StrEnum):
    """How a tipster is told that something is new, without a word of what."""

    EMAIL = "email"
    PUSH = "push"  # A web push of the browser.


class TipNotification(Row, table=True):
    """Where a tipster asked to be told; goes with the tip's contact, and when it is withdrawn."""

    __tablename__ = "tip_notification"

    tip_id: UUID = Field(foreign_key="tip.id", index=True)
    kind: NotificationKind = Field(sa_type=stored(NotificationKind))
    address_sealed: bytes
    """The e-mail address, or the browser's push subscription as JSON."""
    language: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    told_until: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    """Moment of the newest message of the thread that was told of."""
    failures: int = 0
    """Tries in a row that failed; after some it is dropped."""
