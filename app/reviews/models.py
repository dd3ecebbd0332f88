"""Blind decisions on candidates."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Conclusion(StrEnum):
    """What an officer concludes from comparing a probe with a record."""

    SUPPORT_SAME_STRONG = "support_same_strong"  # Strong support for the same person.
    SUPPORT_SAME = "support_same"  # Support for the same person.
    INCONCLUSIVE = "inconclusive"  # The pictures would bear a comparison, but it does not settle.
    SUPPORT_DIFFERENT = "support_different"  # Support for different persons.
    EXCLUDE = "exclude"  # Not the same person.
    IMAGE_INSUFFICIENT = "image_insufficient"  # The pictures do not bear a comparison.


SAME = frozenset({Conclusion.SUPPORT_SAME_STRONG, Conclusion.SUPPORT_SAME})
DIFFERENT = frozenset({Conclusion.SUPPORT_DIFFERENT, Conclusion.EXCLUDE})
UNDECIDED = frozenset({Conclusion.INCONCLUSIVE, Conclusion.IMAGE_INSUFFICIENT})


class ReviewKind(StrEnum):
    """In which place a review stands."""

    REVIEW = "review"  # One of the blind pair.
    EXAMINATION = "examination"  # A supervisor's, after the pair disagreed.


class ReviewState(StrEnum):
    """Whether the officer still holds it."""

    CLAIMED = "claimed"  # Held until the lease runs out.
    DECIDED = "decided"  # The conclusion is in and stays.
    RELEASED = "released"  # Handed back, or the lease ran out.
    SKIPPED = "skipped"  # Passed over without blame; counted, and not offered to the same officer first.


class Review(Row, table=True):
    """One officer's comparison of a probe with a record."""

    __tablename__ = "review"
    __table_args__ = (
        Index(
            "review_one_holder",
            "candidate_id",
            unique=True,
            sqlite_where=text("state = 'claimed'"),
            postgresql_where=text("state = 'claimed'"),
        ),
        Index(
            "review_once_per_officer",
            "candidate_id",
            "officer_id",
            unique=True,
            sqlite_where=text("state = 'decided'"),
            postgresql_where=text("state = 'decided'"),
        ),
    )

    candidate_id: UUID = Field(foreign_key="candidate.id", index=True)
    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    kind: ReviewKind = Field(default=ReviewKind.REVIEW, sa_type=stored(ReviewKind))
    state: ReviewState = Field(default=ReviewState.CLAIMED, sa_type=stored(ReviewState))
    claimed_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    lease_until: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    conclusion: Conclusion | None = Field(default=None, sa_type=stored(Conclusion))
    reason: str = ""
    features: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Checklist: what the officer found of each component of the face, by the code of the component."""
    exposure_s: float | None = None
    """Seconds for which the pictures were uncovered; None where no script told."""
    set_aside_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a reversal or an upheld appeal took it out of account; its officer does not decide here again."""


class AppealKind(StrEnum):
    """Who asks for a decision to be taken out of account."""

    REVERSAL = "reversal"  # The officer who decided, before the candidate is settled; takes effect at once.
    APPEAL = "appeal"  # Any officer of the area, after it is settled; a supervisor answers.


class AppealState(StrEnum):
    """Where it stands."""

    OPEN = "open"  # Waits for a supervisor.
    UPHELD = "upheld"  # The decisions are set aside and the candidate is reviewed anew by others.
    REFUSED = "refused"  # They stand.


class Appeal(Row, table=True):
    """A written motive to take decisions on a candidate out of account."""

    __tablename__ = "appeal"

    candidate_id: UUID = Field(foreign_key="candidate.id", index=True)
    kind: AppealKind = Field(sa_type=stored(AppealKind))
    officer_id: UUID = Field(foreign_key="officer.id")
    motive: str
    made_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    state: AppealState = Field(default=AppealState.OPEN, sa_type=stored(AppealState), index=True)
    answered_by: UUID | None = Field(default=None, foreign_key="officer.id")
    answer: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GoldenTruth(StrEnum):
    """What is known of a golden item."""

    SAME = "same"
    DIFFERENT = "different"


class GoldenItem(Row, table=True):
    """A pair of pictures whose answer is known, to be mixed in among candidates; synthetic people only."""

    __tablename__ = "golden_item"

    name: str = Field(unique=True)
    truth: GoldenTruth = Field(sa_type=stored(GoldenTruth))
    photo_id: UUID = Field(foreign_key="photo.id")
    """The probe's photo; copied into a tip of its own each time the item is used."""
    record_id: UUID = Field(foreign_key="record.id")
    added_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GoldenUse(SQLModel, table=True):
    """A candidate that is a golden item in disguise; read by quality figures and what keeps it secret."""

    __tablename__ = "golden_use"

    candidate_id: UUID = Field(primary_key=True, foreign_key="candidate.id")
    item_id: UUID = Field(foreign_key="golden_item.id", index=True)
    mixed_in_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class SavedView(Row, table=True):
    """Filters of a list that an officer keeps under a name."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("officer_id", "page", "name"),)

    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    page: str
    """Which list: the last part of its path."""
    name: str
    query: str
    """The filters as they stand in the page's address."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
