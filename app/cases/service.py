"""What may be done with a case: opening it, and its steps up to the outcome.

Who the child is stands in `identity`, work outside in `tasks`, the end in `closing`.
"""

from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import leads, queries
from app.cases.models import (
    CASE_MOVES,
    Case,
    CaseEntry,
    CaseEntryKind,
    CaseState,
    CaseTip,
    Lead,
    Outcome,
)
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned, legible
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.tips.models import Tip, TipState

SHORTEST_TEXT = 10
"""Characters of a finding, a motive or an account of a contact."""
LONGEST_TEXT = 4_000


def open_case(session: Session, officer: Officer, lead_id: UUID, zone: ZoneInfo) -> Case:
    """Open a case on a lead: the only way to one.

    - The lead is of the officer's area and has no case yet.
    - A lead made in triage is taken up by another officer than the one who made it.
    - The lead's tip is still open.

    The case takes the lead's tip and all other tips of its area that show the same picture.

    Args:
        session: a writing session.
        officer: who opens it.
        lead_id: the lead.
        zone: zone whose year stands in the number.

    Returns:
        The case, numbered `HW-<area>-<year>-<number within area and year>`.

    Raises:
        NotFound: no such lead in the officer's area.
        Conflict: one of the rules above.
    """
    lead = queries.get_visible_lead(session, officer, lead_id)
    if queries.case_of_lead(session, lead.id):
        raise Conflict("This lead has a case already.")
    if lead.created_by == officer.id:
        raise Conflict("You made this lead yourself. A colleague has to open the case.")
    if lead.dismissed_at is not None:
        raise Conflict("This lead was given up.")
    tip = session.get_one(Tip, lead.tip_id)
    if tip.state != TipState.LEAD:
        raise Conflict("The tip of this lead was closed meanwhile.")
    case = Case(
        number=_next_number(session, lead.jurisdiction_code, now().astimezone(zone).year),
        lead_id=lead.id,
        record_id=lead.record_id,
        jurisdiction_code=lead.jurisdiction_code,
        opened_by=officer.id,
    )
    session.add(case)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("This lead has a case already.") from error
    write_entry(session, case, officer, CaseEntryKind.OPENED, lead.reason)
    audit.record(session, officer_actor(officer.id), Action.CASE_OPENED, "case", case.id, lead=str(lead.id))
    session.add(CaseTip(case_id=case.id, tip_id=tip.id))
    session.flush()
    _link(session, case, officer, tip.id)
    return case


def link_copies(session: Session, officer: Officer, case_id: UUID) -> int:
    """Take tips with the same picture that came after the case was opened into it.

    Returns:
        Tips that joined.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: the case is closed.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    refuse_closed(session, case)
    return _link(session, case, officer, session.get_one(Lead, case.lead_id).tip_id)


def add_note(session: Session, officer: Officer, case_id: UUID, text: str) -> None:
    """Write a note into a case's timeline; a closed case takes notes too.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: empty or too long.
        Conflict: the case rests in another.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    refuse_resting(session, case)
    note = checked_text(text, "note", shortest=1)
    write_entry(session, case, officer, CaseEntryKind.NOTE, note)
    audit.record(session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, note=True)


def verify_in_field(session: Session, officer: Officer, case_id: UUID, finding: str) -> None:
    """Record what officers found on the spot.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no finding in words.
        Conflict: nobody was given a task, or the check is recorded already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    check_step(session, case, CaseState.FIELD_VERIFIED)
    move(session, case, CaseState.FIELD_VERIFIED, officer, checked_text(finding, "finding"))


def record_outcome(
    session: Session, officer: Officer, case_id: UUID, outcome: Outcome | None, text: str
) -> None:
    """Record what happened to the child.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no outcome chosen, reunited without a confirmed identity, or no account in words.
        Conflict: the identity is neither confirmed nor refuted, or the outcome is recorded already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    check_step(session, case, CaseState.OUTCOME_RECORDED)
    if outcome is None:
        raise Invalid("Choose what happened to the child.", field="outcome")
    if outcome == Outcome.REUNITED and case.state != CaseState.IDENTITY_CONFIRMED:
        raise Invalid("Only a child whose identity is confirmed can be reunited.", field="outcome")
    account = checked_text(text, "account")
    case.outcome = outcome
    move(session, case, CaseState.OUTCOME_RECORDED, officer, account, outcome=outcome.value)


