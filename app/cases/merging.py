"""Two cases about one child become one, and can be two again."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import Case, CaseEntryKind, CaseMerge, CaseTip
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.officers.models import Officer


def merge(session: Session, officer: Officer, case_id: UUID, into_number: str, motive: str) -> Case:
    """Take a case into another. It rests there; nothing of it changes, so that the merge can be undone.

    The other case gets its tips. Its tasks, referrals and entries stay its own; a link leads to them.

    Args:
        session: a writing session.
        officer: who merges.
        case_id: the case that goes.
        into_number: number of the case that stays.
        motive: why they are about one child.

    Returns:
        The case that stays.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no such number in the officer's area, the same case, or no motive in words.
        Conflict: one of them is closed or rests in another already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    into = queries.by_number(session, officer, into_number)
    if into is None or into.id == case.id:
        raise Invalid("Write the number of another case of your area.", field="into")
    into = queries.get_visible(session, officer, into.id, hold=True)
    for each in (case, into):
        service.refuse_closed(session, each)
    why = service.checked_text(motive, "merge_motive")
    held = {tip.id for tip in queries.tips_of(session, into.id)}
    brought = [tip.id for tip in queries.tips_of(session, case.id) if tip.id not in held]
    session.add_all(CaseTip(case_id=into.id, tip_id=tip_id) for tip_id in brought)
    session.add(
        CaseMerge(
            case_id=case.id,
            into_id=into.id,
            officer_id=officer.id,
            motive=why,
            tips=[str(tip_id) for tip_id in brought],
        )
    )
    service.write_entry(session, case, officer, CaseEntryKind.MERGED, why, title=into.number)
    service.write_entry(session, into, officer, CaseEntryKind.MERGED, why, title=case.number)
    audit.record(session, officer_actor(officer.id), Action.CASE_MERGED, "case", case.id, into=str(into.id))
    return into


def undo(session: Session, officer: Officer, case_id: UUID) -> None:
    """Give a merged case back its own life; the other one keeps the tips that it had before.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: it does not rest in another, or the other one is closed.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    made = queries.merge_of(session, case.id)
    if made is None:
        raise Conflict("This case was not merged into another.")
    into = session.get_one(Case, made.into_id)
    service.refuse_closed(session, into)
    made.undone_at = now()
    session.add(made)
    session.flush()
    for tip_id in made.tips:
        linked = session.get(CaseTip, (into.id, UUID(tip_id)))
        if linked is not None and not _brought_by_another(session, into, tip_id):
            session.delete(linked)
    session.flush()
    service.write_entry(session, case, officer, CaseEntryKind.UNMERGED, "", title=into.number)
    service.write_entry(session, into, officer, CaseEntryKind.UNMERGED, "", title=case.number)
    audit.record(session, officer_actor(officer.id), Action.CASE_UNMERGED, "case", case.id, was=str(into.id))


def _brought_by_another(session: Session, into: Case, tip_id: str) -> bool:
    """Leave a tip to another case that rests there and has it, too; it goes when that one goes."""
    for merge in queries.merges_into(session, into.id):
        if session.get(CaseTip, (merge.case_id, UUID(tip_id))) is not None:
            merge.tips = [*merge.tips, tip_id]
            session.add(merge)
            return True
    return False
