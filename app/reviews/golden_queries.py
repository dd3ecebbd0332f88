"""Questions about known answers: which ones may be mixed in, and whom one must not be given to again."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo, PhotoState
from app.records.models import Reference
from app.reviews.models import GoldenItem, GoldenUse, Review
from app.tips.models import Tip

PAIR = 2
"""Officers that a candidate needs."""


@dataclass(frozen=True)
class PoolLine:
    """A known answer as the pool lists it.

    Attributes:
        item: the pair.
        ready: whether both pictures were examined and show a face.
        uses: how often it was mixed in.
    """

    item: GoldenItem
    ready: bool
    uses: int


def closed_to(officer: Officer) -> SelectOfScalar[UUID]:
    """Candidates that would give an officer a known answer a second time: nobody learns answers by heart."""
    own = select(Review.candidate_id).where(Review.officer_id == officer.id)
    given = select(GoldenUse.item_id).where(col(GoldenUse.candidate_id).in_(own))
    return select(GoldenUse.candidate_id).where(
        col(GoldenUse.item_id).in_(given), col(GoldenUse.candidate_id).not_in(own)
    )


def is_closed_to(session: Session, officer: Officer, candidate_id: UUID) -> bool:
    """Whether a candidate would give the officer a known answer a second time."""
    found = closed_to(officer).where(GoldenUse.candidate_id == candidate_id)
    return session.exec(found).first() is not None


def pool(session: Session) -> list[PoolLine]:
    """All known answers, in the order of their names."""
    ready = {item.id for item in _ready(session)}
    uses = _uses(session)
    return [
        PoolLine(item, item.id in ready, uses[item.id])
        for item in session.exec(select(GoldenItem).order_by(col(GoldenItem.name)))
    ]


def by_name(session: Session, name: str) -> GoldenItem | None:
    """The known answer of a name."""
    return session.exec(select(GoldenItem).where(GoldenItem.name == name)).first()


def open_uses(session: Session, item_id: UUID) -> list[Candidate]:
    """Candidates of a known answer that somebody still has to decide."""
    return list(
        session.exec(
            select(Candidate)
            .join(GoldenUse, col(GoldenUse.candidate_id) == col(Candidate.id))
            .where(GoldenUse.item_id == item_id, col(Candidate.state).in_(OPEN_CANDIDATE_STATES))
        )
    )


def choosable(session: Session, area: Jurisdiction) -> list[GoldenItem]:
    """Known answers that may be mixed in among an area's candidates, the least used first.

    - Both pictures were examined, and the item was not retired.
    - It does not wait in the queue of an area that shares officers with this one: nobody sees it twice.
    - Two reviewers who see the area were never given it: a pair can be found.
    """
    waiting = _waiting(session, area)
    reviewers = _reviewers(session, area)
    given = set(
        session.exec(
            select(GoldenUse.item_id, Review.officer_id)
            .join(Review, col(Review.candidate_id) == col(GoldenUse.candidate_id))
            .where(col(Review.officer_id).in_(reviewers))
        )
    )
    uses = _uses(session)
    found = [
        item
        for item in _ready(session)
        if item.id not in waiting
        and sum((item.id, officer_id) not in given for officer_id in reviewers) >= PAIR
    ]
    return sorted(found, key=lambda item: (uses[item.id], item.name))


def _ready(session: Session) -> list[GoldenItem]:
    with_face = select(Face.photo_id)
    compared = select(Reference.record_id).where(
        col(Reference.face_id).is_not(None), col(Reference.removed_at).is_(None)
    )
    return list(
        session.exec(
            select(GoldenItem)
            .join(Photo, col(Photo.id) == col(GoldenItem.photo_id))
            .where(
                col(GoldenItem.retired_at).is_(None),
                Photo.state == PhotoState.EXAMINED,
                col(Photo.id).in_(with_face),
                col(GoldenItem.record_id).in_(compared),
            )
        )
    )


def _uses(session: Session) -> Counter[UUID]:
    rows = session.exec(
        select(GoldenUse.item_id, func.count(col(GoldenUse.candidate_id))).group_by(col(GoldenUse.item_id))
    )
    return Counter(dict(rows.all()))


def _waiting(session: Session, area: Jurisdiction) -> set[UUID]:
    rows = session.exec(
        select(GoldenUse.item_id, Jurisdiction.path)
        .join(Candidate, col(Candidate.id) == col(GoldenUse.candidate_id))
        .join(Tip, col(Tip.id) == col(Candidate.tip_id))
        .join(Jurisdiction, col(Jurisdiction.code) == col(Tip.jurisdiction_code))
        .where(col(Candidate.state).in_(OPEN_CANDIDATE_STATES))
    )
    return {item_id for item_id, path in rows if path.startswith(area.path) or area.path.startswith(path)}


def _reviewers(session: Session, area: Jurisdiction) -> set[UUID]:
    above = [code for code in area.path.split("/") if code]
    found = session.exec(
        select(Officer).where(col(Officer.jurisdiction_code).in_(above), col(Officer.active))
    )
    return {officer.id for officer in found if officer.has(Role.REVIEWER)}
