"""Signed-in sessions, and permission as a type: a route names the role it needs in its signature."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from sqlmodel import Session, select

from app.core.clock import now
from app.core.context import Context
from app.core.errors import NotAllowed, NotSignedIn
from app.core.settings import Settings
from app.officers.models import Officer, OfficerSession, Role

TOKEN_BYTES = 32
SEEN_EVERY = timedelta(minutes=1)
"""How often a session's last use is written down."""


def cookie_name(settings: Settings) -> str:
    """The session cookie's name; the prefix makes browsers refuse it without HTTPS."""
    return "__Host-officer" if settings.secure_cookies else "officer"


def start(session: Session, officer: Officer) -> str:
    """Start a session and return its cookie value; earlier sessions of the officer go on.

    Returns:
        A token of 256 random bits; only its hash is stored.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(OfficerSession(token_sha256=_digest(token), officer_id=officer.id))
    return token


def end(session: Session, token: str) -> None:
    """End the session of a cookie; an unknown one is ignored."""
    found = session.exec(select(OfficerSession).where(OfficerSession.token_sha256 == _digest(token))).first()
    if found is not None and found.ended_at is None:
        found.ended_at = now()
        session.add(found)


def officer_of(request: Request) -> Officer:
    """The signed-in officer.

    Raises:
        NotSignedIn: no cookie, an ended or expired session, or a disabled account.
    """
    context: Context = request.app.state.context
    token = request.cookies.get(cookie_name(context.settings))
    if not token:
        raise NotSignedIn("Please sign in.")
    with context.db.read() as session:
        found = session.exec(
            select(OfficerSession, Officer)
            .join(Officer)
            .where(OfficerSession.token_sha256 == _digest(token), Officer.active)
        ).first()
    moment = now()
    if found is None or not _alive(found[0], context.settings):
        raise NotSignedIn("Your session has ended. Please sign in again.")
    if moment - found[0].last_seen_at > SEEN_EVERY:
        with context.db.write() as session:
            kept = session.get_one(OfficerSession, found[0].id)
            kept.last_seen_at = moment
            session.add(kept)
    return found[1]


def require(*roles: Role) -> Callable[[Request], Officer]:
    """A dependency that lets in only officers who hold one of the roles."""

    def check(request: Request) -> Officer:
        officer = officer_of(request)
        if not officer.has(*roles):
            raise NotAllowed("Your role does not include this.")
        return officer

    return check


OfficerDep = Annotated[Officer, Depends(officer_of)]
ReviewerDep = Annotated[Officer, Depends(require(Role.REVIEWER, Role.SUPERVISOR))]
TriageDep = Annotated[Officer, Depends(require(Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR))]
InvestigatorDep = Annotated[Officer, Depends(require(Role.INVESTIGATOR, Role.SUPERVISOR))]
SupervisorDep = Annotated[Officer, Depends(require(Role.SUPERVISOR))]
ClerkDep = Annotated[Officer, Depends(require(Role.CLERK))]
RecordReaderDep = Annotated[Officer, Depends(require(Role.CLERK, Role.INVESTIGATOR, Role.SUPERVISOR))]
AuditorDep = Annotated[Officer, Depends(require(Role.AUDITOR))]
CustodianDep = Annotated[Officer, Depends(require(Role.CUSTODIAN))]
AdminDep = Annotated[Officer, Depends(require(Role.ADMIN))]


def _alive(held: OfficerSession, settings: Settings) -> bool:
    moment = now()
    return (
        held.ended_at is None
        and moment - held.last_seen_at < timedelta(minutes=settings.session_idle_minutes)
        and moment - held.created_at < timedelta(hours=settings.session_hours)
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
