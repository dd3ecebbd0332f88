"""Holding a candidate: claim it, keep it while the page is open, hand it back, skip it, hand its tip over.

A claim is a lease. Whoever stops, or whose machine does, blocks nobody: a lease that ran out is returned at
the next look of anyone who claims, and by `release_expired`.
"""

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
from app.core.settings import Settings
from app.core.text import cleaned
from app.officers.models import Officer, Role
from app.reviews import appeal_queries, golden_queries, queries, queue, triage
from app.reviews.models import Review, ReviewKind, ReviewState
from app.reviews.queue_filters import EVERYTHING, Filters
from app.tips import progress
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip, TipState

LONGEST_SKIP_REASON = 500
"""Characters; a skip needs no reason at all."""
MOST_LEASES = 4
"""Leases for which an open page keeps a candidate without anyone touching it: a forgotten one lets go."""


def claim_next(
    session: Session, officer: Officer, settings: Settings, filters: Filters = EVERYTHING
) -> Review | None:
    """Claim the first candidate of the officer's queue, of those that the filters leave.

    Args:
        session: a writing session.
        officer: who claims.
        settings: the lease, and the weights of the order.
        filters: what the officer has narrowed the queue to.

    Returns:
        The review; None when nothing waits.
    """
    release_expired(session, but=officer.id)
    first = queue.first(session, officer, settings, filters)
    return _take(session, officer, first, settings.review_lease_minutes) if first else None


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
        The review; the one the officer holds already if there is one, held anew.

    Raises:
        NotFound: not of the officer's area.
        Conflict: one of the rules above.
    """
    release_expired(session, but=officer.id)
    return _take(session, officer, candidate_id, lease_minutes)


def keep(session: Session, officer: Officer, review_id: UUID, lease_minutes: int) -> None:
    """Extend the lease of a candidate whose page is open; one that lapsed unnoticed is taken up again.

    After `MOST_LEASES` leases it is not extended any more, and a claim by hand begins anew.

    Args:
        session: a writing session.
        officer: who holds it.
        review_id: their review.
        lease_minutes: how long it is held from now on.

    Raises:
        NotFound: not the officer's review, or its tip went to another area.
        Conflict: decided, handed back, returned because the lease ran out, or settled by others.
    """
    review = queries.get_own(session, officer, review_id)
    lapsed = review.lease_until < now()
    latest = review.claimed_at + timedelta(minutes=MOST_LEASES * lease_minutes)
    if review.state != ReviewState.CLAIMED or (lapsed and latest < now()):
        raise Conflict("You no longer hold this candidate.")
    check_may_decide(session, officer, queries.get_visible_candidate(session, officer, review.candidate_id))
    until = min(now() + timedelta(minutes=lease_minutes), latest)
    review.lease_until = max(review.lease_until, until)
    session.add(review)


def held_by(session: Session, officer: Officer, review_id: UUID) -> Review:
    """A review that an officer holds.

    Raises:
        NotFound: not the officer's review.
        Conflict: decided or handed back already.
    """
    review = queries.get_own(session, officer, review_id)
    if review.state != ReviewState.CLAIMED:
        raise Conflict("This review is finished already.")
    return review


def release(session: Session, officer: Officer, review_id: UUID) -> None:
    """Hand a claimed candidate back, without blame.

    Raises:
        NotFound: not the officer's review.
        Conflict: decided or handed back already.
    """
    review = held_by(session, officer, review_id)
    _end(session, review, ReviewState.RELEASED)
    audit.record(session, officer_actor(officer.id), Action.REVIEW_RELEASED, "candidate", review.candidate_id)


def skip(session: Session, officer: Officer, review_id: UUID, reason: str = "") -> None:
    """Pass over a claimed candidate, without blame; it comes last in this officer's queue from then on.

    Args:
        session: a writing session.
        officer: who skips.
        review_id: their review.
        reason: why, in words; may be empty.

    Raises:
        NotFound: not the officer's review.
        Invalid: the reason is too long, or holds signs that nobody types.
        Conflict: decided or handed back already.
    """
    reason = cleaned(reason, "skip_reason")
    if len(reason) > LONGEST_SKIP_REASON:
        raise Invalid(
            "This text is too long: at most %(most)s characters.",
            field="skip_reason",
            most=LONGEST_SKIP_REASON,
        )
    review = held_by(session, officer, review_id)
    review.reason = reason
    _end(session, review, ReviewState.SKIPPED)
    audit.record(session, officer_actor(officer.id), Action.REVIEW_SKIPPED, "candidate", review.candidate_id)


def transfer(session: Session, officer: Officer, review_id: UUID, code: str, reason: str) -> None:
    """Hand the tip of a held candidate to the authority of another area, as triage does; the hold ends.

    A known answer is handed over like any tip, or the refusal would give it away.

    Args:
        session: a writing session.
        officer: who hands it over.
        review_id: their review.
        code: the other area.
        reason: why it is theirs, in words.

    Raises:
        NotFound: not the officer's review.
        Invalid: no such authority, the same area, or no reason.
        Conflict: handed back already, a colleague compares a candidate of the tip, or the tip is a lead or
            closed.
    """
    review = held_by(session, officer, review_id)
    candidate = session.get_one(Candidate, review.candidate_id)
    if queries.held_by_others(session, officer, candidate.tip_id):
        raise Conflict("A colleague compares a picture of this tip just now. Hand it over a little later.")
    tip = tip_queries.get_reviewable(session, officer, candidate.tip_id)
    triage.hand_over(session, officer, tip, code, reason)
    _end(session, review, ReviewState.RELEASED)
    audit.record(session, officer_actor(officer.id), Action.REVIEW_RELEASED, "candidate", candidate.id)


def release_expired(session: Session, *, but: UUID | None = None) -> int:
    """Return every lease that ran out.

    Args:
        session: a writing session.
        but: an officer who is about to claim: their own is held anew, so that an open page keeps its review.

    Returns:
        Leases that were returned.
    """
    expired = session.exec(
        select(Review).where(
            Review.state == ReviewState.CLAIMED,
            col(Review.lease_until) < now(),
            col(Review.officer_id).is_distinct_from(but),
        )
    ).all()
    for review in expired:
        _end(session, review, ReviewState.RELEASED)
        audit.record(
            session,
            officer_actor(review.officer_id),
            Action.REVIEW_RELEASED,
            "candidate",
            review.candidate_id,
            lease_ran_out=True,
        )
    return len(expired)


def check_may_decide(session: Session, officer: Officer, candidate: Candidate) -> ReviewKind:
    """Whether an officer may hold and decide a candidate as it stands.

    Returns:
        As one of the blind pair, or as an examiner.

    Raises:
        Conflict: the tip or the candidate is settled, withdrawn or not ready; the officer has decided it, was
            part of an appeal on it, or has not the role that it waits for.
    """
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


def _end(session: Session, review: Review, state: ReviewState) -> None:
    review.state = state
    session.add(review)
    session.flush()


def _take(session: Session, officer: Officer, candidate_id: UUID, lease_minutes: int) -> Review:
    candidate = queries.get_visible_candidate(session, officer, candidate_id)
    held = queries.held(session, candidate.id)
    lease_until = now() + timedelta(minutes=lease_minutes)
    if held is not None and held.officer_id == officer.id:
        held.lease_until = max(held.lease_until, lease_until)
        session.add(held)
        return held
    kind = check_may_decide(session, officer, candidate)
    if held is not None:
        raise Conflict("A colleague is looking at this candidate just now.")
    review = Review(candidate_id=candidate.id, officer_id=officer.id, kind=kind, lease_until=lease_until)
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
