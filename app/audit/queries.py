"""Questions about the audit log. It holds ids and codes only, so an auditor reads all of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, or_, select

from app.audit.models import Action, ActorKind, AuditEvent
from app.audit.service import is_whole
from app.core.paging import Listing, listing
from app.officers.models import Officer


@dataclass(frozen=True)
class Filter:
    """Which rows are wanted; None or empty means any.

    Attributes:
        action: what was done.
        officer_id: who did it.
        subject_id: what it was done to.
        subject_ids: several of these, any of which is wanted.
        since: not before this moment.
        until: before this moment.
    """

    action: Action | None = None
    officer_id: UUID | None = None
    subject_id: str = ""
    subject_ids: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


def search(session: Session, wanted: Filter, page: int) -> Listing[AuditEvent]:
    """A page of rows, the newest first."""
    question = select(AuditEvent).order_by(col(AuditEvent.seq).desc())
    if wanted.action is not None:
        question = question.where(AuditEvent.action == wanted.action)
    if wanted.officer_id is not None:
        question = question.where(
            AuditEvent.actor_kind == ActorKind.OFFICER, AuditEvent.actor_id == str(wanted.officer_id)
        )
    if wanted.subject_id:
        question = question.where(AuditEvent.subject_id == wanted.subject_id)
    if wanted.subject_ids is not None:
        question = question.where(col(AuditEvent.subject_id).in_(wanted.subject_ids))
    if wanted.since is not None:
        question = question.where(col(AuditEvent.at) >= wanted.since)
    if wanted.until is not None:
        question = question.where(col(AuditEvent.at) < wanted.until)
    return listing(session, question, page)


@dataclass(frozen=True)
class DayOf:
    """What an officer did on one day.

    Attributes:
        day: in the zone of the officers.
        rows: of the log.
        photos: photos that were looked at.
        busiest: rows of the busiest hour.
    """

    day: date
    rows: int
    photos: int
    busiest: int


MOST_SUMMED = 50_000
"""Rows of an officer that are summed up by day: the newest ones."""


def days_of(session: Session, wanted: Filter, zone: ZoneInfo) -> list[DayOf]:
    """What an officer did, by day, the newest first."""
    question = select(AuditEvent.at, AuditEvent.action).where(
        AuditEvent.actor_kind == ActorKind.OFFICER, AuditEvent.actor_id == str(wanted.officer_id)
    )
    if wanted.since is not None:
        question = question.where(col(AuditEvent.at) >= wanted.since)
    if wanted.until is not None:
        question = question.where(col(AuditEvent.at) < wanted.until)
    hours: Counter[datetime] = Counter()
    photos: Counter[date] = Counter()
    for at, action in session.exec(question.order_by(col(AuditEvent.seq).desc()).limit(MOST_SUMMED)):
        here = at.astimezone(zone)
        hours[here.replace(minute=0, second=0, microsecond=0)] += 1
        photos[here.date()] += action == Action.PHOTO_VIEWED
    return [
        DayOf(day, sum(found), photos[day], max(found))
        for day in sorted(photos, reverse=True)
        if (found := [count for hour, count in hours.items() if hour.date() == day])
    ]


def first_about(session: Session, action: Action, subject_id: str) -> AuditEvent | None:
    """The first row that says that something was done to a subject."""
    return session.exec(
        select(AuditEvent)
        .where(AuditEvent.subject_id == subject_id, AuditEvent.action == action)
        .order_by(col(AuditEvent.seq))
        .limit(1)
    ).first()


def holds(session: Session, action: Action, seq: int, digest: str) -> bool:
    """Whether the chain has this row with this hash, and the row still says what the hash was made of."""
    event = session.get(AuditEvent, seq)
    return event is not None and (event.action, event.hash) == (action, digest) and is_whole(event)


def officer_named(session: Session, text: str) -> Officer | None:
    """The officer with this user name or badge number."""
    return session.exec(
        select(Officer).where(or_(Officer.username == text.casefold(), Officer.badge == text))
    ).first()


def officers_in(session: Session, events: Iterable[AuditEvent]) -> dict[str, Officer]:
    """The officers that rows name, by their id as the rows write it."""
    ids: set[UUID] = set()
    for event in events:
        if event.actor_kind == ActorKind.OFFICER and event.actor_id:
            ids.add(UUID(event.actor_id))
        if event.subject_kind == "officer":
            ids |= _as_id(event.subject_id)
    found = session.exec(select(Officer).where(col(Officer.id).in_(ids)))
    return {str(officer.id): officer for officer in found}


def _as_id(text: str) -> set[UUID]:
    """An id, or nothing: a failed sign-in may be about nobody known."""
    try:
        return {UUID(text)}
    except ValueError:
        return set()
