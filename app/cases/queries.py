"""Questions about leads and cases. `visible_to` and `leads_visible_to` are the only doors for an officer."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import Candidate, CandidateState
from app.cases.models import (
    Case,
    CaseEntry,
    CaseMerge,
    CaseState,
    CaseTask,
    CaseTip,
    Lead,
    LeadDismissal,
)
from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.tips import queries as tip_queries
from app.tips.models import TIP_MOVES, Disposition, Tip, TipState

RUNS_CASES = (Role.INVESTIGATOR, Role.SUPERVISOR)
JOINABLE = frozenset(
    {state for state, moves in TIP_MOVES.items() if TipState.LEAD in moves} - {TipState.DISPOSED}
    | {TipState.LEAD}
)
"""States of a tip that may join a case: open, and no longer looked into by a worker."""


def visible_to(officer: Officer) -> SelectOfScalar[Case]:
    """The cases of an officer's area and all areas in it, for those who run cases."""
    return select(Case).where(
        col(Case.jurisdiction_code).in_(codes_within(officer)), officer.active and officer.has(*RUNS_CASES)
    )


def leads_visible_to(officer: Officer) -> SelectOfScalar[Lead]:
    """The leads of an officer's area and all areas in it, for those who run cases."""
    return select(Lead).where(
        col(Lead.jurisdiction_code).in_(codes_within(officer)), officer.active and officer.has(*RUNS_CASES)
    )


def get_visible(session: Session, officer: Officer, case_id: UUID, *, hold: bool = False) -> Case:
    """One case, or the same refusal whether it does not exist or is another area's.

    Args:
        session: any session.
        officer: who asks.
        case_id: the case.
        hold: keep others from changing it until this transaction ends.

    Raises:
        NotFound: no such case in the officer's area.
    """
    question = visible_to(officer).where(Case.id == case_id)
    case = session.exec(question.with_for_update(of=Case) if hold else question).first()
    if case is None:
        raise NotFound
    return case


def get_visible_lead(session: Session, officer: Officer, lead_id: UUID) -> Lead:
    """One lead.

    Raises:
        NotFound: no such lead in the officer's area.
    """
    lead = session.exec(leads_visible_to(officer).where(Lead.id == lead_id)).first()
    if lead is None:
        raise NotFound
    return lead


def waiting_leads(session: Session, officer: Officer, page: int) -> Listing[Lead]:
    """A page of leads without a case whose tip is still open: danger first, then the oldest."""
    question = (
        leads_visible_to(officer)
        .join(Tip, col(Tip.id) == col(Lead.tip_id))
        .where(
            col(Lead.id).not_in(select(Case.lead_id)),
            col(Lead.dismissed_at).is_(None),
            Tip.state == TipState.LEAD,
        )
        .order_by(col(Tip.danger_now).desc(), col(Lead.created_at), col(Lead.id))
    )
    return listing(session, question, page)


def case_of_lead(session: Session, lead_id: UUID) -> Case | None:
    """The case that a lead became."""
    return session.exec(select(Case).where(Case.lead_id == lead_id)).first()


def by_number(session: Session, officer: Officer, number: str) -> Case | None:
    """A case of the officer's area by its number, however its letters are written."""
    return session.exec(visible_to(officer).where(Case.number == number.strip().upper())).first()


def merge_of(session: Session, case_id: UUID) -> CaseMerge | None:
    """The merge by which a case rests in another; None for one that stands for itself."""
    return session.exec(
        select(CaseMerge).where(CaseMerge.case_id == case_id, col(CaseMerge.undone_at).is_(None))
    ).first()


def merged_into(session: Session, case_id: UUID) -> list[UUID]:
    """Cases that rest in this one, also through another that does."""
    found: list[UUID] = []
    waiting = [case_id]
    while waiting:
        direct = [merge.case_id for merge in merges_into(session, waiting.pop())]
        found += direct
        waiting += direct
    return found


