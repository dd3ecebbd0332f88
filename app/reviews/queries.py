"""Questions about reviews; what a reviewer sees holds no score, no rank and no colleague's conclusion."""

from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.candidates.models import Candidate
from app.core.clock import now
from app.core.errors import NotFound
from app.officers.models import Officer
from app.photos.models import Photo
from app.reviews.models import Review, ReviewState
from app.tips import queries as tip_queries
from app.tips.models import Tip, TipState

NOT_READY = (TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED)
"""States from which a tip cannot become a lead: its candidates wait, too."""


def get_visible_candidate(session: Session, officer: Officer, candidate_id: UUID) -> Candidate:
    """One candidate of a tip that the officer sees.

    Raises:
        NotFound: none such, or another area's.
    """
    visible = tip_queries.reviewable_by(officer).with_only_columns(col(Tip.id))
    found = session.exec(
        select(Candidate).where(Candidate.id == candidate_id, col(Candidate.tip_id).in_(visible))
    ).first()
    if found is None:
        raise NotFound
    return found


def held(session: Session, candidate_id: UUID) -> Review | None:
    """Who holds a candidate now."""
    return session.exec(
        select(Review).where(Review.candidate_id == candidate_id, Review.state == ReviewState.CLAIMED)
    ).first()


def held_by_others(session: Session, officer: Officer, tip_id: UUID) -> bool:
    """Whether a colleague compares a candidate of a tip just now."""
    found = (
        select(Review.id)
        .join(Candidate, col(Candidate.id) == col(Review.candidate_id))
        .where(
            Candidate.tip_id == tip_id,
            Review.state == ReviewState.CLAIMED,
            Review.officer_id != officer.id,
            col(Review.lease_until) >= now(),
        )
    )
    return session.exec(found).first() is not None


def decided(session: Session, candidate_id: UUID) -> list[Review]:
    """The decisions on a candidate, for the rules; never shown before the reader's own."""
    return list(
        session.exec(
            select(Review)
            .where(Review.candidate_id == candidate_id, Review.state == ReviewState.DECIDED)
            .order_by(col(Review.decided_at))
        )
    )


def get_own(session: Session, officer: Officer, review_id: UUID) -> Review:
    """A review of this officer's.

    Raises:
        NotFound: none such, a colleague's, or of a tip that went to another area.
    """
    review = session.exec(
        select(Review).where(Review.id == review_id, Review.officer_id == officer.id)
    ).first()
    if review is None:
        raise NotFound
    get_visible_candidate(session, officer, review.candidate_id)
    return review


def tip_of(session: Session, review: Review) -> Tip:
    """The tip whose picture a review compares."""
    return session.get_one(Tip, session.get_one(Candidate, review.candidate_id).tip_id)


def picture_copies(session: Session, photo: Photo) -> int:
    """How many tips' photos are this same picture, itself counted."""
    if photo.cluster_id is None:
        return 1
    return session.exec(
        select(func.count(col(Photo.id))).where(
            Photo.cluster_id == photo.cluster_id, col(Photo.tip_id).is_not(None)
        )
    ).one()
