"""Questions about the audit log. It holds ids and codes only, so an auditor reads all of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

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
        since: not before this moment.
        until: before this moment.
    """

    action: Action | None = None
    officer_id: UUID | None = None
    subject_id: str = ""
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
    if wanted.since is not None:
        question = question.where(col(AuditEvent.at) >= wanted.since)
    if wanted.until is not None:
        question = question.where(col(AuditEvent.at) < wanted.until)
    return listing(session, question, page)


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
