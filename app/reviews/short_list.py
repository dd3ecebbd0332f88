"""A face's short list as one officer meets it: shuffled, without rank, the same whenever they come back."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from app.candidates.models import Candidate, CandidateList, CandidateState
from app.reviews.models import Review, ReviewState


@dataclass(frozen=True)
class Entry:
    """A record of the list, by its place alone."""

    current: bool
    """Whether it is the one on the page."""
    decided: UUID | None
    """The officer's own review of it, if they have decided; what others did is not told."""


@dataclass(frozen=True)
class Place:
    """Where a candidate stands in its face's list."""

    entries: list[Entry]
    expected_false: float | None
    """Mean number of wrong candidates in a list made this way; None if the search did not say."""
    shown_first: bool
    """Whether this is the short list, or what stands behind "more"."""

    @property
    def number(self) -> int:
        """The candidate's place for this officer, from 1."""
        return next((at for at, entry in enumerate(self.entries, start=1) if entry.current), 1)


def place_of(session: Session, candidate: Candidate, officer_id: UUID) -> Place:
    """Where a candidate stands in its face's list, as one officer meets it.

    The list holds what still stands of the search whatever became of it, so that its length tells nothing of
    colleagues' decisions.
    """
    listed = session.exec(
        select(Candidate.id).where(
            Candidate.face_id == candidate.face_id,
            Candidate.shown_first == candidate.shown_first,
            Candidate.state != CandidateState.WITHDRAWN,
        )
    ).all()
    own = dict(
        session.exec(
            select(Review.candidate_id, Review.id).where(
                col(Review.candidate_id).in_(listed),
                Review.officer_id == officer_id,
                Review.state == ReviewState.DECIDED,
            )
        ).all()
    )
    made = session.get_one(CandidateList, candidate.list_id)
    return Place(
        [
            Entry(candidate_id == candidate.id, own.get(candidate_id))
            for candidate_id in sorted(listed, key=lambda candidate_id: shuffled(officer_id, candidate_id))
        ],
        made.expected_false_first if candidate.shown_first else made.expected_false,
        candidate.shown_first,
    )


def shuffled(officer_id: UUID, candidate_id: UUID) -> bytes:
    """A key that sorts candidates in an order of the officer's own, which never changes."""
    return hashlib.blake2b(officer_id.bytes + candidate_id.bytes, digest_size=16).digest()
