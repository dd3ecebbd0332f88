"""What waits for an officer, and in which order; `priority.py` says why.

Nobody's order tells more than its reasons. A second review stands where a first one would. Candidates of
one face stay together, as urgent as the most urgent of them, and in an order of chance that is each officer's
own; so do faces of the same urgency. An order by rank, by id or by time of writing would tell the rank.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateList, CandidateState
from app.core.clock import now
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo
from app.records.models import Record
from app.reviews import appeal_queries, golden_queries, queries
from app.reviews.models import Review, ReviewState
from app.reviews.priority import Facts, Priority, priority
from app.reviews.queue_filters import Filters, Part
from app.reviews.short_list import shuffled
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip

DAYS_IN_YEAR = 365.2425
ALONE = (1, 1)
"""Tips and areas of a picture that came in once."""


@dataclass(frozen=True)
class Entry:
    """A candidate that waits for an officer: all that its place in the queue is made of.

    Attributes:
        candidate_id: the candidate.
        face_id: the face that it is a candidate of.
        shown_first: whether it stands in the short list, or behind "more".
        danger: whether the sender says that the child is in danger now.
        escalated_to: code of the area above that has the tip since a clock ran out.
        path: codes of the tip's area and those above it, from the nation down, each followed by a slash.
        waits_since: when the search that brought it up was made.
        tips: tips with the same picture, this one counted.
        priority: its points with their reasons.
        held: the officer's own review of it, if they hold it.
        skipped: whether the officer has skipped it.
    """

    candidate_id: UUID
    face_id: UUID
    shown_first: bool
    danger: bool
    escalated_to: str | None
    path: str
    waits_since: datetime
    tips: int
    priority: Priority
    held: UUID | None
    skipped: bool

    @property
    def group(self) -> tuple[bool, bool, bool]:
        """What counts before any points: held ones first, skipped ones last, "more" after the short lists."""
        return self.held is None, self.skipped, not self.shown_first


def first(session: Session, officer: Officer, settings: Settings, filters: Filters) -> UUID | None:
    """The candidate that an officer should look at next, of those that the filters leave."""
    moment = now()
    entries = entries_of(session, officer, settings, moment)
    return next((entry.candidate_id for entry in entries if passes(entry, officer, filters, moment)), None)


def anything_waits(session: Session, officer: Officer) -> bool:
    """Whether any candidate waits for an officer."""
    question = select(Candidate.id).join(Tip, col(Tip.id) == col(Candidate.tip_id))
    return session.exec(question.where(*_open_to(officer)).limit(1)).first() is not None


def _open_to(officer: Officer) -> list[ColumnElement[bool]]:
    """What holds for each candidate that an officer may decide now."""
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
    visible = tip_queries.reviewable_by(officer).with_only_columns(col(Tip.id))
    return [
        col(Candidate.state).in_(states),
        col(Tip.id).in_(visible),
        col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
        col(Tip.state).not_in(queries.NOT_READY),
        col(Candidate.id).not_in(decided_by_me),
        col(Candidate.id).not_in(held_by_others),
        col(Candidate.id).not_in(golden_queries.closed_to(officer)),
        col(Candidate.id).not_in(appeal_queries.closed_to(officer)),
    ]


def entries_of(session: Session, officer: Officer, settings: Settings, moment: datetime) -> list[Entry]:
    """All that waits for an officer, in order: four questions, however many wait."""
    rows: Iterable[Any] = session.exec(
        select(  # type: ignore[call-overload]
            Candidate.id,
            Candidate.face_id,
            Candidate.shown_first,
            CandidateList.searched_at,
            Tip.danger_now,
            Tip.escalated_to,
            Tip.observed_at,
            Tip.received_at,
            Jurisdiction.path,
            Record.born_on,
        )
        .join(CandidateList, col(CandidateList.id) == col(Candidate.list_id))
        .join(Tip, col(Tip.id) == col(Candidate.tip_id))
        .join(Record, col(Record.id) == col(Candidate.record_id))
        .outerjoin(Jurisdiction, col(Jurisdiction.code) == col(Tip.jurisdiction_code))
        .where(*_open_to(officer))
    )
    held = _own(session, officer, ReviewState.CLAIMED)
    skipped = _own(session, officer, ReviewState.SKIPPED)
    repeated = _repeated_pictures(session)
    entries = []
    for row in rows:
        tips, places = repeated.get(row.face_id, ALONE)
        seen_at = row.observed_at or row.received_at
        facts = Facts(
            danger_now=row.danger_now,
            age_years=(seen_at.date() - row.born_on).days / DAYS_IN_YEAR if row.born_on else None,
            seen_at=seen_at,
            tips=tips,
            places=places,
            waits_since=row.searched_at,
        )
        entries.append(
            Entry(
                candidate_id=row.id,
                face_id=row.face_id,
                shown_first=row.shown_first,
                danger=row.danger_now,
                escalated_to=row.escalated_to,
                path=row.path or "",
                waits_since=row.searched_at,
                tips=tips,
                priority=priority(facts, settings, moment),
                held=held.get(row.id),
                skipped=row.id in skipped,
            )
        )
    return _in_order(entries, officer)


def _in_order(entries: Collection[Entry], officer: Officer) -> list[Entry]:
    urgency: dict[tuple[UUID, tuple[bool, bool, bool]], int] = {}
    for entry in entries:
        key = entry.face_id, entry.group
        urgency[key] = max(urgency.get(key, 0), entry.priority.total)
    return sorted(
        entries,
        key=lambda entry: (
            entry.group,
            -urgency[entry.face_id, entry.group],
            shuffled(officer.id, entry.face_id),
            shuffled(officer.id, entry.candidate_id),
        ),
    )


def _own(session: Session, officer: Officer, state: ReviewState) -> dict[UUID, UUID]:
    """The officer's reviews in a state, by candidate."""
    own = select(Review.candidate_id, Review.id).where(Review.officer_id == officer.id, Review.state == state)
    return dict(session.exec(own).all())


