"""Erasing a record for good: what it says at once, its photos and all that was computed from them by a job.

The row stays and tells so, since audit rows, leads and candidates name its id. A reference stays only where a
candidate names it, with an empty photo row in place of its own.
"""

from enum import StrEnum
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core import jobs
from app.core.clock import now
from app.core.crypto import Keys
from app.core.errors import Conflict, Invalid
from app.photos.models import Photo
from app.records import suppression, writers
from app.records.fields import EARLIEST
from app.records.models import Record, RecordState, Reference, Sex, SuppressedKind


class Cause(StrEnum):
    """Why a record is erased; the audit log keeps the code."""

    FAMILY_ASKED = "family_asked"
    LAW = "law"
    MISTAKE = "mistake"
    RESOLVED = "resolved"


def read_cause(written: str) -> Cause:
    """A cause as a list or a request writes it.

    Raises:
        Invalid: none of the four.
    """
    try:
        return Cause(written.strip())
    except ValueError as error:
        raise Invalid(
            "The reason of an erasure is family_asked, law, mistake or resolved.", field="reason"
        ) from error


def erase_record(session: Session, keys: Keys, record: Record, cause: Cause, actor: Actor) -> None:
    """Erase what a record says, keep it from coming back, and order the erasure of its photos.

    Args:
        session: a writing session.
        keys: the deployment's keys.
        record: the record; erased already, nothing more happens.
        cause: why.
        actor: who erases it.

    Raises:
        NotAllowed: its area is not the actor's.
        NotFound: a registry does not keep it.
        Conflict: a known answer, or offline work rests on the record.
    """
    writers.check(session, actor, record, record.jurisdiction_code)
    if record.state == RecordState.ERASED:
        return
    check(session, record)
    suppression.suppress(session, keys, SuppressedKind.NUMBER, [record.number])
    held = session.exec(select(Reference).where(Reference.record_id == record.id)).all()
    photo_ids = [reference.photo_id for reference in held]
    files = session.exec(select(Photo.sha256).where(col(Photo.id).in_(photo_ids))).all()
    suppression.suppress(session, keys, SuppressedKind.FILE, files)
    for reference in held:
        reference.removed_at = reference.removed_at or now()
        reference.taken_on = reference.age_years = None
        session.add(reference)
    record.state = RecordState.ERASED
    record.number = f"erased:{record.id}"
    record.name = record.missing_place = record.features = record.kept_by = ""
    record.sex, record.born_on, record.missing_since = Sex.UNKNOWN, None, EARLIEST
    record.closing_reason, record.expires_on = None, None
    record.revision += 1
    record.updated_at = now()
    session.add(record)
    jobs.enqueue(
        session,
        "withdraw_record_candidates",
        f"withdraw_record_candidates:{record.id}:{record.revision}",
        record_id=str(record.id),
    )
    jobs.enqueue(session, "erase_record", f"erase_record:{record.id}", record_id=str(record.id))
    audit.record(
        session, actor, Action.RECORD_ERASED, "record", record.id, cause=cause.value, photos=len(held)
    )


def check(session: Session, record: Record) -> None:
    """Refuse the erasure of what has to stay for now.

    Raises:
        Conflict: a known answer, or offline work rests on the record.
    """
    if record.golden:
        raise Conflict("A known answer is not erased.")
    if _is_worked_on(session, record.id):
        raise Conflict("A lead or an open case rests on this record. Close it first, then erase.")


def _is_worked_on(session: Session, record_id: UUID) -> bool:
    """Whether a lead that was not given up, or a case that is not closed, names the record.

    Leads and cases are rooms that build on this one, so their tables are asked by name.
    """
    tables = SQLModel.metadata.tables
    case, lead = tables["police_case"].c, tables["lead"].c
    open_case = select(case.id).where(case.record_id == record_id, case.closed_at.is_(None))
    has_case = select(case.id).where(case.lead_id == lead.id).exists()
    open_lead = select(lead.id).where(lead.record_id == record_id, lead.dismissed_at.is_(None), ~has_case)
    return any(session.exec(asked.limit(1)).first() is not None for asked in (open_case, open_lead))
