"""Blind decisions on candidates."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

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
