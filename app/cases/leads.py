"""Leads: how one comes to be. There are two ways, and both need two people."""

from uuid import UUID

from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor, officer_actor
from app.candidates import queries as candidate_queries
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Lead
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
    was closed meanwhile for another reason comes back: two people have seen the child in it.

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
    if session.exec(select(Lead.id).where(Lead.candidate_id == candidate.id)).first():
        raise Conflict("This candidate has become a lead already.")
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        raise Conflict("The tip was withdrawn meanwhile.")
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
