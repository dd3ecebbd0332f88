"""A tip that is about another child leaves its case and becomes a lead of its own."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import CaseEntryKind, CaseTip, Lead
from app.core.errors import Conflict, NotFound
from app.officers.models import Officer
from app.tips.models import TipState


def split(session: Session, officer: Officer, case_id: UUID, tip_id: UUID, motive: str) -> Lead:
    """Take a tip out of a case into a lead of its own, on which another officer opens a case.

    Args:
        session: a writing session.
        officer: who splits.
        case_id: the case.
        tip_id: one of its tips, not the one that its lead rests on.
        motive: why it is about another child.

    Returns:
        The new lead.

    Raises:
        NotFound: no such case in the officer's area, or no such tip of it.
        Invalid: no motive in words.
        Conflict: the case is closed or rests in another, it is the lead's own tip or came by a merge.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    linked = session.get(CaseTip, (case.id, tip_id))
    tip = next((tip for tip in queries.visible_tips_of(session, officer, case.id) if tip.id == tip_id), None)
    if linked is None or tip is None:
        raise NotFound
    if session.get_one(Lead, case.lead_id).tip_id == tip.id:
        raise Conflict("The case rests on this tip. Take the others out instead.")
    if queries.came_by_merge(session, case.id, tip.id):
        raise Conflict("This tip came with a case that was merged into this one. Undo the merge instead.")
    if tip.state != TipState.LEAD:
        raise Conflict("This tip is closed. Reopen the case first.")
    why = service.checked_text(motive, "split_motive")
    session.delete(linked)
    lead = Lead(
        tip_id=tip.id,
        jurisdiction_code=tip.jurisdiction_code or case.jurisdiction_code,
        reason=why,
        created_by=officer.id,
    )
    session.add(lead)
    session.flush()
    service.write_entry(session, case, officer, CaseEntryKind.SPLIT, why, title=tip.place_text)
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.CASE_SPLIT, "case", case.id, tip=str(tip.id), lead=str(lead.id))
    return lead
