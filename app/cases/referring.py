"""Handing work of a case to another agency."""

from uuid import UUID

from sqlmodel import Session

from app.cases import queries, service
from app.cases.models import CaseEntryKind
from app.core.errors import Invalid
from app.officers.models import Officer
from app.referrals import service as referrals
from app.referrals.models import Agency, Referral


def send(
    session: Session, officer: Officer, case_id: UUID, agency: Agency | None, office: str, request: str
) -> Referral:
    """Send a referral within a case and write it into the timeline.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no agency, or no request in words.
        Conflict: the case is closed or rests in another.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    try:
        referral = referrals.send(
            session,
            officer,
            jurisdiction_code=case.jurisdiction_code,
            agency=agency,
            office=office,
            request=request,
            case_id=case.id,
        )
    except Invalid as refusal:
        # The page has other forms with a field of that name.
        refusal.field = "referral_request" if refusal.field == "request" else refusal.field
        raise
    service.write_entry(
        session,
        case,
        officer,
        CaseEntryKind.REFERRAL,
        referral.request,
        agency=referral.agency.value,
        title=referral.office,
    )
    return referral
