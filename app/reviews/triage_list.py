"""The list of triage: which tips wait, how they are filtered and counted, what comes before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Case, ColumnElement, and_, case, func
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate
from app.core.clock import now
from app.core.paging import Listing, listing
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.photos.models import Photo, PhotoOnList
from app.tips import queries as tips
from app.tips.models import Tip, TipFlag, TipState

TRIAGE_STATES = (
    TipState.ROUTED,
    TipState.ACKNOWLEDGED,
    TipState.IN_REVIEW,
    TipState.AWAITING_TIPSTER,
    TipState.ESCALATED,
)

WAITED_DAYS = (1, 3, 7)
"""Waiting times that the list is filtered by."""


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; an empty value narrows nothing."""

    danger: bool = False
    escalated: bool = False
    """Only tips that came up to the officer's own area because a clock ran out below."""
    known: bool = False
    """Only tips with a picture of a list of known ones."""
    area: str = ""
    """Code of an area; the areas in it are meant, too."""
    state: TipState | None = None
    days: int = 0
    """Only tips that came in at least so many days ago."""

    @property
    def query(self) -> dict[str, str]:
        """The filters as they stand in the page's address."""
        switches = {"danger": self.danger, "escalated": self.escalated, "known": self.known}
        values = {"area": self.area, "state": self.state or "", "days": str(self.days or "")}
        return {name: "on" for name, on in switches.items() if on} | {
            name: value for name, value in values.items() if value
        }


@dataclass(frozen=True)
class Counts:
    """How many tips of the officer's area wait, by what they can be filtered by."""

    total: int
    danger: int
    escalated: int
    known: int
    waited: dict[int, int]
    """By days."""
    states: dict[TipState, int]
    areas: dict[str, int]
    """By the code of a tip's own area."""


@dataclass(frozen=True)
class Neighbours:
    """The tips before and after one in the list."""

    previous: UUID | None
    following: UUID | None


def in_triage(session: Session, officer: Officer, filters: Filters, page: int) -> Listing[Tip]:
    """A page of the tips that wait for a decision of their own: danger, the oldest, flagged ones last."""
    return listing(session, _ordered(_filtered(_on_their_own(officer), officer, filters)), page)


def behind_a_picture(session: Session, officer: Officer) -> Listing[Tip]:
    """The first tips whose picture is under review or a lead through another tip, and how many there are."""
    return listing(session, _ordered(_undecided(officer).where(col(Tip.id).in_(_with_busy_picture()))), 1)


def counts(session: Session, officer: Officer) -> Counts:
    """Count the tips that wait for a decision of their own, in one question for each kind of filter."""
    waiting = _on_their_own(officer)
    moment = now()
    conditions = [
        col(Tip.danger_now),
        _escalated_to(officer),
        _known(),
        *(col(Tip.received_at) <= moment - timedelta(days=days) for days in WAITED_DAYS),
    ]
    sums = [func.coalesce(func.sum(case((condition, 1), else_=0)), 0) for condition in conditions]
    total, danger, escalated, known, *waited = session.execute(
        waiting.with_only_columns(func.count(col(Tip.id)), *sums)
    ).one()
    return Counts(
        total,
        danger,
        escalated,
        known,
        dict(zip(WAITED_DAYS, waited, strict=True)),
        _grouped(session, waiting, col(Tip.state)),
        _grouped(session, waiting, col(Tip.jurisdiction_code)),
    )


def neighbours(session: Session, officer: Officer, filters: Filters, tip: Tip) -> Neighbours:
    """What stands before and after a tip in the list, whether it is still in it or not."""
    waiting = _filtered(_on_their_own(officer), officer, filters).where(Tip.id != tip.id)
    own = session.exec(select(_rank()).where(Tip.id == tip.id)).one()
    received, same_rank = col(Tip.received_at), _rank() == own
    same_time = and_(same_rank, received == tip.received_at)
    before = [
        _rank() < own,
        and_(same_rank, received < tip.received_at),
        and_(same_time, col(Tip.id) < tip.id),
    ]
    after = [
        _rank() > own,
        and_(same_rank, received > tip.received_at),
        and_(same_time, col(Tip.id) > tip.id),
    ]
    backwards = waiting.where(or_(*before)).order_by(_rank().desc(), received.desc(), col(Tip.id).desc())
    previous = session.exec(backwards.limit(1)).first()
    following = session.exec(_ordered(waiting.where(or_(*after))).limit(1)).first()
    return Neighbours(previous.id if previous else None, following.id if following else None)


