"""Questions of triage."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import distinct, func
from sqlmodel import Session, col, select

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate
from app.core.errors import NotFound
from app.core.jobs import Job, JobState
from app.officers.models import Officer
from app.photos.models import Face, Photo, PhotoState, Rendition, RenditionKind
from app.records.models import Record
from app.reviews.models import Review, ReviewState
from app.tips import queries as tips
from app.tips.models import Tip, TipState


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


MOST_COPIES = 20
"""Copies that a tip's page lists; the page of the picture has all of them."""


@dataclass(frozen=True)
class Copies:
    """Other tips with the same pictures."""

    first: list[Copy]
    """Those of the officer's area that came in first."""
    mine: int
    """Tips of the officer's area."""
    elsewhere: int
    """Tips of other areas."""


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


def copies(session: Session, officer: Officer, tip: Tip) -> Copies:
    """Other tips with one of this tip's pictures."""
    clusters = select(Photo.cluster_id).where(Photo.tip_id == tip.id, col(Photo.cluster_id).is_not(None))
    mine = tips.visible_to(officer).with_only_columns(col(Tip.id))
    same = (col(Photo.cluster_id).in_(clusters), col(Photo.tip_id) != tip.id)
    number = select(func.count(distinct(col(Photo.tip_id)))).where(*same)
    rows = session.exec(
        select(Tip, Photo)
        .join(Photo, col(Photo.tip_id) == col(Tip.id))
        .where(*same, col(Tip.id).in_(mine))
        .order_by(col(Tip.received_at), col(Tip.id))
        .limit(MOST_COPIES)
    )
    return Copies(
        [Copy(other, photo) for other, photo in rows],
        session.exec(number.where(col(Photo.tip_id).in_(mine))).one(),
        session.exec(number.where(col(Photo.tip_id).not_in(mine))).one(),
    )


def check_photo(session: Session, officer: Officer, tip_id: UUID, photo_id: UUID) -> None:
    """Refuse a photo that is not one of a tip that the officer sees.

    Raises:
        NotFound: not of the officer's area, or not a photo of the tip.
    """
    tip = tips.get_visible(session, officer, tip_id)
    if photo_id not in {photo.id for photo in tips.photos_of(session, tip.id)}:
        raise NotFound


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


@dataclass(frozen=True)
class Scene:
    """The faces found in a photo, and the size of the pictures that their boxes are measured in."""

    width: int
    height: int
    faces: list[Face]


def scenes_of(session: Session, tip_id: UUID) -> dict[UUID, Scene]:
    """By photo of a tip, what was found in it; photos that could not be looked into are left out."""
    scenes = {
        rendition.photo_id: Scene(rendition.width, rendition.height, [])
        for rendition in session.exec(
            select(Rendition)
            .join(Photo, col(Photo.id) == col(Rendition.photo_id))
            .where(Photo.tip_id == tip_id, Rendition.kind == RenditionKind.SCENE)
        )
    }
    for face in session.exec(
        select(Face)
        .join(Photo, col(Photo.id) == col(Face.photo_id))
        .where(Photo.tip_id == tip_id)
        .order_by(col(Photo.position), col(Face.position))
    ):
        if face.photo_id in scenes:
            scenes[face.photo_id].faces.append(face)
    return scenes


def closed_just_now(session: Session, officer: Officer, tip_id: UUID | str | None) -> Tip | None:
    """The tip whose closing an address tells of, if the officer sees it and it is closed."""
    try:
        named = UUID(str(tip_id))
    except ValueError:
        return None
    closed = tips.visible_to(officer).where(Tip.id == named, Tip.state == TipState.DISPOSED)
    return session.exec(closed).first()


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