def _repeated_pictures(session: Session) -> dict[UUID, tuple[int, int]]:
    """Faces before reviewers whose picture several tips show: how many tips, and how many areas they name."""
    own, other = aliased(Photo), aliased(Photo)
    tips = func.count(col(other.tip_id).distinct())
    rows = session.exec(
        select(Face.id, tips, func.count(col(Tip.jurisdiction_code).distinct()))
        .join(own, col(own.id) == col(Face.photo_id))
        .join(other, col(other.cluster_id) == col(own.cluster_id))
        .join(Tip, col(Tip.id) == col(other.tip_id))
        .where(
            col(Face.id).in_(
                select(Candidate.face_id).where(col(Candidate.state).in_(OPEN_CANDIDATE_STATES))
            ),
            tip_queries.counts(),
            col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
        )
        .group_by(col(Face.id))
        .having(tips > 1)
    )
    return {face_id: (count, max(places, 1)) for face_id, count, places in rows}


def codes_below(path: str, code: str) -> list[str]:
    """The codes of a path that come after one of them: areas below it, the smallest last."""
    return [below for below in f"/{path}".partition(f"/{code}/")[2].split("/") if below]


def passes(entry: Entry, officer: Officer, filters: Filters, moment: datetime) -> bool:
    """Whether a candidate is among those that an officer's filters leave."""
    return (
        (entry.danger or not filters.danger)
        and (not filters.area or filters.area in codes_below(entry.path, officer.jurisdiction_code))
        and (filters.part is None or entry.shown_first == (filters.part == Part.FIRST))
        and (moment - entry.waits_since > timedelta(hours=filters.waiting) or not filters.waiting)
        and (entry.escalated_to == officer.jurisdiction_code or not filters.escalated)
        and (entry.held is not None or not filters.mine)
        and (entry.skipped or not filters.skipped)
    )
