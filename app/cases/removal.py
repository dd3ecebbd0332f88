"""A child taken away from those it was with: recorded, and answered for by civil affairs before the end."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import Case, CaseEntryKind, Outcome
from app.core.clock import now
from app.core.errors import Conflict
from app.officers.models import Officer
from app.referrals import queries as referrals


def record(session: Session, supervisor: Officer, case_id: UUID, text: str) -> None:
    """Record that the child was taken away, who ordered it and why.

    Raises:
        NotFound: no such case in the supervisor's area.
        Invalid: no account in words.
        Conflict: the case is closed or rests in another, or it is recorded already.
    """
    case = queries.get_visible(session, supervisor, case_id, hold=True)
    service.refuse_closed(session, case)
    if case.removed_at is not None:
        raise Conflict("It is recorded already that the child was taken away.")
    account = service.checked_text(text, "removal")
    case.removed_at = now()
    session.add(case)
    service.write_entry(session, case, supervisor, CaseEntryKind.REMOVAL, account)
    audit.record(session, officer_actor(supervisor.id), Action.CHILD_REMOVED, "case", case.id)


def is_one(case: Case) -> bool:
    """Whether the child was taken away: recorded so, or placed in care, which is the same."""
    return case.removed_at is not None or case.outcome == Outcome.PLACED_IN_CARE


def check_answered(session: Session, case: Case) -> None:
    """Refuse to end a case with a removal of which civil affairs reported no outcome.

    Cases that rest in this one count with it: a merge is no way round. What civil affairs reported before the
    child was taken away does not speak of that.

    Raises:
        Conflict: the child was taken away and no referral to civil affairs was completed.
    """
    one = [case, *(session.get_one(Case, each) for each in queries.merged_into(session, case.id))]
    removed = [each.removed_at for each in one if each.removed_at is not None]
    reported = referrals.civil_affairs_reported(
        session, [each.id for each in one], max(removed, default=None)
    )
    if any(is_one(each) for each in one) and not reported:
        raise Conflict(
            "The child was taken away. Before the case can close, a referral to civil affairs has to be "
            "completed with an outcome."
        )
