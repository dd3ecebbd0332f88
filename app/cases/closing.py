"""The end of a case, and its way back."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import leads, queries, removal, service
from app.cases.models import Case, CaseEntryKind, CaseState, Lead
from app.core.clock import now
from app.officers.models import Officer
from app.tips import progress
from app.tips.models import Disposition, TipState


def close(session: Session, supervisor: Officer, case_id: UUID) -> None:
    """Close a case whose outcome is recorded, and give its tips their final code.

    - The lead's tip is `converted_to_case`, every other one `linked_to_case`; the answer goes to each thread.
    - A tip that another open case or a waiting lead rests on stays open: closing one item closes no other.
    - The record stays open; a clerk closes it.

    Args:
        session: a writing session.
        supervisor: who closes it.
        case_id: the case.

    Raises:
        NotFound: no such case in the supervisor's area.
        Conflict: no outcome is recorded, it is closed already or rests in another, or the child was taken
            away and civil affairs reported no outcome.
    """
    case = queries.get_visible(session, supervisor, case_id, hold=True)
    service.check_step(session, case, CaseState.CLOSED)
    removal.check_answered(session, case)
    actor = officer_actor(supervisor.id)
    case.state = CaseState.CLOSED
    case.closed_at = now()
    session.add(case)
    service.write_entry(session, case, supervisor, CaseEntryKind.CLOSED, "")
    audit.record(
        session,
        actor,
        Action.CASE_CLOSED,
        "case",
        case.id,
        outcome=case.outcome.value if case.outcome else None,
    )
    lead_tip = session.get_one(Lead, case.lead_id).tip_id
    for tip in queries.tips_of(session, case.id):
        if tip.state == TipState.LEAD and not queries.held_elsewhere(session, tip.id, case):
            code = Disposition.CONVERTED_TO_CASE if tip.id == lead_tip else Disposition.LINKED_TO_CASE
            progress.dispose(session, tip, code, actor, f"Case {case.number}", officer_id=supervisor.id)


def reopen(session: Session, supervisor: Officer, case_id: UUID, motive: str) -> None:
    """Open a closed case again, with a written motive.

    Its identity and outcome have to be established anew, so that no family is contacted on what is in doubt;
    what they were stays in the timeline. Tips that were closed with a case come back.

    Args:
        session: a writing session.
        supervisor: who reopens it.
        case_id: the case.
        motive: why, in words.

    Raises:
        NotFound: no such case in the supervisor's area.
        Invalid: no motive in words.
        Conflict: the case is not closed.
    """
    case = queries.get_visible(session, supervisor, case_id, hold=True)
    service.check_step(session, case, CaseState.OPEN)
    text = service.checked_text(motive, "motive")
    _forget_findings(case)
    session.add(case)
    service.write_entry(session, case, supervisor, CaseEntryKind.REOPENED, text)
    actor = officer_actor(supervisor.id)
    audit.record(session, actor, Action.CASE_REOPENED, "case", case.id)
    for tip in queries.tips_of(session, case.id):
        if tip.state == TipState.DISPOSED and queries.closed_with_a_case(tip):
            leads.bring_back(session, tip, actor)


def _forget_findings(case: Case) -> None:
    case.state = CaseState.OPEN
    case.closed_at = None
    case.outcome = None
    case.identity_evidence = None
    case.identity_reference = None
    case.identity_confirmed_at = None
