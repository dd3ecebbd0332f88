"""Questions about the quality of reviews, for supervisors of the area; decisions set aside count nowhere."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.clock import now
from app.core.paging import Listing, listing
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer
from app.reviews.models import (
    SAME,
    Conclusion,
    GoldenItem,
    GoldenTruth,
    GoldenUse,
    Review,
    ReviewKind,
    ReviewState,
)
from app.reviews.signal_detection import Quality, Share, measure, share

DAYS = 365
"""How far the figures look back."""
MOST_TIMED = 300
"""Latest decisions of an officer of which times and disagreements are taken."""
OFFICERS_A_PAGE = 20


@dataclass(frozen=True)
class ReviewerLine:
    """What is known of an officer's reviews.

    Attributes:
        officer: who.
        decisions: decisions in the last year, known answers among them.
        skips: candidates passed over.
        seconds: median seconds from taking a candidate to deciding; None without decisions.
        exposure_s: median seconds for which pictures were uncovered; None where no browser told.
        disagreement: of the pairs the officer was one of, those in which one said "same" and one did not.
        quality: what decisions on known answers show.
    """

    officer: Officer
    decisions: int
    skips: int
    seconds: float | None
    exposure_s: float | None
    disagreement: Share
    quality: Quality


def reviewers(session: Session, officer: Officer, page: int) -> Listing[Officer]:
    """A page of the area's officers who have decided on candidates; by name, never by a figure."""
    decided = select(Review.id).where(
        Review.officer_id == Officer.id, Review.state == ReviewState.DECIDED, Review.kind == ReviewKind.REVIEW
    )
    question = (
        select(Officer)
        .where(col(Officer.jurisdiction_code).in_(codes_within(officer)), decided.exists())
        .order_by(col(Officer.active).desc(), col(Officer.name), col(Officer.badge))
    )
    return listing(session, question, page, OFFICERS_A_PAGE)


def line(session: Session, officer: Officer) -> ReviewerLine:
    """What is known of an officer's reviews."""
    latest = session.exec(_counted(officer).order_by(col(Review.decided_at).desc()).limit(MOST_TIMED)).all()
    taken = [
        (review.decided_at - review.claimed_at).total_seconds() for review in latest if review.decided_at
    ]
    exposed = [review.exposure_s for review in latest if review.exposure_s is not None]
    return ReviewerLine(
        officer=officer,
        decisions=session.exec(select(func.count()).select_from(_counted(officer).subquery())).one(),
        skips=session.exec(
            select(func.count(col(Review.id))).where(
                Review.officer_id == officer.id,
                Review.state == ReviewState.SKIPPED,
                col(Review.claimed_at) >= _since(),
            )
        ).one(),
        seconds=median(taken) if taken else None,
        exposure_s=median(exposed) if exposed else None,
        disagreement=_pairs(session, {review.candidate_id for review in latest}),
        quality=measure(_answers(session, officer)),
    )


def disagreement(session: Session, officer: Officer, since: datetime) -> Share:
    """How often blind pairs of an area disagreed since a moment; known answers are left out."""
    own = select(Officer.id).where(col(Officer.jurisdiction_code).in_(codes_within(officer)))
    known = select(GoldenUse.candidate_id)
    rows = session.exec(
        select(Review.candidate_id)
        .where(
            col(Review.officer_id).in_(own),
            Review.state == ReviewState.DECIDED,
            Review.kind == ReviewKind.REVIEW,
            col(Review.set_aside_at).is_(None),
            col(Review.decided_at) >= since,
            col(Review.candidate_id).not_in(known),
        )
        .order_by(col(Review.decided_at).desc())
        .limit(MOST_TIMED * 10)
    )
    return _pairs(session, set(rows))


def _counted(officer: Officer) -> SelectOfScalar[Review]:
    return select(Review).where(
        Review.officer_id == officer.id,
        Review.state == ReviewState.DECIDED,
        Review.kind == ReviewKind.REVIEW,
        col(Review.set_aside_at).is_(None),
        col(Review.decided_at) >= _since(),
    )


def _answers(session: Session, officer: Officer) -> list[tuple[GoldenTruth, Conclusion]]:
    """What was true of the known answers that an officer decided, and what they concluded."""
    counted = _counted(officer).with_only_columns(col(Review.id))
    rows = session.exec(
        select(GoldenItem.truth, Review.conclusion)
        .join(GoldenUse, col(GoldenUse.item_id) == col(GoldenItem.id))
        .join(Review, col(Review.candidate_id) == col(GoldenUse.candidate_id))
        .where(col(Review.id).in_(counted))
    )
    return [
        (GoldenTruth(truth), Conclusion(conclusion)) for truth, conclusion in rows if conclusion is not None
    ]


def _pairs(session: Session, candidate_ids: set[UUID]) -> Share:
    """Of the candidates that two people have decided, those on which one said "same" and one did not."""
    said: defaultdict[UUID, list[bool]] = defaultdict(list)
    for candidate_id, conclusion in session.exec(
        select(Review.candidate_id, Review.conclusion).where(
            col(Review.candidate_id).in_(candidate_ids),
            Review.state == ReviewState.DECIDED,
            Review.kind == ReviewKind.REVIEW,
            col(Review.set_aside_at).is_(None),
        )
    ):
        said[candidate_id].append(conclusion in SAME)
    pairs = [both for both in said.values() if len(both) > 1]
    return share(sum(len(set(both)) > 1 for both in pairs), len(pairs))


def _since() -> datetime:
    return now() - timedelta(days=DAYS)
