"""Questions about settled candidates and appeals; nothing of an open candidate is told."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.cases import leads
from app.cases import queries as case_queries
from app.cases.models import Case, Lead
from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.officers.models import Officer, Role
from app.records.models import Record
from app.reviews.fusion import Fused, fuse
from app.reviews.models import Appeal, AppealState, Conclusion, Review, ReviewKind, ReviewState
from app.tips import queries as tip_queries
from app.tips.models import Tip


@dataclass(frozen=True)
class Decision:
    """A decision and who made it."""

    review: Review
    officer: Officer


@dataclass(frozen=True)
class Asked:
    """An appeal or reversal, who made it, and who answered."""

    appeal: Appeal
    officer: Officer
    answered_by: Officer | None


@dataclass(frozen=True)
class CandidatePage:
    """What may be told of a candidate.

    Attributes:
        candidate: the candidate.
        record: the record it names.
        settled: whether nobody has to decide it any more; without that, nothing of what follows is told.
        own: the reader's own decision, if it counts.
        decisions: all decisions, the earliest first.
        fused: what the blind pair says together.
        asked: reversals and appeals, the earliest first.
        waiting: the appeal that waits for an answer.
        may_reverse: whether the reader may take their decision back.
        may_appeal: whether the reader may appeal.
        may_answer: whether the reader may answer the appeal.
        case: the case that rests on the candidate.
    """

    candidate: Candidate
    record: Record
    settled: bool
    own: Review | None
    decisions: list[Decision]
    fused: Fused | None
    asked: list[Asked]
    waiting: Appeal | None
    may_reverse: bool
    may_appeal: bool
    may_answer: bool
    case: Case | None


@dataclass(frozen=True)
class WaitingAppeal:
    """An appeal in the supervisors' list."""

    appeal: Appeal
    officer: Officer
    candidate: Candidate
    tip: Tip


def get_candidate(session: Session, officer: Officer, candidate_id: UUID) -> Candidate:
    """One candidate of the officer's area; known answers are served to those who compare faces.

    Raises:
        NotFound: none such, or another area's.
    """
    compares = officer.has(Role.REVIEWER, Role.SUPERVISOR)
    tips = tip_queries.reviewable_by(officer) if compares else tip_queries.visible_to(officer)
    visible = tips.with_only_columns(col(Tip.id))
    found = session.exec(
        select(Candidate).where(Candidate.id == candidate_id, col(Candidate.tip_id).in_(visible))
    ).first()
    if found is None:
        raise NotFound
    return found


def visible_to(officer: Officer) -> SelectOfScalar[Appeal]:
    """The appeals on candidates that the officer may examine."""
    visible = tip_queries.reviewable_by(officer).with_only_columns(col(Tip.id))
    own = select(Candidate.id).where(col(Candidate.tip_id).in_(visible))
    return select(Appeal).where(col(Appeal.candidate_id).in_(own), officer.has(Role.SUPERVISOR))


def get_visible(session: Session, officer: Officer, appeal_id: UUID) -> Appeal:
    """One appeal.

    Raises:
        NotFound: none such, or another area's.
    """
    found = session.exec(visible_to(officer).where(Appeal.id == appeal_id)).first()
    if found is None:
        raise NotFound
    return found


def closed_to(officer: Officer) -> SelectOfScalar[UUID]:
    """Candidates that an officer has appealed against or answered for: they are no independent eyes there."""
    return select(Appeal.candidate_id).where(
        or_(Appeal.officer_id == officer.id, col(Appeal.answered_by) == officer.id)
    )


def is_closed_to(session: Session, officer: Officer, candidate_id: UUID) -> bool:
    """Whether an officer has had a part in an appeal on a candidate."""
    found = closed_to(officer).where(Appeal.candidate_id == candidate_id)
    return session.exec(found).first() is not None


def waiting(session: Session, officer: Officer, page: int = 1) -> Listing[Appeal]:
    """A page of the appeals that wait for an answer, the oldest first."""
    question = visible_to(officer).where(Appeal.state == AppealState.OPEN)
    return listing(session, question.order_by(col(Appeal.made_at), col(Appeal.id)), page)


