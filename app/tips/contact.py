"""Opening a tipster's contact: on a written request, by a custodian, and never without a trace."""

from uuid import UUID

from sqlmodel import Session

from app.audit import sealed
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.crypto import Keys, Unsealable
from app.core.errors import Conflict, Invalid, NotAllowed
from app.officers.models import Officer, Role
from app.tips import queries

SHORTEST_ASKER, LONGEST_ASKER = 2, 120
SHORTEST_REASON, LONGEST_REASON = 20, 1000
"""Characters; a request says in a sentence what the contact is needed for."""


def open_contact(
    session: Session, keys: Keys, custodian: Officer, tip_id: UUID, *, asked_by: str, reason: str
) -> str:
    """Open the contact that a tipster left.

    The request stays in the audit log, sealed, so that an auditor can judge it later.

    Args:
        session: a writing session.
        keys: the deployment's keys.
        custodian: who opens it.
        tip_id: the tip.
        asked_by: who asks for it, in writing.
        reason: what it is needed for.

    Returns:
        The contact as the tipster typed it.

    Raises:
        NotAllowed: not a custodian.
        NotFound: no such tip in the custodian's area.
        Invalid: the request does not say who asks, or why.
        Conflict: the tip came without a contact, or it does not open with this deployment's keys.
    """
    if not custodian.has(Role.CUSTODIAN):
        raise NotAllowed("Your role does not include this.")
    tip = queries.get_visible(session, custodian, tip_id)
    who, why = " ".join(asked_by.split()), reason.strip()
    if not SHORTEST_ASKER <= len(who) <= LONGEST_ASKER:
        raise Invalid("Write who asks for the contact.", field="asked_by")
    if not SHORTEST_REASON <= len(why) <= LONGEST_REASON:
        raise Invalid(
            "Write in %(least)s to %(most)s characters what the contact is needed for.",
            field="reason",
            least=SHORTEST_REASON,
            most=LONGEST_REASON,
        )
    if tip.contact_sealed is None:
        raise Conflict("This tip came without a contact.")
    try:
        contact = keys.unseal(tip.contact_sealed).decode()
    except (Unsealable, UnicodeDecodeError) as error:
        raise Conflict("The contact does not open with this service's key.") from error
    audit.record(
        session,
        officer_actor(custodian.id),
        Action.CONTACT_OPENED,
        "tip",
        tip.id,
        asked_by_sealed=sealed.seal(keys, who),
        request_sealed=sealed.seal(keys, why),
    )
    return contact
