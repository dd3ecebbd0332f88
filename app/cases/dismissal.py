"""Giving up a lead without a case, and taking it up again."""

from uuid import UUID

from sqlmodel import Session

from app.audit.service import officer_actor
from app.cases import leads, queries, service
from app.core.errors import Conflict
from app.officers.models import Officer
from app.tips.models import Tip, TipState


def dismiss(session: Session, supervisor: Officer, lead_id: UUID, reason: str) -> None:
    """Give up a lead; its tip goes back to triage unless other work rests on it.

    Args:
        session: a writing session.
        supervisor: who gives it up.
        lead_id: the lead.
        reason: why, in words; only officers of the area read it.

    Raises:
        NotFound: no such lead in the supervisor's area.
        Invalid: no reason in words.
        Conflict: it was given up already, or it has a case.
    """
    lead = queries.get_visible_lead(session, supervisor, lead_id)
    leads.give_up(session, lead, supervisor, service.checked_text(reason, "dismissal"))


def take_up_again(session: Session, supervisor: Officer, lead_id: UUID) -> None:
    """Undo a dismissal by a supervisor; one that followed an appeal is for the reviewers to undo.

    Raises:
        NotFound: no such lead in the supervisor's area.
        Conflict: it was not given up, reviewers decide on its candidate anew, or its tip was closed.
    """
    lead = queries.get_visible_lead(session, supervisor, lead_id)
    if lead.dismissed_at is None:
        raise Conflict("This lead was not given up.")
    if not queries.candidate_still_agreed(session, lead):
        raise Conflict("Its reviews were set aside. It becomes a lead again when two officers agree anew.")
    tip = session.get_one(Tip, lead.tip_id)
    if tip.state == TipState.DISPOSED:
        raise Conflict("The tip of this lead was closed meanwhile.")
    leads.take_up_again(session, lead, tip, officer_actor(supervisor.id))
