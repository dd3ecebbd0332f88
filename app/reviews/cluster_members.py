"""Questions about the photos of one cluster: who sent them, what may belong there, what is decided on."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import distinct, func
from sqlmodel import Session, col, or_, select

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.core.errors import Invalid, NotFound
from app.core.paging import Listing
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.photos.models import Face, Photo, PhotoLink
from app.reviews.cluster_queries import Copies, Explained, facts, mine
from app.reviews.models import Review, ReviewState
from app.tips import queries as tips
from app.tips.models import Tip


@dataclass(frozen=True)
class Member:
    """A copy of a picture, as the officer may see it."""

    photo: Photo
    tip: Tip
    area: Jurisdiction | None
    busy: bool
    """Whether a candidate of the tip waits for a decision; pages then show one word for all its states."""


@dataclass(frozen=True)
class Suggestion:
    """A photo that may be the same picture as one of a cluster."""

    photo: Photo
    tip: Tip
    link: Explained
    """What one of the two is of the other."""


def members(session: Session, officer: Officer, cluster_id: UUID) -> list[Member]:
    """The photos of a cluster in the tips that the officer may see, the first sent first.

    Raises:
        NotFound: there is none.
    """
    found = members_of(session, officer, {cluster_id}).get(cluster_id)
    if found is None:
        raise NotFound
    return found


def members_of(session: Session, officer: Officer, cluster_ids: Collection[UUID]) -> dict[UUID, list[Member]]:
    """The same of several clusters; those without a visible photo are left out."""
    busy = select(Candidate.tip_id).where(col(Candidate.state).in_(OPEN_CANDIDATE_STATES))
    found: dict[UUID, list[Member]] = {}
    for photo, tip, area, waits in session.exec(
        select(Photo, Tip, Jurisdiction, col(Tip.id).in_(busy))
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .outerjoin(Jurisdiction, col(Jurisdiction.code) == col(Tip.jurisdiction_code))
        .where(col(Photo.cluster_id).in_(cluster_ids), col(Tip.id).in_(mine(officer)))
        .order_by(col(Tip.received_at), col(Photo.received_at), col(Photo.id))
    ):
        assert photo.cluster_id is not None
        found.setdefault(photo.cluster_id, []).append(Member(photo, tip, area, bool(waits)))
    return found


def elsewhere(session: Session, officer: Officer, cluster_id: UUID, before: datetime | None = None) -> int:
    """How many tips with a picture the officer may not see, or how many of those came before a moment."""
    question = (
        select(func.count(distinct(col(Photo.tip_id))))
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .where(Photo.cluster_id == cluster_id, tips.in_work(), col(Tip.id).not_in(mine(officer)))
    )
    if before is not None:
        question = question.where(col(Tip.received_at) < before)
    return session.exec(question).one()


def facts_of(found: Sequence[Member]) -> Copies:
    """What is known of the copies together."""
    return facts([(member.photo, member.tip) for member in found])


def suggestions(session: Session, officer: Officer, cluster_id: UUID) -> list[Suggestion]:
    """Photos of the officer's tips that were found like one of the cluster and stand elsewhere."""
    inside = select(Photo.id).where(Photo.cluster_id == cluster_id)
    links = session.exec(
        select(PhotoLink)
        .where(
            or_(col(PhotoLink.photo_id).in_(inside), col(PhotoLink.other_id).in_(inside)),
            ~(col(PhotoLink.photo_id).in_(inside) & col(PhotoLink.other_id).in_(inside)),
        )
        .order_by(col(PhotoLink.undone_at).is_not(None), col(PhotoLink.made_at))
    ).all()
    ends = {photo_id for link in links for photo_id in (link.photo_id, link.other_id)}
    seen = {
        photo.id: (photo, tip)
        for photo, tip in session.exec(
            select(Photo, Tip)
            .join(Tip, col(Tip.id) == col(Photo.tip_id))
            .where(col(Photo.id).in_(ends), col(Tip.id).in_(mine(officer)))
        )
    }
    found: dict[UUID, Suggestion] = {}
    for link in links:
        for outer, inner in ((link.photo_id, link.other_id), (link.other_id, link.photo_id)):
            photo, tip = seen.get(outer, (None, None))
            if photo is None or tip is None or photo.cluster_id in {None, cluster_id} or inner not in seen:
                continue
            found.setdefault(
                outer, Suggestion(photo, tip, Explained(link, seen[link.other_id][1], together=False))
            )
    return list(found.values())


def photos_to_add(
    session: Session, officer: Officer, cluster_id: UUID, number: str
) -> list[tuple[Photo, Tip]]:
    """The photos of another tip that can be put into a cluster, found by the tip's number or address.

    Raises:
        Invalid: the officer sees no tip with that number.
    """
    written = re.search(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", number.lower())
    tip = (
        session.exec(tips.visible_to(officer).where(Tip.id == UUID(written[0]))).first() if written else None
    )
    if tip is None:
        raise Invalid("No tip of your area has this number.", field="tip")
    return [
        (photo, tip)
        for photo in tips.photos_of(session, tip.id)
        if photo.cluster_id not in {None, cluster_id}
    ]


def stands_for_itself(session: Session, photo_id: UUID) -> bool:
    """Whether a face of the photo has a candidate of its own that was not withdrawn."""
    return bool(candidates_of(session, photo_id))


def candidates_of(session: Session, photo_id: UUID) -> list[Candidate]:
    """Candidates of a photo's faces that were not withdrawn."""
    faces = select(Face.id).where(Face.photo_id == photo_id)
    return list(
        session.exec(
            select(Candidate).where(
                col(Candidate.face_id).in_(faces), Candidate.state != CandidateState.WITHDRAWN
            )
        )
    )


def records_of(session: Session, cluster_id: UUID, but: UUID) -> set[UUID]:
    """Records that the photos of a cluster, but for one, have candidates with."""
    faces = (
        select(Face.id)
        .join(Photo, col(Photo.id) == col(Face.photo_id))
        .where(Photo.cluster_id == cluster_id, Photo.id != but)
    )
    return set(
        session.exec(
            select(Candidate.record_id).where(
                col(Candidate.face_id).in_(faces), Candidate.state != CandidateState.WITHDRAWN
            )
        )
    )


def is_held(session: Session, candidate_id: UUID) -> bool:
    """Whether a reviewer holds a candidate, or has decided on it."""
    return (
        session.exec(
            select(Review.id).where(
                Review.candidate_id == candidate_id,
                col(Review.state).in_([ReviewState.CLAIMED, ReviewState.DECIDED]),
            )
        ).first()
        is not None
    )


def part(found: Sequence[Member], page: int, rows: int) -> Listing[Member]:
    """A page of a cluster's photos."""
    pages = max(1, -(-len(found) // rows))
    shown = min(page, pages)
    return Listing(found[(shown - 1) * rows : shown * rows], len(found), shown, pages)


def is_there(session: Session, officer: Officer, cluster_id: UUID) -> bool:
    """Whether a cluster has a photo that the officer may see."""
    photo = select(Photo.id).where(Photo.cluster_id == cluster_id, col(Photo.tip_id).in_(mine(officer)))
    return session.exec(photo).first() is not None