def waiting_lines(session: Session, found: Listing[Appeal]) -> list[WaitingAppeal]:
    """Appeals as the list shows them."""
    lines = []
    for appeal in found.items:
        candidate = session.get_one(Candidate, appeal.candidate_id)
        maker, tip = session.get_one(Officer, appeal.officer_id), session.get_one(Tip, candidate.tip_id)
        lines.append(WaitingAppeal(appeal, maker, candidate, tip))
    return lines


def open_of(session: Session, candidate_id: UUID) -> Appeal | None:
    """The appeal on a candidate that waits for an answer."""
    return session.exec(
        select(Appeal).where(Appeal.candidate_id == candidate_id, Appeal.state == AppealState.OPEN)
    ).first()


def candidate_page(session: Session, officer: Officer, candidate_id: UUID) -> CandidatePage:
    """What may be told of a candidate to an officer.

    Raises:
        NotFound: none such, or another area's.
    """
    candidate = get_candidate(session, officer, candidate_id)
    settled = candidate.state not in OPEN_CANDIDATE_STATES
    decisions = _decisions(session, candidate_id)
    own = next((item.review for item in decisions if item.review.officer_id == officer.id), None)
    appeal = open_of(session, candidate_id) if settled else None
    lead = leads.of_candidate(session, candidate_id) if settled else None
    may_appeal = settled and appeal is None and candidate.state != CandidateState.WITHDRAWN
    return CandidatePage(
        candidate=candidate,
        record=session.get_one(Record, candidate.record_id),
        settled=settled,
        own=own,
        decisions=decisions if settled else [],
        fused=fused(session, candidate_id) if settled else None,
        asked=_asked(session, candidate_id) if settled else [],
        waiting=appeal,
        may_reverse=may_reverse(candidate, own),
        may_appeal=may_appeal,
        may_answer=appeal is not None
        and officer.has(Role.SUPERVISOR)
        and not took_part(session, officer, appeal),
        case=_case(session, officer, lead),
    )


def may_reverse(candidate: Candidate, own: Review | None) -> bool:
    """Whether an officer's decision may still be taken back by themselves."""
    return (
        candidate.state == CandidateState.DECIDED_ONCE
        and own is not None
        and own.kind == ReviewKind.REVIEW
        and own.set_aside_at is None
    )


def took_part(session: Session, officer: Officer, appeal: Appeal) -> bool:
    """Whether an officer made an appeal, or decided on its candidate at any time."""
    decided = select(Review.id).where(
        Review.candidate_id == appeal.candidate_id,
        Review.officer_id == officer.id,
        Review.state == ReviewState.DECIDED,
    )
    return appeal.officer_id == officer.id or session.exec(decided).first() is not None


def fused(session: Session, candidate_id: UUID) -> Fused | None:
    """What the blind pair of a candidate says together; None before there is a pair."""
    said = session.exec(
        select(Review.conclusion).where(
            Review.candidate_id == candidate_id,
            Review.state == ReviewState.DECIDED,
            Review.kind == ReviewKind.REVIEW,
            col(Review.set_aside_at).is_(None),
        )
    )
    return fuse([Conclusion(conclusion) for conclusion in said if conclusion is not None])


def _decisions(session: Session, candidate_id: UUID) -> list[Decision]:
    rows = session.exec(
        select(Review, Officer)
        .join(Officer, col(Officer.id) == col(Review.officer_id))
        .where(Review.candidate_id == candidate_id, Review.state == ReviewState.DECIDED)
        .order_by(col(Review.decided_at))
    )
    return [Decision(review, officer) for review, officer in rows]


def _asked(session: Session, candidate_id: UUID) -> list[Asked]:
    found = session.exec(
        select(Appeal).where(Appeal.candidate_id == candidate_id).order_by(col(Appeal.made_at))
    )
    return [
        Asked(
            appeal,
            session.get_one(Officer, appeal.officer_id),
            session.get(Officer, appeal.answered_by) if appeal.answered_by else None,
        )
        for appeal in found
    ]


def _case(session: Session, officer: Officer, lead: Lead | None) -> Case | None:
    """The case of a lead, if the officer runs cases."""
    if lead is None:
        return None
    return session.exec(case_queries.visible_to(officer).where(Case.lead_id == lead.id)).first()
