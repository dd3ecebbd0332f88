"""Questions about reviews; what a reviewer sees holds no score, no rank and no colleague's conclusion."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.candidates.models import Candidate, CandidateState
from app.core.clock import now
from app.core.errors import NotFound
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo
from app.reviews import appeal_queries, golden_queries
from app.reviews.models import Review, ReviewState
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip, TipState

NOT_READY = (TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED)
"""States from which a tip cannot become a lead: its candidates wait, too."""


@dataclass(frozen=True)
class Waiting:
    """A candidate in the queue, as its reviewers may see it before they decide."""

    candidate: Candidate
    tip: Tip
    area: Jurisdiction | None
    copies: int
    held_by_me: bool


MOST_SHOWN = 100
"""Candidates that the queue lists; the next ones come up as these are decided."""


def waiting_for(session: Session, officer: Officer, limit: int = MOST_SHOWN) -> list[Waiting]:
    """Candidates this officer may decide: short lists before the rest, danger first, then the oldest.

    First and second reviews look alike here: who goes second must not know it.
    """
    states = []
    if officer.has(Role.REVIEWER):
        states += [CandidateState.PROPOSED, CandidateState.DECIDED_ONCE]
    if officer.has(Role.SUPERVISOR):
        states.append(CandidateState.DISPUTED)
    decided_by_me = select(Review.candidate_id).where(
        Review.officer_id == officer.id, Review.state == ReviewState.DECIDED
    )
    held_by_others = select(Review.candidate_id).where(
        Review.state == ReviewState.CLAIMED,
        Review.officer_id != officer.id,
        col(Review.lease_until) >= now(),
    )
    mine = select(Review.candidate_id).where(
        Review.state == ReviewState.CLAIMED, Review.officer_id == officer.id
    )
    my_own = set(session.exec(mine))
    visible = tip_queries.reviewable_by(officer).with_only_columns(col(Tip.id))
    rows = session.exec(
        select(Candidate, Tip, Jurisdiction, Photo)
        .join(Tip, col(Tip.id) == col(Candidate.tip_id))
        .join(Face, col(Face.id) == col(Candidate.face_id))
        .join(Photo, col(Photo.id) == col(Face.photo_id))
        .outerjoin(Jurisdiction, col(Jurisdiction.code) == col(Tip.jurisdiction_code))
        .where(
            col(Candidate.state).in_(states),
            col(Tip.id).in_(visible),
            col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
            col(Tip.state).not_in(NOT_READY),
            col(Candidate.id).not_in(decided_by_me),
            col(Candidate.id).not_in(held_by_others),
            col(Candidate.id).not_in(golden_queries.closed_to(officer)),
            col(Candidate.id).not_in(appeal_queries.closed_to(officer)),
        )
        .order_by(
            col(Candidate.id).in_(mine).desc(),
            col(Candidate.shown_first).desc(),
            col(Tip.danger_now).desc(),
            col(Tip.received_at),
            col(Tip.id),
            col(Candidate.record_id),  # not the candidate's own id, which follows its rank
        )
        .limit(limit)
    ).all()
    return [
        Waiting(candidate, tip, area, picture_copies(session, photo), candidate.id in my_own)
        for candidate, tip, area, photo in rows
    ]


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


def picture_copies(session: Session, photo: Photo) -> int:
    """How many tips' photos are this same picture, itself counted."""
    if photo.cluster_id is None:
        return 1
    return session.exec(
        select(func.count(col(Photo.id))).where(
            Photo.cluster_id == photo.cluster_id, col(Photo.tip_id).is_not(None)
        )
    ).one()
