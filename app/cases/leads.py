"""Leads: how one comes to be. There are two ways, and both need two people."""

from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor, officer_actor
from app.candidates import queries as candidate_queries
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Case, CaseState, CaseTip, Lead, LeadDismissal
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned, legible
from app.officers.models import Officer
from app.tips import progress
from app.tips.models import Disposition, Tip, TipState
from app.tips.queries import NATION

SHORTEST_REASON = 20
"""Characters; a lead without a candidate rests on the officer's words alone."""


def from_candidate(session: Session, candidate: Candidate, tip: Tip, actor: Actor = SYSTEM) -> Lead:
    """Make the lead that agreed reviews call for.

    The caller has checked that two officers support the same person, or that an examiner does. A tip that
    was closed meanwhile for another reason comes back: two people have seen the child in it. A lead that was
    given up when earlier decisions were set aside comes back, too, and is no second one.

    Args:
        session: a writing session.
        candidate: the settled candidate.
        tip: its tip.
        actor: the officer whose decision settled it.

    Returns:
        The lead.

    Raises:
        Conflict: the candidate is not settled by two people or has a lead already, or the tip was taken back.
    """
    if candidate.state not in {CandidateState.AGREED_SAME, CandidateState.EXAMINED}:
        raise Conflict("A candidate becomes a lead only after two officers have decided.")
    known = of_candidate(session, candidate.id)
    if known is not None and known.dismissed_at is None:
        raise Conflict("This candidate has become a lead already.")
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        raise Conflict("The tip was withdrawn meanwhile.")
    if known is not None:
        return take_up_again(session, known, tip, actor)
    return _make(
        session, tip, actor, "", candidate_id=candidate.id, record_id=candidate.record_id, officer_id=None
    )


def from_triage(session: Session, tip: Tip, officer: Officer, reason: str) -> Lead:
    """Make a lead of a tip that is worth an offline check without any candidate.

    Args:
        session: a writing session.
        tip: a tip of the officer's area.
        officer: who decides; another officer opens the case.
        reason: why, in words.

    Raises:
        Invalid: the reason is too short.
        Conflict: the tip is closed, is a lead already, or has a candidate that two reviewers have to decide.
    """
    reason = cleaned(reason, "reason")
    if legible(reason) < SHORTEST_REASON:
        raise Invalid(
            "Give the reason in at least %(least)s characters.", field="reason", least=SHORTEST_REASON
        )
    if tip.state in {TipState.LEAD, TipState.DISPOSED}:
        raise Conflict("This tip is a lead already, or it is closed.")
    if candidate_queries.open_of_tip(session, tip.id):
        raise Conflict("This tip has candidates that reviewers have to decide first.")
    return _make(
        session,
        tip,
        officer_actor(officer.id),
        reason,
        candidate_id=None,
        record_id=None,
        officer_id=officer.id,
    )


def of_candidate(session: Session, candidate_id: UUID) -> Lead | None:
    """The lead that a candidate became, given up or not."""
    return session.exec(select(Lead).where(Lead.candidate_id == candidate_id)).first()


def give_up(session: Session, lead: Lead, officer: Officer, reason: str) -> None:
    """Give up a lead that has no case; its tip goes back to triage unless other work rests on it.

    The caller has checked that the officer may, and that the reason is written in words.

    Args:
        session: a writing session.
        lead: the lead.
        officer: who gives it up.
        reason: why; only officers of the area read it.

    Raises:
        Conflict: it was given up already, or it has a case.
    """
    if lead.dismissed_at is not None:
        raise Conflict("This lead was given up already.")
    if session.exec(select(Case.id).where(Case.lead_id == lead.id)).first():
        raise Conflict("This lead has a case. What becomes of it is decided there.")
    lead.dismissed_at = now()
    session.add(lead)
    session.add(LeadDismissal(lead_id=lead.id, officer_id=officer.id, reason=reason))
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.LEAD_DISMISSED, "lead", lead.id, tip=str(lead.tip_id))
    tip = session.get_one(Tip, lead.tip_id)
    if tip.state == TipState.LEAD and not _other_work(session, lead):
        progress.move(session, tip, TipState.ROUTED, actor)


def _other_work(session: Session, lead: Lead) -> bool:
    """Whether another lead or an open case rests on a lead's tip."""
    closed = select(Case.lead_id).where(Case.state == CaseState.CLOSED)
    leads = select(Lead.id).where(
        Lead.tip_id == lead.tip_id,
        Lead.id != lead.id,
        col(Lead.dismissed_at).is_(None),
        col(Lead.id).not_in(closed),
    )
    cases = (
        select(Case.id)
        .join(CaseTip, col(CaseTip.case_id) == col(Case.id))
        .where(CaseTip.tip_id == lead.tip_id, Case.state != CaseState.CLOSED)
    )
    return session.exec(leads).first() is not None or session.exec(cases).first() is not None


def take_up_again(session: Session, lead: Lead, tip: Tip, actor: Actor) -> Lead:
    """Make a dismissed lead a lead again; the caller has checked that it may be one."""
    lead.dismissed_at = None
    session.add(lead)
    for dismissal in session.exec(
        select(LeadDismissal).where(LeadDismissal.lead_id == lead.id, col(LeadDismissal.undone_at).is_(None))
    ):
        dismissal.undone_at = now()
        session.add(dismissal)
    audit.record(session, actor, Action.LEAD_MADE, "lead", lead.id, tip=str(tip.id), again=True)
    bring_back(session, tip, actor)
    return lead


def _make(
    session: Session,
    tip: Tip,
    actor: Actor,
    reason: str,
    *,
    candidate_id: UUID | None,
    record_id: UUID | None,
    officer_id: UUID | None,
) -> Lead:
    if tip.jurisdiction_code is None:
        tip.jurisdiction_code = NATION  # Only the nation's officers see a tip that no area has.
    lead = Lead(
        tip_id=tip.id,
        candidate_id=candidate_id,
        record_id=record_id,
        jurisdiction_code=tip.jurisdiction_code,
        reason=reason,
        created_by=officer_id,
    )
    session.add(lead)
    session.flush()
    audit.record(session, actor, Action.LEAD_MADE, "lead", lead.id, tip=str(tip.id))
    bring_back(session, tip, actor)
    return lead


def bring_back(session: Session, tip: Tip, actor: Actor) -> None:
    """Make a tip a lead's or an open case's; a closed one loses the disposition it had.

    Raises:
        Conflict: the tip's state does not allow this.
    """
    progress.move(session, tip, TipState.LEAD, actor)
    tip.disposition = None
    tip.disposition_reason = None
    tip.disposed_at = None
    tip.disposed_by = None
    tip.duplicate_of_id = None
    session.add(tip)
