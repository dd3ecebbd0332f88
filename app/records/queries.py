"""Questions about records. `visible_to` is the only door to them for an officer."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import false
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.records.models import ImportProblem, ImportRun, Record, RecordState, Reference

READERS = (Role.CLERK, Role.INVESTIGATOR, Role.SUPERVISOR)


def visible_to(officer: Officer) -> SelectOfScalar[Record]:
    """The records an officer may read: the nation's, less known answers and erased ones."""
    question = select(Record).where(col(Record.golden).is_(False), Record.state != RecordState.ERASED)
    return question if officer.has(*READERS) else question.where(false())


def get_visible(session: Session, officer: Officer, record_id: UUID) -> Record:
    """One record.

    Raises:
        NotFound: no such record, or a role that reads none.
    """
    record = session.exec(visible_to(officer).where(Record.id == record_id)).first()
    if record is None:
        raise NotFound
    return record


def may_write(session: Session, officer: Officer, *codes: str) -> bool:
    """Whether an officer is a clerk of all these areas: of each itself or of one above it."""
    within = select(codes_within(officer).subquery().c.code)
    own = set(session.exec(within.where(within.selected_columns[0].in_(codes))))
    return officer.active and officer.has(Role.CLERK) and own.issuperset(codes)


def search(
    session: Session, officer: Officer, text: str, state: RecordState | None, page: int
) -> Listing[Record]:
    """A page of records by number or name, the longest missing last.

    Args:
        session: any session.
        officer: who asks.
        text: part of a number or a name; empty for all.
        state: open or closed ones only, None for both.
        page: number wanted, from 1.

    Returns:
        The page.
    """
    question = visible_to(officer).order_by(col(Record.missing_since).desc(), col(Record.number))
    if text:
        question = question.where(
            or_(
                col(Record.number).icontains(text, autoescape=True),
                col(Record.name).icontains(text, autoescape=True),
            )
        )
    if state is not None:
        question = question.where(Record.state == state)
    return listing(session, question, page)


def by_number(session: Session, number: str) -> Record | None:
    """The record of a police number."""
    return session.exec(select(Record).where(Record.number == number)).first()


def by_numbers(session: Session, numbers: Collection[str]) -> list[Record]:
    """The records of several police numbers."""
    return list(session.exec(select(Record).where(col(Record.number).in_(numbers))))


def references_of_many(
    session: Session, record_ids: Collection[UUID]
) -> dict[UUID, list[tuple[Reference, Photo]]]:
    """Every reference of several records with its photo, those taken out included, oldest first."""
    found: dict[UUID, list[tuple[Reference, Photo]]] = {}
    question = (
        select(Reference, Photo)
        .join(Photo, col(Photo.id) == col(Reference.photo_id))
        .where(col(Reference.record_id).in_(record_ids))
        .order_by(col(Reference.created_at), col(Reference.id))
    )
    for reference, photo in session.exec(question):
        found.setdefault(reference.record_id, []).append((reference, photo))
    return found


def references_of(
    session: Session, record_id: UUID, *, removed: bool = False
) -> list[tuple[Reference, Photo]]:
    """A record's references with their photos, oldest first.

    Args:
        session: any session.
        record_id: the record.
        removed: whether references that a clerk took out are wanted too.
    """
    question = (
        select(Reference, Photo)
        .join(Photo, col(Photo.id) == col(Reference.photo_id))
        .where(Reference.record_id == record_id)
        .order_by(col(Reference.created_at), col(Reference.id))
    )
    if not removed:
        question = question.where(col(Reference.removed_at).is_(None))
    return list(session.exec(question))


def of_keeper(
    session: Session, keeper: str, after: str = "", most: int = 100, number: str | None = None
) -> list[Record]:
    """Records that a police system keeps, by number.

    Args:
        session: any session.
        keeper: the system's name.
        after: only numbers after this one.
        most: rows at most.
        number: only the record of this number.
    """
    question = select(Record).where(
        Record.kept_by == keeper, Record.state != RecordState.ERASED, col(Record.golden).is_(False)
    )
    question = question.where(Record.number == number) if number else question.where(Record.number > after)
    return list(session.exec(question.order_by(col(Record.number)).limit(most)))


def expired(session: Session, today: date, most: int) -> list[Record]:
    """Open records whose registry wants them closed by now."""
    question = select(Record).where(
        Record.state == RecordState.OPEN, col(Record.expires_on) < today, col(Record.golden).is_(False)
    )
    return list(session.exec(question.limit(most)))


def imports(session: Session, page: int) -> Listing[ImportRun]:
    """A page of imports, the newest first."""
    question = select(ImportRun).order_by(col(ImportRun.started_at).desc(), col(ImportRun.id))
    return listing(session, question, page)


def import_run(session: Session, run_id: UUID, page: int) -> tuple[ImportRun, Listing[ImportProblem]]:
    """An import with a page of its refused lines.

    Raises:
        NotFound: no such import.
    """
    run = session.get(ImportRun, run_id)
    if run is None:
        raise NotFound
    question = select(ImportProblem).where(ImportProblem.run_id == run_id).order_by(col(ImportProblem.line))
    return run, listing(session, question, page)
