"""Who the child is, and when the family may hear of it."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import Case, CaseEntryKind, CaseState, IdentityEvidence
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned
from app.officers.models import Officer

SHORTEST_REFERENCE = 3
"""Characters of the number of a report or document."""
LONGEST_REFERENCE = 120


def confirm(
    session: Session, supervisor: Officer, case_id: UUID, evidence: IdentityEvidence | None, reference: str
) -> None:
    """Confirm who the child is, by a laboratory report or a document; a face comparison is no evidence.

    Args:
        session: a writing session.
        supervisor: who confirms.
        case_id: the case.
        evidence: what the identity rests on.
        reference: number of the report or document.

    Raises:
        NotFound: no such case in the supervisor's area.
        Invalid: no evidence chosen, or no number.
        Conflict: the child was not verified in the field, or the identity is settled.
    """
    case = queries.get_visible(session, supervisor, case_id, hold=True)
    service.check_step(session, case, CaseState.IDENTITY_CONFIRMED)
    if evidence is None:
        raise Invalid("Choose what the identity rests on.", field="evidence")
    number = cleaned(reference, "reference")
    if not SHORTEST_REFERENCE <= len(number) <= LONGEST_REFERENCE:
        raise Invalid("Give the number of the report or document.", field="reference")
    case.identity_evidence = evidence
    case.identity_reference = number
    case.identity_confirmed_at = now()
    service.move(session, case, CaseState.IDENTITY_CONFIRMED, supervisor, number, evidence=evidence.value)
    audit.record(
        session,
        officer_actor(supervisor.id),
        Action.IDENTITY_CONFIRMED,
        "case",
        case.id,
        evidence=evidence.value,
    )


def refute(session: Session, officer: Officer, case_id: UUID, text: str) -> None:
    """Record that the child is somebody else, or that no identity can be established.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no reason in words.
        Conflict: the child was not verified in the field, or the identity is settled.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.check_step(session, case, CaseState.IDENTITY_REFUTED)
    service.move(session, case, CaseState.IDENTITY_REFUTED, officer, service.checked_text(text, "refutation"))


def contact_family(session: Session, officer: Officer, case_id: UUID, text: str) -> None:
    """Record that the family was contacted: never before the identity is confirmed.

    - The case is not closed.
    - Its identity is confirmed, with evidence, and was not refuted.

    Args:
        session: a writing session.
        officer: who records it.
        case_id: the case.
        text: who was contacted, by whom and how.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: one of the rules above.
        Invalid: no account in words.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    if not may_contact_family(case):
        raise Conflict("The family must not be contacted before the identity is confirmed.")
    account = service.checked_text(text, "contact")
    case.family_contacted_at = case.family_contacted_at or now()
    session.add(case)
    service.write_entry(session, case, officer, CaseEntryKind.FAMILY_CONTACT, account)
    audit.record(session, officer_actor(officer.id), Action.FAMILY_CONTACTED, "case", case.id)


def may_contact_family(case: Case) -> bool:
    """Whether a case's identity is confirmed with evidence, and the case is open."""
    return (
        case.state in {CaseState.IDENTITY_CONFIRMED, CaseState.OUTCOME_RECORDED}
        and case.identity_confirmed_at is not None
        and case.identity_evidence is not None
        and bool(case.identity_reference)
    )
