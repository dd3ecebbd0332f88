"""Candidate lists and candidates."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class SearchCause(StrEnum):
    """Why the gallery was searched."""

    TIP = "tip"  # A new tip's face against all open records.
    RETROACTION = "retroaction"  # A new or changed record against all retained faces.
    PROMOTION = "promotion"  # A tip's face against all open records, with an encoder newly searched with.


class Support(StrEnum):
    """What the likelihood ratio says in words: `matching.calibration.Support`, without loading arrays."""

    NONE = "no_support"  # The scores support the same person no more than two persons.
    WEAK = "weak_support"  # Weak support for the same person.
    MODERATE = "moderate_support"  # Moderate support for the same person.
    STRONG = "strong_support"  # Strong support for the same person.


class CandidateList(Row, table=True):
    """One search of one probe face: what it was done with, also when it brought up nobody."""

    __tablename__ = "candidate_list"

    face_id: UUID = Field(foreign_key="face.id", index=True)
    cause: SearchCause = Field(sa_type=stored(SearchCause))
    encoder: str
    encoder_version: str
    gallery_size: int
    """Records searched."""
    expected_false: float
    """Mean number of wrong candidates that a list made this way holds."""
    expected_false_first: float | None = None
    """The same for those shown first; None for lists that had no such part."""
    operating_point: str = ""
    """How strict the search was, in codes; empty for searches before there was a choice."""
    calibration: str = ""
    """Which calibration turned scores into support: the artefact's id; empty if there was none."""
    searched_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class CandidateState(StrEnum):
    """How far a candidate has come."""

    PROPOSED = "proposed"  # Waits for a first reviewer.
    DECIDED_ONCE = "decided_once"  # Waits for a second, independent reviewer.
    AGREED_SAME = "agreed_same"  # Both support the same person: a lead.
    AGREED_DIFFERENT = "agreed_different"  # Both exclude or support different persons.
    INCONCLUSIVE = "inconclusive"  # Neither could tell.
    DISPUTED = "disputed"  # They disagree; an examiner decides.
    EXAMINED = "examined"  # The examiner has decided.
    WITHDRAWN = "withdrawn"  # The tip, photo or record went away before a decision.


OPEN_CANDIDATE_STATES = (CandidateState.PROPOSED, CandidateState.DECIDED_ONCE, CandidateState.DISPUTED)
"""States in which somebody still has to decide."""

CANDIDATE_MOVES: dict[CandidateState, frozenset[CandidateState]] = {
    CandidateState.PROPOSED: frozenset({CandidateState.DECIDED_ONCE, CandidateState.WITHDRAWN}),
    CandidateState.DECIDED_ONCE: frozenset(
        {
            CandidateState.AGREED_SAME,
            CandidateState.AGREED_DIFFERENT,
            CandidateState.INCONCLUSIVE,
            CandidateState.DISPUTED,
            CandidateState.PROPOSED,
            CandidateState.WITHDRAWN,
        }
    ),
    CandidateState.DISPUTED: frozenset({CandidateState.EXAMINED, CandidateState.WITHDRAWN}),
    CandidateState.AGREED_SAME: frozenset({CandidateState.PROPOSED}),
    CandidateState.AGREED_DIFFERENT: frozenset({CandidateState.PROPOSED}),
    CandidateState.INCONCLUSIVE: frozenset({CandidateState.PROPOSED}),
    CandidateState.EXAMINED: frozenset({CandidateState.PROPOSED}),
    CandidateState.WITHDRAWN: frozenset(),
}
"""Back to proposed only by a reversal or an upheld appeal: other people then review it anew."""


class Candidate(Row, table=True):
    """A record similar enough to a probe to be worth a human look. A reason to look, never a finding.

    Its id is random: ids that follow time would show reviewers in which order, and so at which rank, the
    candidates of a list were written.
    """

    __tablename__ = "candidate"
    __table_args__ = (
        Index(
            "candidate_once_per_face",
            "face_id",
            "record_id",
            unique=True,
            sqlite_where=text("state <> 'withdrawn'"),
            postgresql_where=text("state <> 'withdrawn'"),
        ),
        Index(
            "candidate_once_per_picture",
            "cluster_id",
            "record_id",
            unique=True,
            sqlite_where=text("state <> 'withdrawn'"),
            postgresql_where=text("state <> 'withdrawn'"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    list_id: UUID = Field(foreign_key="candidate_list.id", index=True)
    tip_id: UUID = Field(foreign_key="tip.id", index=True)
    face_id: UUID = Field(foreign_key="face.id", index=True)
    cluster_id: UUID | None = Field(default=None, foreign_key="photo_cluster.id")
    record_id: UUID = Field(foreign_key="record.id", index=True)
    reference_id: UUID = Field(foreign_key="reference.id")
    """The record's photo that scored best."""
    score: float
    """Comparison score; higher is more similar. Hidden from reviewers until they have decided."""
    threshold: float
    """Score at or above which a record became a candidate here."""
    rank: int
    decision_score: float | None = None
    """Normalised score that the threshold is about, if it is not `score` itself. Hidden like it."""
    log10_lr: float | None = None
    """Logarithm of the likelihood ratio; None without a calibration. Hidden like the score."""
    log10_lr_low: float | None = None
    log10_lr_high: float | None = None
    """Ends of its 95 % interval."""
    support: Support | None = Field(default=None, sa_type=stored(Support))
    """The same in words, by the end that says less; None without a calibration."""
    hazards: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Codes of what made this comparison unreliable when it was made."""
    shown_first: bool = True
    """Whether it stands in the short list, or behind "more"."""
    state: CandidateState = Field(default=CandidateState.PROPOSED, sa_type=stored(CandidateState), index=True)
    proposed_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GalleryChange(SQLModel, table=True):
    """The last change of a reference, or of its record or template; the database writes it by triggers.

    Whoever keeps a gallery in memory reads what came after the number it has seen. A reference has one row,
    so the table never outgrows the references.
    """

    __tablename__ = "gallery_change"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = Field(default=None, primary_key=True)
    reference_id: UUID = Field(unique=True)
    """Without a foreign key: a deleted reference is a change, too."""