def resting() -> SelectOfScalar[UUID]:
    """The cases that rest in another."""
    return select(CaseMerge.case_id).where(col(CaseMerge.undone_at).is_(None))


def merges_into(session: Session, case_id: UUID) -> list[CaseMerge]:
    """The merges that brought other cases into this one and were not undone."""
    return list(
        session.exec(
            select(CaseMerge)
            .where(CaseMerge.into_id == case_id, col(CaseMerge.undone_at).is_(None))
            .order_by(col(CaseMerge.merged_at), col(CaseMerge.id))
        )
    )


def came_by_merge(session: Session, case_id: UUID, tip_id: UUID) -> bool:
    """Whether a case that rests in this one has a tip: it stays until the merge is undone."""
    return any(session.get(CaseTip, (merge.case_id, tip_id)) for merge in merges_into(session, case_id))


def candidate_still_agreed(session: Session, lead: Lead) -> bool:
    """Whether a lead's candidate is settled as it was; always for a lead made in triage."""
    if lead.candidate_id is None:
        return True
    agreed = (CandidateState.AGREED_SAME, CandidateState.EXAMINED)
    return session.get_one(Candidate, lead.candidate_id).state in agreed


def dismissed_leads(session: Session, officer: Officer) -> Listing[Lead]:
    """The first page of leads that were given up and whose tip is still of the area, the newest first."""
    tips = tip_queries.visible_to(officer).with_only_columns(col(Tip.id))
    question = leads_visible_to(officer).where(
        col(Lead.dismissed_at).is_not(None), col(Lead.tip_id).in_(tips)
    )
    return listing(session, question.order_by(col(Lead.dismissed_at).desc(), col(Lead.id)), 1)


def dismissals(session: Session, lead_ids: Sequence[UUID]) -> dict[UUID, LeadDismissal]:
    """By lead, how it was given up; only for those that still are."""
    found = session.exec(
        select(LeadDismissal).where(
            col(LeadDismissal.lead_id).in_(lead_ids), col(LeadDismissal.undone_at).is_(None)
        )
    )
    return {dismissal.lead_id: dismissal for dismissal in found}


def last_number(session: Session, prefix: str) -> str | None:
    """The highest case number that starts with a prefix."""
    return session.exec(
        select(Case.number)
        .where(col(Case.number).startswith(prefix, autoescape=True))
        .order_by(func.length(Case.number).desc(), col(Case.number).desc())
    ).first()


def tips_of(session: Session, case_id: UUID) -> list[Tip]:
    """A case's tips, in the order they were received."""
    return list(
        session.exec(
            select(Tip)
            .join(CaseTip, col(CaseTip.tip_id) == col(Tip.id))
            .where(CaseTip.case_id == case_id)
            .order_by(col(Tip.received_at), col(Tip.id))
        )
    )


def visible_tips_of(session: Session, officer: Officer, case_id: UUID) -> list[Tip]:
    """Those of a case's tips that the officer may see, in the order they were received."""
    linked = select(CaseTip.tip_id).where(CaseTip.case_id == case_id)
    return list(
        session.exec(
            tip_queries.visible_to(officer)
            .where(col(Tip.id).in_(linked))
            .order_by(col(Tip.received_at), col(Tip.id))
        )
    )


def other_copies(session: Session, case: Case, tip_id: UUID) -> list[Tip]:
    """Tips with the same picture as a case's lead, in the case's area, that may join the case.

    A tip that is closed, or that a worker still looks into, is left out.
    """
    path = select(Jurisdiction.path).where(Jurisdiction.code == case.jurisdiction_code).scalar_subquery()
    area = select(Jurisdiction.code).where(col(Jurisdiction.path).startswith(path))
    clusters = select(Photo.cluster_id).where(Photo.tip_id == tip_id, col(Photo.cluster_id).is_not(None))
    copies = select(Photo.tip_id).where(col(Photo.cluster_id).in_(clusters), col(Photo.tip_id).is_not(None))
    linked = select(CaseTip.tip_id).where(CaseTip.case_id == case.id)
    return list(
        session.exec(
            select(Tip)
            .where(
                col(Tip.id).in_(copies),
                col(Tip.id).not_in(linked),
                Tip.id != tip_id,
                col(Tip.state).in_(JOINABLE),
                col(Tip.jurisdiction_code).in_(area),
            )
            .order_by(col(Tip.received_at), col(Tip.id))
        )
    )