def check_move(case: Case, to: CaseState) -> None:
    """Refuse a step that the table of moves does not allow.

    Raises:
        Conflict: the case stands elsewhere.
    """
    if to not in CASE_MOVES[case.state]:
        raise Conflict("The case does not allow this step now. Look at where it stands.")


def check_step(session: Session, case: Case, to: CaseState) -> None:
    """The same for a step that officers ask for: a case that rests in another takes none.

    Raises:
        Conflict: the case stands elsewhere, or rests in another.
    """
    refuse_resting(session, case)
    check_move(case, to)


def move(session: Session, case: Case, to: CaseState, officer: Officer, text: str, **detail: str) -> None:
    """Bring a case to another state and write it down.

    Args:
        session: a writing session.
        case: the case.
        to: the state it shall have.
        officer: who moves it.
        text: why or what was found; only officers of the area read it.
        detail: codes kept with the entry.

    Raises:
        Conflict: the table of moves does not allow it.
    """
    check_move(case, to)
    was, case.state = case.state, to
    session.add(case)
    write_entry(session, case, officer, CaseEntryKind.STATE, text, was=was.value, now=to.value, **detail)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.CASE_CHANGED,
        "case",
        case.id,
        was=was.value,
        now=to.value,
    )


def refuse_resting(session: Session, case: Case) -> None:
    """Refuse work on a case that was merged into another.

    Raises:
        Conflict: it rests there.
    """
    if queries.merge_of(session, case.id) is not None:
        raise Conflict("This case was merged into another. Work goes on there.")


def refuse_closed(session: Session, case: Case) -> None:
    """Refuse work on a closed case, or on one that rests in another.

    Raises:
        Conflict: it is closed, or rests in another.
    """
    refuse_resting(session, case)
    if case.state == CaseState.CLOSED:
        raise Conflict("This case is closed. A supervisor can reopen it.")


def write_entry(
    session: Session, case: Case, officer: Officer, kind: CaseEntryKind, text: str, **detail: str
) -> None:
    """Add an entry to a case's timeline."""
    session.add(CaseEntry(case_id=case.id, officer_id=officer.id, kind=kind, text=text, detail=detail))


def checked_text(text: str, field: str, shortest: int = SHORTEST_TEXT, longest: int = LONGEST_TEXT) -> str:
    """A text without the space around it.

    Raises:
        Invalid: too short, too long, or with characters that cannot be saved.
    """
    body = cleaned(text, field)
    if not body or legible(body) < shortest:
        raise Invalid("Write at least %(least)s characters.", field=field, least=shortest)
    if len(body) > longest:
        raise Invalid("Write at most %(most)s characters.", field=field, most=longest)
    return body


def _link(session: Session, case: Case, officer: Officer, tip_id: UUID) -> int:
    copies = queries.other_copies(session, case, tip_id)
    for copy in copies:
        session.add(CaseTip(case_id=case.id, tip_id=copy.id))
        leads.bring_back(session, copy, officer_actor(officer.id))
        audit.record(
            session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, linked_tip=str(copy.id)
        )
    return len(copies)


def _next_number(session: Session, area: str, year: int) -> str:
    # The area's row is held until the commit, so that two officers never count from the same number.
    session.get_one(Jurisdiction, area, with_for_update=True)
    prefix = f"HW-{area}-{year}-"
    last = queries.last_number(session, prefix)
    return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:04}"
