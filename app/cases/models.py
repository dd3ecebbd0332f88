"""Lead, case, task, note, and the table of allowed moves."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Lead(Row, table=True):
    """A candidate agreed by two reviewers, or a tip worth an offline check without any candidate."""

    __tablename__ = "lead"

    tip_id: UUID = Field(foreign_key="tip.id", index=True)
    candidate_id: UUID | None = Field(default=None, foreign_key="candidate.id", unique=True)
    record_id: UUID | None = Field(default=None, foreign_key="record.id")
    jurisdiction_code: str = Field(foreign_key="jurisdiction.code", index=True)
    reason: str
    created_by: UUID | None = Field(default=None, foreign_key="officer.id")
    """The officer who made a lead from triage; None when two reviews agreed."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    dismissed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was given up without a case; `LeadDismissal` says by whom and why."""


class LeadDismissal(Row, table=True):
    """A lead given up without a case: by a supervisor, or because its reviews were set aside."""

    __tablename__ = "lead_dismissal"

    lead_id: UUID = Field(foreign_key="lead.id", index=True)
    officer_id: UUID = Field(foreign_key="officer.id")
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    reason: str
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it became a lead again."""


class CaseState(StrEnum):
    """How far the offline work has come."""

    OPEN = "open"
    TASKED = "tasked"
    FIELD_VERIFIED = "field_verified"
    IDENTITY_CONFIRMED = "identity_confirmed"
    IDENTITY_REFUTED = "identity_refuted"
    OUTCOME_RECORDED = "outcome_recorded"
    CLOSED = "closed"


CASE_MOVES: dict[CaseState, frozenset[CaseState]] = {
    CaseState.OPEN: frozenset({CaseState.TASKED}),
    CaseState.TASKED: frozenset({CaseState.FIELD_VERIFIED}),
    CaseState.FIELD_VERIFIED: frozenset({CaseState.IDENTITY_CONFIRMED, CaseState.IDENTITY_REFUTED}),
    CaseState.IDENTITY_CONFIRMED: frozenset({CaseState.OUTCOME_RECORDED}),
    CaseState.IDENTITY_REFUTED: frozenset({CaseState.OUTCOME_RECORDED}),
    CaseState.OUTCOME_RECORDED: frozenset({CaseState.CLOSED}),
    CaseState.CLOSED: frozenset({CaseState.OPEN}),
}
"""Where a case may go from each state; from closed only with a written motive."""


class Outcome(StrEnum):
    """What happened to the child."""

    REUNITED = "reunited"
    GUARDIAN_VERIFIED = "guardian_verified"
    PLACED_IN_CARE = "placed_in_care"
    WELFARE_SUPPORT = "welfare_support"
    PROSECUTION_OPENED = "prosecution_opened"
    NOT_MISSING = "not_missing"
    UNRESOLVED = "unresolved"


class IdentityEvidence(StrEnum):
    """What an identity may be confirmed with; a face comparison is not among them."""

    DNA = "dna"
    DOCUMENT = "document"


class Case(Row, table=True):
    """Offline police work on a lead."""

    __tablename__ = "police_case"

    number: str = Field(unique=True)
    lead_id: UUID = Field(foreign_key="lead.id", unique=True)
    record_id: UUID | None = Field(default=None, foreign_key="record.id")
    jurisdiction_code: str = Field(foreign_key="jurisdiction.code", index=True)
    state: CaseState = Field(default=CaseState.OPEN, sa_type=stored(CaseState), index=True)
    opened_by: UUID = Field(foreign_key="officer.id")
    opened_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    identity_evidence: IdentityEvidence | None = Field(default=None, sa_type=stored(IdentityEvidence))
    identity_reference: str | None = None
    """Number of the laboratory report or document."""
    identity_confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    family_contacted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: Outcome | None = Field(default=None, sa_type=stored(Outcome))
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the child was taken away from those it was with; civil affairs then has to report an outcome."""


class CaseTip(SQLModel, table=True):
    """A tip that belongs to a case."""

    __tablename__ = "case_tip"

    case_id: UUID = Field(primary_key=True, foreign_key="police_case.id")
    tip_id: UUID = Field(primary_key=True, foreign_key="tip.id", index=True)
    linked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class CaseEntryKind(StrEnum):
    """What an entry of the timeline says."""

    OPENED = "opened"
    NOTE = "note"
    TASK_ADDED = "task_added"
    TASK_DONE = "task_done"
    STATE = "state"
    FAMILY_CONTACT = "family_contact"
    TASK_CANCELLED = "task_cancelled"
    REFERRAL = "referral"
    REMOVAL = "removal"
    ATTACHMENT = "attachment"
    TIP_LINKED = "tip_linked"
    MERGED = "merged"
    UNMERGED = "unmerged"
    SPLIT = "split"
    EXPORTED = "exported"
    CLOSED = "closed"
    REOPENED = "reopened"


class CaseEntry(Row, table=True):
    """One entry of a case's timeline; never changed after it was written."""

    __tablename__ = "case_entry"

    case_id: UUID = Field(foreign_key="police_case.id", index=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    officer_id: UUID = Field(foreign_key="officer.id")
    kind: CaseEntryKind = Field(sa_type=stored(CaseEntryKind))
    text: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class CaseTask(Row, table=True):
    """Something an officer is to do outside."""

    __tablename__ = "case_task"

    case_id: UUID = Field(foreign_key="police_case.id", index=True)
    title: str
    assignee_id: UUID | None = Field(default=None, foreign_key="officer.id")
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    result: str = ""
    instructions: str = ""
    """What to do and to look out for; printed on the tasking sheet."""
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CaseMerge(Row, table=True):
    """A case that was taken into another and rests until that is undone."""

    __tablename__ = "case_merge"

    case_id: UUID = Field(foreign_key="police_case.id", index=True)
    into_id: UUID = Field(foreign_key="police_case.id", index=True)
    officer_id: UUID = Field(foreign_key="officer.id")
    motive: str
    merged_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    tips: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Ids of the tips that the other case had not held before."""
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CaseAttachment(Row, table=True):
    """A file that an officer put into a case; sealed like a photo, and sent back only as a download."""

    __tablename__ = "case_attachment"

    case_id: UUID = Field(foreign_key="police_case.id", index=True)
    name: str
    media_type: str
    byte_count: int
    sha256: str
    store_key: str = Field(unique=True)
    sealed_key: bytes
    added_by: UUID = Field(foreign_key="officer.id")
    added_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was taken out of the case; the sealed file stays."""
