"""Blind reviews: claim a candidate, hand it back, decide. The only way from a candidate to a lead."""

import math
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned, legible
from app.officers.models import Officer, Role
from app.reviews import appeal_queries, checklist, golden_queries, queries, settling
from app.reviews.models import Conclusion, Review, ReviewKind, ReviewState
from app.tips import progress
from app.tips.models import Disposition, Tip, TipState

SHORTEST_REASON = 10
"""Characters of a decision's reason."""
LONGEST_REASON = 4_000


def claim_next(session: Session, officer: Officer, lease_minutes: int) -> Review | None:
    """Claim the candidate that waits longest for this officer; None when nothing waits."""
    _release_expired(session)
    waiting = queries.waiting_for(session, officer, limit=1)
    return claim(session, officer, waiting[0].candidate.id, lease_minutes) if waiting else None


def claim(session: Session, officer: Officer, candidate_id: UUID, lease_minutes: int) -> Review:
    """Hold a candidate for one officer.

    - It is the officer's to see.
    - It still waits for a decision, and its tip was not taken back.
    - The officer has not decided it before: the second reviewer is another person.
    - A disputed one is for a supervisor, any other for reviewers.
    - Nobody else holds it.

    Args:
        session: a writing session.
        officer: who claims.
        candidate_id: the candidate.
        lease_minutes: how long it is held.

    Returns:
        The review; the one the officer holds already if there is one.

    Raises:
        NotFound: not of the officer's area.
        Conflict: one of the rules above.
    """
    _release_expired(session)
    candidate = queries.get_visible_candidate(session, officer, candidate_id)
    held = queries.held(session, candidate.id)
    if held is not None and held.officer_id == officer.id:
        return held
    kind = _check_may_decide(session, officer, candidate)
    if held is not None:
        raise Conflict("A colleague is looking at this candidate just now.")
    review = Review(
        candidate_id=candidate.id,
        officer_id=officer.id,
        kind=kind,
        lease_until=now() + timedelta(minutes=lease_minutes),
    )
    session.add(review)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("A colleague is looking at this candidate just now.") from error
    audit.record(session, officer_actor(officer.id), Action.REVIEW_CLAIMED, "candidate", candidate.id)
    tip = session.get_one(Tip, candidate.tip_id)
    if tip.state in {TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.ESCALATED}:
        # A tip that waits for its sender keeps doing so: the change would tell that there is a candidate.
        progress.move(session, tip, TipState.IN_REVIEW, officer_actor(officer.id))
    return review


def open_own(session: Session, officer: Officer, review_id: UUID) -> Review:
    """An officer's own review, to be looked at; one still held only while it can be decided.

    Raises:
        NotFound: not the officer's review.
        Conflict: the tip or the candidate was withdrawn, or settled, while the officer held it.
    """
    review = queries.get_own(session, officer, review_id)
    if review.state == ReviewState.CLAIMED:
        _check_may_decide(
            session, officer, queries.get_visible_candidate(session, officer, review.candidate_id)
        )
    return review


def release(session: Session, officer: Officer, review_id: UUID) -> None:
    """Hand a claimed candidate back, without blame.

    Raises:
        NotFound: not the officer's review.
        Conflict: decided or handed back already.
    """
    review = queries.get_own(session, officer, review_id)
    if review.state != ReviewState.CLAIMED:
        raise Conflict("This review is finished already.")
    _release(session, review)
    audit.record(session, officer_actor(officer.id), Action.REVIEW_RELEASED, "candidate", review.candidate_id)


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
    if review.state == ReviewState.RELEASED and review.lease_until > now():
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
    kind = _check_may_decide(session, officer, candidate)
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


def _check_may_decide(session: Session, officer: Officer, candidate: Candidate) -> ReviewKind:
    tip = session.get_one(Tip, candidate.tip_id)
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        raise Conflict("The tip was withdrawn meanwhile.")
    if tip.state in queries.NOT_READY:
        raise Conflict("This tip is not ready for review yet.")
    if candidate.state not in OPEN_CANDIDATE_STATES:
        raise Conflict("This candidate has been settled or withdrawn meanwhile.")
    if golden_queries.is_closed_to(session, officer, candidate.id) or any(
        review.officer_id == officer.id for review in queries.decided(session, candidate.id)
    ):
        raise Conflict("You have decided this candidate already; it needs another person.")
    if appeal_queries.is_closed_to(session, officer, candidate.id):
        raise Conflict("You had a part in the appeal on this candidate; it needs other people.")
    if candidate.state == CandidateState.DISPUTED:
        if not officer.has(Role.SUPERVISOR):
            raise Conflict("Two reviewers disagreed on this candidate: a supervisor examines it.")
        return ReviewKind.EXAMINATION
    if not officer.has(Role.REVIEWER):
        raise Conflict("This candidate waits for a reviewer.")
    return ReviewKind.REVIEW


def _release_expired(session: Session) -> None:
    expired = session.exec(
        select(Review).where(Review.state == ReviewState.CLAIMED, col(Review.lease_until) < now())
    )
    for review in expired.all():
        _release(session, review)
        audit.record(
            session,
            officer_actor(review.officer_id),
            Action.REVIEW_RELEASED,
            "candidate",
            review.candidate_id,
            lease_ran_out=True,
        )


def _release(session: Session, review: Review) -> None:
    review.state = ReviewState.RELEASED
    session.add(review)
    session.flush()
