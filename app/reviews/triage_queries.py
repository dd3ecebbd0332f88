"""Questions of triage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate
from app.core.jobs import Job, JobState
from app.core.paging import Listing, listing
from app.officers.models import Officer
from app.photos.models import Face, Photo, PhotoState
from app.records.models import Record
from app.reviews.models import Review, ReviewState
from app.tips import queries as tips
from app.tips.models import Tip, TipState

TRIAGE_STATES = (
    TipState.ROUTED,
    TipState.ACKNOWLEDGED,
    TipState.IN_REVIEW,
    TipState.AWAITING_TIPSTER,
    TipState.ESCALATED,
)


def under_review(session: Session, tip_id: UUID) -> bool:
    """Whether a candidate of the tip waits for a decision; pages then show one word for all its states."""
    return (
        session.exec(
            select(Candidate.id).where(
                Candidate.tip_id == tip_id, col(Candidate.state).in_(OPEN_CANDIDATE_STATES)
            )
        ).first()
        is not None
    )


@dataclass(frozen=True)
class Copy:
    """Another tip with the same picture."""

    tip: Tip
    photo: Photo


@dataclass(frozen=True)
class Settled:
    """A candidate of the tip that is decided: who concluded what may be shown now."""

    candidate: Candidate
    record: Record
    reviews: list[tuple[Review, Officer]]


@dataclass(frozen=True)
class FailedJob:
    """A parked job and the tip it was for, if any."""

    job: Job
    tip: Tip | None


def in_triage(session: Session, officer: Officer, page: int) -> Listing[Tip]:
    """A page of the tips that wait for a decision of their own, danger first, then the oldest."""
    return listing(session, _undecided(officer).where(col(Tip.id).not_in(_with_busy_picture())), page)


def behind_a_picture(session: Session, officer: Officer) -> Listing[Tip]:
    """The first tips whose picture is under review or a lead through another tip, and how many there are."""
    return listing(session, _undecided(officer).where(col(Tip.id).in_(_with_busy_picture())), 1)


def photo_counts(session: Session, items: Sequence[Tip]) -> dict[UUID, int]:
    """How many photos came with each tip."""
    rows = session.exec(
        select(Photo.tip_id, func.count(col(Photo.id)))
        .where(col(Photo.tip_id).in_([tip.id for tip in items]))
        .group_by(col(Photo.tip_id))
    )
    return {tip_id: count for tip_id, count in rows if tip_id is not None}


def copies(session: Session, officer: Officer, tip: Tip) -> tuple[list[Copy], int]:
    """Other tips with one of this tip's pictures.

    Returns:
        Those of the officer's area, oldest first, and how many there are elsewhere.
    """
    clusters = select(Photo.cluster_id).where(Photo.tip_id == tip.id, col(Photo.cluster_id).is_not(None))
    rows = session.exec(
        select(Tip, Photo)
        .join(Photo, col(Photo.tip_id) == col(Tip.id))
        .where(col(Photo.cluster_id).in_(clusters), Tip.id != tip.id)
        .order_by(col(Tip.received_at))
    ).all()
    named = {other.id for other, _ in rows}
    mine = {other.id for other in session.exec(tips.visible_to(officer).where(col(Tip.id).in_(named)))}
    seen = [Copy(other, photo) for other, photo in rows if other.id in mine]
    return seen, len({other.id for other, _ in rows if other.id not in mine})


def settled(session: Session, tip_id: UUID) -> list[Settled]:
    """The tip's candidates that nobody has to decide any more, with the decisions on them."""
    rows = session.exec(
        select(Candidate, Record)
        .join(Record, col(Record.id) == col(Candidate.record_id))
        .where(Candidate.tip_id == tip_id, col(Candidate.state).not_in(OPEN_CANDIDATE_STATES))
        .order_by(col(Candidate.settled_at))
    ).all()
    return [
        Settled(
            candidate,
            record,
            list(
                session.exec(
                    select(Review, Officer)
                    .join(Officer, col(Officer.id) == col(Review.officer_id))
                    .where(
                        Review.candidate_id == candidate.id,
                        Review.state == ReviewState.DECIDED,
                        col(Review.set_aside_at).is_(None),
                    )
                    .order_by(col(Review.decided_at))
                )
            ),
        )
        for candidate, record in rows
    ]


def faces_of(session: Session, tip_id: UUID) -> list[Face]:
    """The faces in a tip's photos."""
    return list(
        session.exec(
            select(Face)
            .join(Photo, col(Photo.id) == col(Face.photo_id))
            .where(Photo.tip_id == tip_id)
            .order_by(col(Photo.position), col(Face.position))
        )
    )


def failed_tips(session: Session, officer: Officer) -> list[Tip]:
    """Tips whose processing gave up."""
    return list(
        session.exec(
            tips.visible_to(officer).where(Tip.state == TipState.FAILED).order_by(col(Tip.received_at))
        )
    )


def parked_photos(session: Session, officer: Officer, limit: int = 100) -> list[tuple[Photo, Tip]]:
    """Photos of the officer's tips that could not be read, newest first."""
    return list(
        session.exec(
            select(Photo, Tip)
            .join(Tip, col(Tip.id) == col(Photo.tip_id))
            .where(
                Photo.state == PhotoState.PARKED,
                col(Tip.id).in_(tips.visible_to(officer).with_only_columns(col(Tip.id))),
            )
            .order_by(col(Photo.received_at).desc())
            .limit(limit)
        )
    )


def parked_jobs(session: Session, officer: Officer) -> list[FailedJob]:
    """Jobs set aside: those of the officer's tips, and, for the nation, those of no tip."""
    parked = session.exec(select(Job).where(Job.state == JobState.PARKED).order_by(col(Job.created_at))).all()
    named = {UUID(job.args["tip_id"]) for job in parked if job.args.get("tip_id")}
    visible = {tip.id: tip for tip in session.exec(tips.visible_to(officer).where(col(Tip.id).in_(named)))}
    found = []
    for job in parked:
        tip_id = job.args.get("tip_id")
        tip = visible.get(UUID(tip_id)) if tip_id else None
        if tip is not None or (tip_id is None and officer.jurisdiction_code == tips.NATION):
            found.append(FailedJob(job, tip))
    return found


def _undecided(officer: Officer) -> SelectOfScalar[Tip]:
    """Tips of the officer's area without an open candidate, in the order they are to be looked at."""
    with_open_candidate = select(Candidate.tip_id).where(col(Candidate.state).in_(OPEN_CANDIDATE_STATES))
    return (
        tips.visible_to(officer)
        .where(col(Tip.state).in_(TRIAGE_STATES), col(Tip.id).not_in(with_open_candidate))
        .order_by(col(Tip.danger_now).desc(), col(Tip.received_at), col(Tip.id))
    )


def _with_busy_picture() -> SelectOfScalar[Any]:
    """Tips with a picture that is under review, or belongs to a lead, through any tip."""
    reviewed = select(Candidate.cluster_id).where(
        col(Candidate.state).in_(OPEN_CANDIDATE_STATES), col(Candidate.cluster_id).is_not(None)
    )
    leading = (
        select(Photo.cluster_id)
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .where(Tip.state == TipState.LEAD, col(Photo.cluster_id).is_not(None))
    )
    return select(Photo.tip_id).where(
        col(Photo.tip_id).is_not(None),
        or_(col(Photo.cluster_id).in_(reviewed), col(Photo.cluster_id).in_(leading)),
    )
