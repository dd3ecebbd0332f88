"""Taking a tip back, and what of it is erased.

The sender reads the same, at once, whether police work rests on the tip or not: the contact goes in the
request, and a job erases the rest where nothing rests on it (`app.erasing`).
"""

from uuid import UUID

from sqlmodel import Session, col, delete, select, update

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import TIPSTER
from app.core import jobs
from app.core.errors import Conflict
from app.tips import progress, queries
from app.tips.models import Author, Disposition, Submission, Tip, TipMessage, TipNotification, TipState

WITHDRAWN = Disposition.WITHDRAWN_BY_TIPSTER.value


def withdraw(session: Session, tip_id: UUID) -> None:
    """Take a tip back: its contact and notices go at once, and it is closed unless offline work rests on it.

    A lead stays as evidence. Its thread gets the same notice, so that the tipster's page does not tell
    whether there is one. Taken back twice, nothing more happens.

    Raises:
        Conflict: the police have closed the tip.
    """
    tip = session.get_one(Tip, tip_id)
    if is_withdrawn(session, tip_id):
        return
    if tip.state == TipState.DISPOSED or queries.is_answered(session, tip_id):
        raise Conflict("This tip is closed. It cannot be taken back any more.")
    tip.contact_sealed = None
    session.add(tip)
    session.exec(delete(TipNotification).where(col(TipNotification.tip_id) == tip_id))
    # A form that is sent again must neither bring an erased tip back nor tell whether it was erased.
    session.exec(update(Submission).where(col(Submission.tip_id) == tip_id).values(digest=""))
    if tip.state == TipState.LEAD:
        session.add(TipMessage(tip_id=tip_id, author=Author.SYSTEM, notice=WITHDRAWN))
        audit.record(session, TIPSTER, Action.MESSAGE_SENT, "tip", tip_id, notice=WITHDRAWN)
    else:
        progress.dispose(
            session, tip, Disposition.WITHDRAWN_BY_TIPSTER, TIPSTER, "The tipster took the tip back."
        )
        jobs.enqueue(session, "withdraw_candidates", f"withdraw_candidates:{tip_id}", tip_id=str(tip_id))
    jobs.enqueue(session, "erase_tip", f"erase_tip:{tip_id}", tip_id=str(tip_id))


def is_withdrawn(session: Session, tip_id: UUID) -> bool:
    """Whether its sender took a tip back, closed or not."""
    notice = select(TipMessage.id).where(TipMessage.tip_id == tip_id, TipMessage.notice == WITHDRAWN)
    return session.exec(notice).first() is not None
