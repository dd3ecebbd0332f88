"""What may be done with a referral: send it, and record what the agency answers."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned, legible
from app.officers.models import Officer
from app.referrals import queries
from app.referrals.models import (
    REFERRAL_MOVES,
    Agency,
    Referral,
    ReferralEvent,
    ReferralOutcome,
    ReferralState,
)

SHORTEST_TEXT = 10
"""Characters of a request, a reason or a report."""
LONGEST_TEXT = 4_000
LONGEST_NAME = 120


def send(
    session: Session,
    officer: Officer,
    *,
    jurisdiction_code: str,
    agency: Agency | None,
    office: str,
    request: str,
    tip_id: UUID | None = None,
    case_id: UUID | None = None,
) -> Referral:
    """Hand work to another agency. The caller has checked that the tip or case is the officer's to see.

    Args:
        session: a writing session.
        officer: who sends it.
        jurisdiction_code: area whose officers follow it up.
        agency: which kind of agency.
        office: which office, hospital or school; may be empty.
        request: what is asked for, in words.
        tip_id: the tip it is about.
        case_id: the case it belongs to.

    Returns:
        The referral, waiting for an answer.

    Raises:
        Invalid: no agency chosen, or no request in words.
    """
    if agency is None:
        raise Invalid("Choose an agency.", field="agency")
    referral = Referral(
        tip_id=tip_id,
        case_id=case_id,
        jurisdiction_code=jurisdiction_code,
        agency=agency,
        office=_name(office, "office"),
        request=_text(request, "request"),
        sent_by=officer.id,
    )
    session.add(referral)
    session.flush()
    _note(session, referral, officer, "", referral.request)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.REFERRAL_SENT,
        "referral",
        referral.id,
        agency=agency.value,
        tip=str(tip_id) if tip_id else None,
        case=str(case_id) if case_id else None,
    )
    return referral


def answer(
    session: Session,
    officer: Officer,
    referral_id: UUID,
    to: ReferralState | None,
    *,
    informant: str,
    text: str,
    outcome: ReferralOutcome | None = None,
) -> Referral:
    """Record what the agency answered, or that the police took the referral back.

    - The table of moves allows it.
    - An answer names who at the agency gave it; taking back needs nobody's name.
    - Declining, completing and taking back are explained in words; completing has an outcome.

    Args:
        session: a writing session.
        officer: who records it.
        referral_id: the referral.
        to: where it stands now.
        informant: who at the agency said so.
        text: what they said.
        outcome: what was done, for a completed one.

    Returns:
        The referral.

    Raises:
        NotFound: not of the officer's area.
        Invalid: one of the fields is missing.
        Conflict: it does not allow this step any more.
    """
    referral = queries.get_visible(session, officer, referral_id)
    if to is None or to == ReferralState.SENT:
        raise Invalid("Choose what the agency answered.", field="state")
    if to not in REFERRAL_MOVES[referral.state]:
        raise Conflict("This referral does not allow this step any more.")
    name = _name(informant, "informant")
    if to != ReferralState.CANCELLED and not name:
        raise Invalid("Write who at the agency said so.", field="informant")
    words = cleaned(text, "text") if to == ReferralState.ACCEPTED else _text(text, "text")
    if (to == ReferralState.COMPLETED) != (outcome is not None):
        raise Invalid("Choose an outcome for a completed referral, and only for one.", field="outcome")
    referral.state = to
    referral.outcome = outcome
    session.add(referral)
    _note(session, referral, officer, name, words)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.REFERRAL_CHANGED,
        "referral",
        referral.id,
        now=to.value,
        outcome=outcome.value if outcome else None,
    )
    return referral


def _note(session: Session, referral: Referral, officer: Officer, informant: str, text: str) -> None:
    session.add(
        ReferralEvent(
            referral_id=referral.id,
            state=referral.state,
            officer_id=officer.id,
            informant=informant,
            text=text,
        )
    )


def _name(typed: str, field: str) -> str:
    name = cleaned(typed, field)
    if len(name) > LONGEST_NAME:
        raise Invalid("Write at most %(most)s characters.", field=field, most=LONGEST_NAME)
    return name


def _text(typed: str, field: str) -> str:
    words = cleaned(typed, field)
    if legible(words) < SHORTEST_TEXT:
        raise Invalid("Write at least %(least)s characters.", field=field, least=SHORTEST_TEXT)
    if len(words) > LONGEST_TEXT:
        raise Invalid("Write at most %(most)s characters.", field=field, most=LONGEST_TEXT)
    return words