def held_elsewhere(session: Session, tip_id: UUID, case: Case) -> bool:
    """Whether another open case, or a lead that still waits for its case, rests on a tip.

    A case that rests in another holds nothing itself: the one that goes on has its tips.
    """
    other_case = (
        select(Case.id)
        .join(CaseTip, col(CaseTip.case_id) == col(Case.id))
        .where(
            CaseTip.tip_id == tip_id,
            Case.id != case.id,
            Case.state != CaseState.CLOSED,
            col(Case.id).not_in(resting()),
        )
    )
    waiting = select(Lead.id).where(
        Lead.tip_id == tip_id, col(Lead.id).not_in(select(Case.lead_id)), col(Lead.dismissed_at).is_(None)
    )
    return session.exec(other_case).first() is not None or session.exec(waiting).first() is not None


def closed_with_a_case(tip: Tip) -> bool:
    """Whether a tip's final code is one that closing a case gives."""
    return tip.disposition in {Disposition.CONVERTED_TO_CASE, Disposition.LINKED_TO_CASE}


def timeline(session: Session, case_id: UUID) -> list[CaseEntry]:
    """A case's own entries, the newest first."""
    return list(
        session.exec(
            select(CaseEntry)
            .where(CaseEntry.case_id == case_id)
            .order_by(col(CaseEntry.at).desc(), col(CaseEntry.id).desc())
        )
    )


def tasks_of(session: Session, case_id: UUID) -> list[CaseTask]:
    """A case's tasks: open ones first, the earliest due first, then in the order they were added."""
    return list(
        session.exec(
            select(CaseTask)
            .where(CaseTask.case_id == case_id)
            .order_by(
                col(CaseTask.done_at).is_not(None),
                col(CaseTask.due_at).is_(None),
                col(CaseTask.due_at),
                col(CaseTask.id),
            )
        )
    )


def open_tasks(session: Session, case_id: UUID) -> int:
    """How many of a case's tasks are neither done nor cancelled."""
    return sum(task.done_at is None and task.cancelled_at is None for task in tasks_of(session, case_id))


def get_task(session: Session, case_id: UUID, task_id: UUID) -> CaseTask:
    """One task of a case.

    Raises:
        NotFound: the case has no such task.
    """
    task = session.exec(select(CaseTask).where(CaseTask.id == task_id, CaseTask.case_id == case_id)).first()
    if task is None:
        raise NotFound
    return task


def assignees(session: Session, case: Case) -> list[Officer]:
    """Active officers who run cases and see this one: of its area first, then of the areas above."""
    area = session.get_one(Jurisdiction, case.jurisdiction_code)
    codes = [code for code in area.path.split("/") if code]
    found = session.exec(
        select(Officer).where(
            or_(*(Officer.jurisdiction_code == code for code in codes)), col(Officer.active)
        )
    )
    nearest = {code: place for place, code in enumerate(reversed(codes))}
    return sorted(
        (officer for officer in found if officer.has(*RUNS_CASES)),
        key=lambda officer: (nearest[officer.jurisdiction_code], officer.name, officer.badge),
    )


def officers_named(session: Session, officer_ids: set[UUID]) -> dict[UUID, Officer]:
    """Officers by their id."""
    return {
        officer.id: officer
        for officer in session.exec(select(Officer).where(col(Officer.id).in_(officer_ids)))
    }
