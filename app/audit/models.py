"""The audit log's rows."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Counter, Row, UtcDateTime, stored


class ActorKind(StrEnum):
    """Who did it."""

    OFFICER = "officer"  # A signed-in officer; the id is theirs.
    TIPSTER = "tipster"  # The sender of a tip; no id, no address.
    PARTNER = "partner"  # A partner's key; the id is the channel's.
    SYSTEM = "system"  # The worker, or the command line.


class Action(StrEnum):
    """What was done."""

    TIP_ACCEPTED = "tip_accepted"
    TIP_STATE = "tip_state"
    TIP_DISPOSED = "tip_disposed"
    TIP_TRANSFERRED = "tip_transferred"
    TIP_VIEWED = "tip_viewed"
    TIP_ESCALATED = "tip_escalated"
    MESSAGE_SENT = "message_sent"
    CONTACT_OPENED = "contact_opened"
    PHOTO_EXAMINED = "photo_examined"
    PHOTO_PARKED = "photo_parked"
    PHOTO_VIEWED = "photo_viewed"
    PHOTO_CLUSTERED = "photo_clustered"
    PHOTO_SEPARATED = "photo_separated"
    FACE_MARKED = "face_marked"
    GALLERY_SEARCHED = "gallery_searched"
    RECORD_ADDED = "record_added"
    RECORD_CHANGED = "record_changed"
    RECORD_CLOSED = "record_closed"
    RECORD_REOPENED = "record_reopened"
    RECORDS_IMPORTED = "records_imported"
    RECORDS_SEARCHED = "records_searched"
    REVIEW_CLAIMED = "review_claimed"
    REVIEW_RELEASED = "review_released"
    REVIEW_SKIPPED = "review_skipped"
    REVIEW_DECIDED = "review_decided"
    REVIEW_REVERSED = "review_reversed"
    REVIEW_QUALITY_VIEWED = "review_quality_viewed"
    APPEAL_MADE = "appeal_made"
    APPEAL_ANSWERED = "appeal_answered"
    CANDIDATE_REOPENED = "candidate_reopened"
    GOLDEN_ADDED = "golden_added"
    GOLDEN_RETIRED = "golden_retired"
    GOLDEN_MIXED_IN = "golden_mixed_in"
    CANDIDATE_SETTLED = "candidate_settled"
    CANDIDATE_WITHDRAWN = "candidate_withdrawn"
    SIGHTING_SUGGESTED = "sighting_suggested"
    SIGHTING_CONFIRMED = "sighting_confirmed"
    SIGHTING_DECLINED = "sighting_declined"
    SIGHTING_UNDONE = "sighting_undone"
    LEAD_MADE = "lead_made"
    LEAD_DISMISSED = "lead_dismissed"
    CASE_OPENED = "case_opened"
    CASE_CHANGED = "case_changed"
    CASE_CLOSED = "case_closed"
    CASE_REOPENED = "case_reopened"
    CASE_MERGED = "case_merged"
    CASE_UNMERGED = "case_unmerged"
    CASE_SPLIT = "case_split"
    CASE_EXPORTED = "case_exported"
    CHILD_REMOVED = "child_removed"
    TASKING_SHEET_PRINTED = "tasking_sheet_printed"
    ATTACHMENT_ADDED = "attachment_added"
    ATTACHMENT_OPENED = "attachment_opened"
    ATTACHMENT_REMOVED = "attachment_removed"
    REFERRAL_SENT = "referral_sent"
    REFERRAL_CHANGED = "referral_changed"
    MAP_VIEWED = "map_viewed"
    IDENTITY_CONFIRMED = "identity_confirmed"
    FAMILY_CONTACTED = "family_contacted"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    OFFICER_ADDED = "officer_added"
    OFFICER_CHANGED = "officer_changed"
    PARTNER_KEY_MADE = "partner_key_made"
    PARTNER_KEY_REVOKED = "partner_key_revoked"
    JOB_PARKED = "job_parked"
    JOB_RETRIED = "job_retried"
    ENCODER_ENROLLED = "encoder_enrolled"
    ENCODER_PROMOTED = "encoder_promoted"
    ENCODER_RETIRED = "encoder_retired"
    PHOTO_REENCODED = "photo_reencoded"
    JURISDICTIONS_IMPORTED = "jurisdictions_imported"
    PHOTO_ADDED = "photo_added"
    TIP_ERASED = "tip_erased"
    NOTIFICATION_SET = "notification_set"
    NOTIFICATION_ENDED = "notification_ended"
    ENQUIRY_MADE = "enquiry_made"
    ENQUIRY_ANSWERED = "enquiry_answered"
    PARTNER_KEY_ROTATED = "partner_key_rotated"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_PAUSED = "channel_paused"
    CHANNEL_RESUMED = "channel_resumed"
    CHANNEL_VOIDED = "channel_voided"
    CHANNEL_VOID_UNDONE = "channel_void_undone"
    CHANNEL_VOID_CLOSED = "channel_void_closed"
    PACKAGE_OPENED = "package_opened"
    PACKAGE_RETRACTED = "package_retracted"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_REPLAYED = "webhook_replayed"
    RECORD_ERASED = "record_erased"
    RECORDS_EXPORTED = "records_exported"
    BULLETIN_PUBLISHED = "bulletin_published"
    BULLETIN_WITHDRAWN = "bulletin_withdrawn"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    STEPPED_UP = "stepped_up"
    SESSION_ENDED = "session_ended"
    IDENTITY_LINKED = "identity_linked"
    ORIGINAL_ASKED = "original_asked"
    ORIGINAL_DECIDED = "original_decided"
    ORIGINAL_OPENED = "original_opened"
    KEYS_ROTATED = "keys_rotated"
    KEYS_REWRAPPED = "keys_rewrapped"
    BACKUP_MADE = "backup_made"
    BACKUP_RESTORED = "backup_restored"
    ORPHANS_SWEPT = "orphans_swept"
    PHOTOS_COPIED = "photos_copied"
    RETENTION_RUN = "retention_run"
    PHOTO_ERASED = "photo_erased"
    PHOTO_BLURRED = "photo_blurred"
    AUDIT_SEARCHED = "audit_searched"
    AUDIT_EXPORTED = "audit_exported"
    ANOMALY_FOUND = "anomaly_found"
    ANOMALY_SEEN = "anomaly_seen"
    FLOOD_FOUND = "flood_found"
    FLOOD_CLOSED = "flood_closed"
    TIP_FLAGGED = "tip_flagged"
    ACCESS_REFUSED = "access_refused"


class AnomalyKind(StrEnum):
    """What is unusual about how an officer works."""

    BULK = "bulk"  # Many more photos or tips opened in an hour than colleagues open.
    OUT_OF_AREA = "out_of_area"  # Ids of other areas asked for again and again.
    OUT_OF_HOURS = "out_of_hours"  # Photos opened far outside the working day.
    REFUSED = "refused"  # Doors tried that the role does not open.
    SAME_CHILD = "same_child"  # One child looked at again and again without a decision.


class Anomaly(Row, table=True):
    """Something unusual in the log, for an auditor to look into; a reason to ask, never a finding."""

    __tablename__ = "anomaly"
    __table_args__ = (UniqueConstraint("kind", "officer_id", "since"),)

    kind: AnomalyKind = Field(sa_type=stored(AnomalyKind))
    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    """Begin of the hour or day that is meant."""
    until: datetime = Field(sa_type=UtcDateTime)
    count: int
    usual: float
    """What colleagues reach in the same time: the median."""
    found_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    seen_by: UUID | None = Field(default=None, foreign_key="officer.id")
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note_sealed: bytes | None = None


class AuditEvent(SQLModel, table=True):
    """One link of the chain. Holds ids and codes, never a name, a text, a place or a photo."""

    __tablename__ = "audit_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = Field(default=None, primary_key=True, sa_type=Counter)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor_kind: ActorKind = Field(sa_type=stored(ActorKind))
    actor_id: str | None = Field(default=None, index=True)
    action: Action = Field(sa_type=stored(Action), index=True)
    subject_kind: str
    subject_id: str = Field(index=True)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    previous_hash: str
    hash: str