def photo_counts(session: Session, items: Sequence[Tip]) -> dict[UUID, int]:
    """How many photos came with each tip."""
    rows = session.exec(
        select(Photo.tip_id, func.count(col(Photo.id)))
        .where(col(Photo.tip_id).in_([tip.id for tip in items]))
        .group_by(col(Photo.tip_id))
    )
    return {tip_id: count for tip_id, count in rows if tip_id is not None}


def areas_of(session: Session, codes: Sequence[str]) -> list[Jurisdiction]:
    """Areas by their codes, from the nation down."""
    return list(
        session.exec(
            select(Jurisdiction).where(col(Jurisdiction.code).in_(codes)).order_by(Jurisdiction.path)
        )
    )


def _undecided(officer: Officer) -> SelectOfScalar[Tip]:
    """Tips of the officer's area without an open candidate."""
    with_open_candidate = select(Candidate.tip_id).where(col(Candidate.state).in_(OPEN_CANDIDATE_STATES))
    return tips.visible_to(officer).where(
        col(Tip.state).in_(TRIAGE_STATES), col(Tip.id).not_in(with_open_candidate)
    )


def _on_their_own(officer: Officer) -> SelectOfScalar[Tip]:
    return _undecided(officer).where(col(Tip.id).not_in(_with_busy_picture()))


def _ordered(question: SelectOfScalar[Tip]) -> SelectOfScalar[Tip]:
    """In the order they are to be looked at."""
    return question.order_by(_rank(), col(Tip.received_at), col(Tip.id))


def _rank() -> Case[int]:
    """Danger first; what carries a flag comes after what carries none, and is never left out."""
    flagged = select(TipFlag.tip_id).where(TipFlag.tip_id == Tip.id).exists()
    return case((col(Tip.danger_now), 0), (flagged, 2), else_=1)


def _filtered(question: SelectOfScalar[Tip], officer: Officer, filters: Filters) -> SelectOfScalar[Tip]:
    conditions: list[ColumnElement[bool]] = []
    if filters.danger:
        conditions.append(col(Tip.danger_now).is_(True))
    if filters.escalated:
        conditions.append(_escalated_to(officer))
    if filters.known:
        conditions.append(_known())
    if filters.area:
        path = select(Jurisdiction.path).where(Jurisdiction.code == filters.area).scalar_subquery()
        inside = select(Jurisdiction.code).where(col(Jurisdiction.path).startswith(path))
        conditions.append(col(Tip.jurisdiction_code).in_(inside))
    if filters.state is not None:
        conditions.append(col(Tip.state) == filters.state)
    if filters.days:
        conditions.append(col(Tip.received_at) <= now() - timedelta(days=filters.days))
    return question.where(*conditions)


def _escalated_to(officer: Officer) -> ColumnElement[bool]:
    return col(Tip.escalated_to) == officer.jurisdiction_code


def _known() -> ColumnElement[bool]:
    """Tips with a photo of which a copy looks like a known picture."""
    listed = select(PhotoOnList.photo_id)
    clusters = select(Photo.cluster_id).where(col(Photo.id).in_(listed), col(Photo.cluster_id).is_not(None))
    known = select(Photo.tip_id).where(
        col(Photo.tip_id).is_not(None),
        or_(col(Photo.id).in_(listed), col(Photo.cluster_id).in_(clusters)),
    )
    return col(Tip.id).in_(known)


def _grouped(session: Session, waiting: SelectOfScalar[Tip], column: Any) -> dict[Any, int]:
    rows = session.execute(waiting.with_only_columns(column, func.count(col(Tip.id))).group_by(column))
    return {value: count for value, count in rows if value is not None}


def _with_busy_picture() -> SelectOfScalar[Any]:
    """Tips with a picture that is under review, or belongs to a lead, through any tip."""
    reviewed = (
        select(Candidate.cluster_id)
        .join(Tip, col(Tip.id) == col(Candidate.tip_id))
        .where(
            col(Candidate.state).in_(OPEN_CANDIDATE_STATES),
            col(Candidate.cluster_id).is_not(None),
            tips.counts(),
        )
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
