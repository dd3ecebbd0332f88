"""Tips that an officer takes into a case by hand, and out again."""

import re
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates import queries as candidate_queries
from app.cases import leads, queries, service
from app.cases.models import Case, CaseEntry, CaseEntryKind, CaseTip
from app.core.errors import Conflict, Invalid, NotFound
from app.officers.models import Officer
from app.tips import progress
from app.tips import queries as tip_queries
from app.tips.models import Tip, TipState

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def link(session: Session, officer: Officer, case_id: UUID, address: str, reason: str) -> Tip:
    """Take an open tip of the officer's area into a case.

    Args:
        session: a writing session.
        officer: who links.
        case_id: the case.
        address: address of the tip's page, or the id in it.
        reason: what shows that it is about the same child, in words.

    Returns:
        The tip.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no open tip of the officer's area at this address, or no reason in words.
        Conflict: the case is closed or rests in another, it has the tip already, or reviewers have to decide
            on one of the tip's candidates first.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    tip = _open_tip(session, officer, address)
    if session.get(CaseTip, (case.id, tip.id)) is not None:
        raise Conflict("This case has the tip already.")
    if candidate_queries.open_of_tip(session, tip.id):
        raise Conflict("This tip has candidates that reviewers have to decide first.")
    why = service.checked_text(reason, "link_reason")
    session.add(CaseTip(case_id=case.id, tip_id=tip.id))
    leads.bring_back(session, tip, officer_actor(officer.id))
    _note(session, case, officer, tip, why)
    return tip


def unlink(session: Session, officer: Officer, case_id: UUID, tip_id: UUID, reason: str) -> None:
    """Take a tip that was linked by hand out of its case; it goes back to triage unless other work holds it.

    Raises:
        NotFound: no such case in the officer's area, or no such tip of it.
        Invalid: no reason in words.
        Conflict: the case is closed or rests in another, or the tip did not come by hand, or not only so.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    tip = next(
        (each for each in queries.visible_tips_of(session, officer, case.id) if each.id == tip_id), None
    )
    if tip is None:
        raise NotFound
    if tip.id not in by_hand(session, case.id):
        raise Conflict("This tip was not linked by hand. A tip about another child can be split off.")
    if queries.came_by_merge(session, case.id, tip.id):
        raise Conflict("This tip came with a case that was merged into this one. Undo the merge instead.")
    why = service.checked_text(reason, "unlink_reason")
    session.delete(session.get_one(CaseTip, (case.id, tip.id)))
    session.flush()
    if tip.state == TipState.LEAD and not queries.held_elsewhere(session, tip.id, case):
        progress.move(session, tip, TipState.ROUTED, officer_actor(officer.id))
    _note(session, case, officer, tip, why, undone="yes")


def by_hand(session: Session, case_id: UUID) -> set[UUID]:
    """Tips that were linked to a case by hand and not taken out since."""
    entries = session.exec(
        select(CaseEntry)
        .where(CaseEntry.case_id == case_id, CaseEntry.kind == CaseEntryKind.TIP_LINKED)
        .order_by(col(CaseEntry.at), col(CaseEntry.id))
    )
    last = {UUID(entry.detail["tip"]): "undone" not in entry.detail for entry in entries}
    return {tip_id for tip_id, linked in last.items() if linked}


def _open_tip(session: Session, officer: Officer, address: str) -> Tip:
    found = ID.search(address)
    tip = (
        session.exec(tip_queries.visible_to(officer).where(Tip.id == UUID(found[0]))).first()
        if found
        else None
    )
    if tip is None or tip.state not in queries.JOINABLE:
        raise Invalid("Paste the address of the page of an open tip of your area.", field="tip")
    return tip


def _note(session: Session, case: Case, officer: Officer, tip: Tip, text: str, **detail: str) -> None:
    service.write_entry(
        session,
        case,
        officer,
        CaseEntryKind.TIP_LINKED,
        text,
        tip=str(tip.id),
        title=tip.place_text,
        **detail,
    )
    what = {"unlinked_tip" if detail else "linked_tip": str(tip.id)}
    audit.record(session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, **what)
