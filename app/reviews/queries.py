"""Questions about reviews; what a reviewer sees holds no score, no rank and no colleague's conclusion."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.candidates.models import Candidate, CandidateList, CandidateState, Support
from app.core.clock import now
from app.core.errors import NotFound
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo
from app.records.models import Record, Reference
from app.reviews.models import Review, ReviewState
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip, TipState

DAYS_IN_YEAR = 365.2425
YOUNG_YEARS = 4.0
"""Below this age at the reference photo, templates of strangers lie close together (FG-NET, UTKFace)."""
WIDE_GAP_YEARS = 3.0
"""Beyond this gap, recognition of growing children falls off (YFA: 98 % at half a year, 95 % at three)."""

LOOKALIKE = "lookalike"
"""Code of the one hazard that only the search knows; `matching.candidate_list.Hazard`."""

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


@dataclass(frozen=True)
class ReferenceView:
    """A record's photo beside the probe."""

    photo_id: UUID
    face_position: int | None
    age_then: float | None
    taken_on: date | None


@dataclass(frozen=True)
class Comparison:
    """What a reviewer compares."""

    review: Review
    tip: Tip
    photo: Photo
    face: Face
    record: Record
    references: list[ReferenceView]
    age_now: float | None
    missing_years: float
    hazards: list[str]
    copies: int


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
        Waiting(candidate, tip, area, _copies(session, photo), candidate.id in my_own)
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


def comparison(session: Session, review: Review) -> Comparison:
    """Everything a reviewer compares, and nothing that would lead them."""
    candidate = session.get_one(Candidate, review.candidate_id)
    face = session.get_one(Face, candidate.face_id)
    photo = session.get_one(Photo, face.photo_id)
    tip = session.get_one(Tip, candidate.tip_id)
    record = session.get_one(Record, candidate.record_id)
    rows = session.exec(
        select(Reference, Face)
        .outerjoin(Face, col(Face.id) == col(Reference.face_id))
        .where(Reference.record_id == record.id, col(Reference.removed_at).is_(None))
        .order_by(col(Reference.created_at), col(Reference.id))
    )
    references = [
        ReferenceView(
            reference.photo_id, found.position if found else None, reference.age_years, reference.taken_on
        )
        for reference, found in rows
    ]
    seen = tip.observed_at or tip.received_at
    age_now = None if record.born_on is None else _years(record.born_on, seen)
    return Comparison(
        review=review,
        tip=tip,
        photo=photo,
        face=face,
        record=record,
        references=references,
        age_now=age_now,
        missing_years=_years(record.missing_since, seen),
        hazards=_hazards(references, age_now, face, candidate),
        copies=_copies(session, photo),
    )


@dataclass(frozen=True)
class Background:
    """What the search said of a pair; shown after the own decision only."""

    expected_false: float
    """Mean number of wrong candidates in a list like this one."""
    expected_false_first: float | None
    """The same among those shown first; None for lists without such a part."""
    shown_first: bool
    support: Support | None
    hazards: list[str]


def background(session: Session, review: Review) -> Background:
    """What the search said of a pair; never shown before the reader's own decision."""
    candidate = session.get_one(Candidate, review.candidate_id)
    made = session.get_one(CandidateList, candidate.list_id)
    return Background(
        made.expected_false,
        made.expected_false_first,
        candidate.shown_first,
        candidate.support,
        candidate.hazards,
    )


def _hazards(
    references: list[ReferenceView], age_now: float | None, face: Face, candidate: Candidate
) -> list[str]:
    """Codes of what makes this comparison unreliable."""
    ages = [reference.age_then for reference in references if reference.age_then is not None]
    hazards = []
    if ages and min(ages) < YOUNG_YEARS:
        hazards.append("young")
    if not ages or age_now is None:
        hazards.append("age_unknown")
    elif age_now - max(ages) > WIDE_GAP_YEARS:
        hazards.append("wide_gap")
    if LOOKALIKE in candidate.hazards:
        hazards.append(LOOKALIKE)
    hazards += [reason for reason in face.quality.get("reasons", []) if isinstance(reason, str)]
    return hazards


def _copies(session: Session, photo: Photo) -> int:
    if photo.cluster_id is None:
        return 1
    return session.exec(
        select(func.count(col(Photo.id))).where(
            Photo.cluster_id == photo.cluster_id, col(Photo.tip_id).is_not(None)
        )
    ).one()


def _years(since: date, until: datetime) -> float:
    return max((until.date() - since).days / DAYS_IN_YEAR, 0.0)
