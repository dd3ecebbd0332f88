"""Settling a candidate: what decisions make of it, and what follows for its tip."""

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates import progress as candidates
from app.candidates import queries as candidate_queries
from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.cases import leads
from app.officers.models import Officer
from app.reviews import queries
from app.reviews.models import DIFFERENT, SAME, Conclusion, ReviewKind
from app.tips import progress
from app.tips import queries as tip_queries
from app.tips.models import Tip, TipState


def combine(first: Conclusion, second: Conclusion) -> CandidateState:
    """What two blind conclusions make of a candidate.

    - Both support the same person: agreed_same.
    - One does and the other does not: disputed; an examiner decides. A lead thus always rests on two people
      who each support the same person.
    - Nobody does, and both support different persons: agreed_different.
    - Nobody does, and at least one cannot tell: inconclusive.
    """
    supporting = len([conclusion for conclusion in (first, second) if conclusion in SAME])
    if supporting:
        return CandidateState.AGREED_SAME if supporting == 2 else CandidateState.DISPUTED  # noqa: PLR2004
    return CandidateState.AGREED_DIFFERENT if {first, second} <= DIFFERENT else CandidateState.INCONCLUSIVE


def settle(
    session: Session, officer: Officer, candidate: Candidate, kind: ReviewKind, conclusion: Conclusion
) -> None:
    """Bring a candidate on by a decision that was just recorded.

    - Decisions that were set aside count nowhere.
    - The first of a pair leaves it waiting for a second person; `combine` says what two make of it.
    - Support for the same person by the pair or an examiner makes a lead; a known answer never becomes one.
    - A tip whose last candidate is settled without a lead goes to triage.

    Args:
        session: a writing session; the decision is flushed.
        officer: who decided.
        candidate: what was decided.
        kind: as one of the pair, or as an examiner.
        conclusion: what they concluded.

    Raises:
        Conflict: the candidate or its tip was settled or withdrawn meanwhile.
    """
    if kind == ReviewKind.EXAMINATION:
        candidates.move(session, candidate, CandidateState.EXAMINED)
        same = conclusion in SAME
    else:
        others = [
            review.conclusion
            for review in queries.decided(session, candidate.id)
            if review.officer_id != officer.id
            and review.set_aside_at is None
            and review.conclusion is not None
        ]
        to = combine(others[0], conclusion) if others else CandidateState.DECIDED_ONCE
        candidates.move(session, candidate, to)
        same = to == CandidateState.AGREED_SAME
    if candidate.state in OPEN_CANDIDATE_STATES:
        return
    actor = officer_actor(officer.id)
    audit.record(
        session, actor, Action.CANDIDATE_SETTLED, "candidate", candidate.id, state=candidate.state.value
    )
    tip = session.get_one(Tip, candidate.tip_id)
    if tip_queries.is_golden(session, tip):
        return
    if same:
        leads.from_candidate(session, candidate, tip, actor)
    elif not candidate_queries.open_of_tip(session, tip.id) and tip.state == TipState.IN_REVIEW:
        progress.move(session, tip, TipState.ROUTED, actor)
