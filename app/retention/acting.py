"""What is done to one thing whose time is over, each in a transaction of its own, and repeatable."""

from collections.abc import Callable
from uuid import UUID

from sqlmodel import col, delete, select, update

from app import erasing
from app.audit.service import SYSTEM
from app.core import jobs
from app.core.context import Context
from app.core.errors import Conflict
from app.core.jobs import Job, JobState
from app.officers.models import OfficerSession
from app.photos.models import Face, Photo, Template
from app.records import erasing as record_erasing
from app.records.models import Record, RecordState
from app.tips import progress
from app.tips.models import Disposition, Tip, TipNotification, TipState

REASON = "Its time for a decision ran out."


def close_as_expired(context: Context, tip_id: UUID) -> bool:
    """Close a tip that nobody decided on; its sender reads so, as of every other answer."""
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if tip.state in {TipState.LEAD, TipState.DISPOSED} or erasing.is_worked_on(session, tip.id):
            return False
        progress.dispose(session, tip, Disposition.EXPIRED_UNVERIFIED, SYSTEM, REASON)
        jobs.enqueue(session, "withdraw_candidates", f"withdraw_candidates:{tip.id}", tip_id=str(tip.id))
    return True


def forget_contact(context: Context, tip_id: UUID) -> bool:
    """Delete the contact and the notices of a closed tip."""
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if tip.state != TipState.DISPOSED:
            return False
        session.exec(update(Tip).where(col(Tip.id) == tip.id).values(contact_sealed=None))
        session.exec(delete(TipNotification).where(col(TipNotification.tip_id) == tip.id))
    context.db.empty_log()
    return True


def forget_templates(context: Context, tip_id: UUID) -> bool:
    """Delete what was measured of the faces of a closed tip that led to nothing."""
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if tip.state != TipState.DISPOSED or erasing.serves(session, tip.id):
            return False
        faces = select(Face.id).join(Photo).where(Photo.tip_id == tip.id)
        session.exec(delete(Template).where(col(Template.face_id).in_(faces)))
    context.db.empty_log()
    return True


def erase_record(context: Context, record_id: UUID) -> bool:
    """Erase a closed record, unless something of it is still worked on."""
    with context.db.write() as session:
        record = session.get_one(Record, record_id)
        if record.state != RecordState.CLOSED:
            return False
        try:
            cause = record_erasing.Cause.LAW
            record_erasing.erase_record(session, context.keys, record, cause, SYSTEM)
        except Conflict:
            return False
    return True


def forget_session(context: Context, session_id: UUID) -> bool:
    """Delete an officer's ended session."""
    with context.db.write() as session:
        session.exec(delete(OfficerSession).where(col(OfficerSession.id) == session_id))
    return True


def forget_job(context: Context, job_id: UUID) -> bool:
    """Delete a job that is done."""
    with context.db.write() as session:
        session.exec(delete(Job).where(col(Job.id) == job_id, col(Job.state) == JobState.DONE))
    return True


ACTS: dict[str, Callable[[Context, UUID], bool]] = {
    "open_tips": close_as_expired,
    "contacts": forget_contact,
    "templates": forget_templates,
    "tips": erasing.erase_expired,
    "cases": erasing.blur_for_good,
    "records": erase_record,
    "sessions": forget_session,
    "jobs": forget_job,
}
"""What the night does to each class; False says that there was a reason to leave something."""
