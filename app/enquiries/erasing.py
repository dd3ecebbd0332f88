"""Nothing of an enquiry stays: its picture goes with the answer, its row a day later."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from app.core.clock import now
from app.core.context import Context
from app.enquiries import answering
from app.enquiries.models import Enquiry, Finding
from app.enquiries.service import KEPT_FOR

UNHEARD = timedelta(hours=1)
"""How long a picture waits for a worker; then it is erased, and its sender may ask again."""
AT_ONCE = 200
"""Enquiries that one look takes on, so that it ends soon."""


def tidy(context: Context) -> int:
    """Erase what is due: pictures that no worker took up, files of answered enquiries, rows of yesterday.

    Returns:
        Rows that were deleted.
    """
    moment = now()
    for enquiry_id in _ids(context, col(Enquiry.finding).is_(None), col(Enquiry.asked_at) < moment - UNHEARD):
        with context.db.write() as session:
            answering.conclude(session, enquiry_id, Finding.UNREADABLE)
    # A worker that was killed after its answer left the file: it opens to nobody, its key is gone.
    for enquiry_id in _ids(context, col(Enquiry.finding).is_not(None), col(Enquiry.store_key).is_not(None)):
        answering.erase_picture(context, enquiry_id)
    deleted = 0
    for enquiry_id in _ids(
        context, col(Enquiry.asked_at) < moment - KEPT_FOR, col(Enquiry.store_key).is_(None)
    ):
        with context.db.write() as session:
            enquiry = session.get(Enquiry, enquiry_id)
            if enquiry is not None:
                session.delete(enquiry)
                deleted += 1
    return deleted


def _ids(context: Context, *conditions: object) -> list[UUID]:
    with context.db.read() as session:
        asked = select(Enquiry.id).where(*conditions).order_by(col(Enquiry.asked_at)).limit(AT_ONCE)  # type: ignore[arg-type]
        return list(session.exec(asked))
