"""Blind reviews: open one's own, decide. The only way from a candidate to a lead."""

import math
from collections.abc import Mapping
from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates.models import CandidateState
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned, legible
from app.officers.models import Officer
from app.reviews import checklist, claims, queries, settling
from app.reviews.models import Conclusion, Review, ReviewState

SHORTEST_REASON = 10
"""Characters of a decision's reason."""
LONGEST_REASON = 4_000


def open_own(session: Session, officer: Officer, review_id: UUID) -> Review:
    """An officer's own review, to be looked at; one still held only while it can be decided.

    Raises:
        NotFound: not the officer's review.
        Conflict: the tip or the candidate was withdrawn, or settled, while the officer held it.
    """
    review = queries.get_own(session, officer, review_id)
    if review.state == ReviewState.CLAIMED:
        claims.check_may_decide(
            session, officer, queries.get_visible_candidate(session, officer, review.candidate_id)
        )
    return review


def decide(
    session: Session,
    officer: Officer,
    review_id: UUID,
    conclusion: Conclusion | None,
    reason: str,
    *,
    features: Mapping[str, str] | None = None,
    exposure_s: float | None = None,
) -> CandidateState:
    """Record an officer's own conclusion and settle the candidate if it can be settled.

    - The review is the officer's own and was not handed back; a lease that ran out does not count against
      them as long as nobody else took over.
    - A conclusion is chosen and the reason written in words; who supports the same person has compared every
      feature of the checklist.
    - The candidate still waits, and the officer has not decided it before.
    - A first conclusion: the candidate waits for a second person.
    - A second: `settling.combine` says what the two make of it; agreement on the same person makes a lead.
    - An examiner's: same makes a lead, anything else closes the candidate.
    - A tip whose last candidate is settled without a lead goes to triage.

    Args:
        session: a writing session.
        officer: who decides.
        review_id: their review.
        conclusion: one of six, None if none was chosen.
        reason: why, in words.
        features: the checklist: findings by component, in codes.
        exposure_s: seconds for which the pictures were uncovered; None where no script told.

    Returns:
        Where the candidate stands now.

    Raises:
        NotFound: not the officer's review.
        Invalid: no conclusion, no reason in words, or a checklist that does not bear the conclusion.
        Conflict: decided before, taken over by a colleague, or settled meanwhile.
    """
    review = queries.get_own(session, officer, review_id)
    if review.state == ReviewState.DECIDED:
        raise Conflict("You have decided this candidate already.")
    if review.state == ReviewState.SKIPPED or (
        review.state == ReviewState.RELEASED and review.lease_until > now()
    ):
        raise Conflict("You have handed this candidate back. Take it again to decide.")
    if conclusion is None:
        raise Invalid("Choose a conclusion.", field="conclusion")
    found = checklist.checked(conclusion, features or {})
    reason = cleaned(reason, "reason")
    if legible(reason) < SHORTEST_REASON or len(reason) > LONGEST_REASON:
        raise Invalid(
            "Give the reason in at least %(least)s characters.", field="reason", least=SHORTEST_REASON
        )
    candidate = queries.get_visible_candidate(session, officer, review.candidate_id)
    kind = claims.check_may_decide(session, officer, candidate)
    held = queries.held(session, candidate.id)
    if (held is not None and held.id != review.id) or kind != review.kind:
        raise Conflict("Your hold on this candidate ran out and a colleague has taken it over.")
    review.state = ReviewState.DECIDED
    review.conclusion = conclusion
    review.reason = reason
    review.features = found
    review.decided_at = now()
    review.exposure_s = _exposure(review, exposure_s)
    session.add(review)
    session.flush()
    actor = officer_actor(officer.id)
    audit.record(
        session,
        actor,
        Action.REVIEW_DECIDED,
        "candidate",
        candidate.id,
        conclusion=conclusion.value,
        review=str(review.id),
    )
    settling.settle(session, officer, candidate, kind, conclusion)
    return candidate.state


def _exposure(review: Review, told: float | None) -> float | None:
    """Seconds of exposure as the page told them: never more than have passed since the claim."""
    if told is None or math.isnan(told):
        return None
    return round(min(max(told, 0.0), (now() - review.claimed_at).total_seconds()), 1)
