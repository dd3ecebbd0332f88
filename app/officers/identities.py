"""Who an officer is in the directory of their force: linked by themselves, or by whoever runs the service."""

from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor, officer_actor
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.officers import sessions
from app.officers.directory import Identity
from app.officers.models import Officer, OfficerIdentity

UNKNOWN = "No account that is open here is linked with this sign-in. Use your password."
"""One answer for an identity nobody linked and for a disabled account."""


def of(session: Session, officer: Officer, issuer: str) -> OfficerIdentity | None:
    """Whom an officer is in a directory."""
    return session.exec(
        select(OfficerIdentity).where(
            OfficerIdentity.officer_id == officer.id, OfficerIdentity.issuer == issuer
        )
    ).first()


def sign_in(context: Context, identity: Identity, held: str | None) -> str:
    """Start a session for whom the directory named; the second factor is asked for all the same.

    Args:
        context: the open deployment.
        identity: whom.
        held: the cookie that the browser sent along; its session ends.

    Returns:
        The new session's cookie value.

    Raises:
        Invalid: nobody is linked with it, or the account is disabled.
    """
    with context.db.write() as session:
        linked = session.get(OfficerIdentity, (identity.issuer, identity.subject))
        officer = session.get(Officer, linked.officer_id) if linked else None
        if officer is None or not officer.active:
            raise Invalid(UNKNOWN)
        if held:
            sessions.end(session, held)
        audit.record(
            session,
            officer_actor(officer.id),
            Action.SIGNED_IN,
            "officer",
            officer.id,
            through="directory",
        )
        return sessions.start(session, officer, half=context.settings.second_factor)


def link(session: Session, officer: Officer, identity: Identity, by: Actor) -> None:
    """Link an officer with whom the directory named; twice the same is once.

    Raises:
        Conflict: another account has it, or the officer is linked with somebody else there.
    """
    linked = session.get(OfficerIdentity, (identity.issuer, identity.subject))
    own = of(session, officer, identity.issuer)
    if linked is not None and own is not None and linked.officer_id == officer.id:
        return
    if linked is not None or own is not None:
        raise Conflict("One of the two is linked with another already. End that link first.")
    session.add(OfficerIdentity(issuer=identity.issuer, subject=identity.subject, officer_id=officer.id))
    audit.record(session, by, Action.IDENTITY_LINKED, "officer", officer.id)


def unlink(session: Session, officer: Officer, issuer: str, by: Actor) -> None:
    """End an officer's link with a directory.

    Raises:
        NotFound: there is none.
    """
    own = of(session, officer, issuer)
    if own is None:
        raise NotFound
    session.delete(own)
    audit.record(session, by, Action.OFFICER_CHANGED, "officer", officer.id, change="unlinked")
