"""Signed-in sessions, and permission as a type: a route names the role it needs in its signature."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlmodel import Session, col, select, update

from app.core.clock import now
from app.core.context import Context
from app.core.errors import NotAllowed, NotSignedIn, ProofNeeded, SecondFactorNeeded
from app.core.settings import Settings
from app.officers import passwords
from app.officers.access import Right
from app.officers.models import Officer, OfficerSession

TOKEN_BYTES = 32
SEEN_EVERY = timedelta(minutes=1)
"""How often a session's last use is written down."""


def cookie_name(settings: Settings) -> str:
    """The session cookie's name; the prefix makes browsers refuse it without HTTPS."""
    return "__Host-officer" if settings.secure_cookies else "officer"


def start(
    session: Session, officer: Officer, *, half: bool = False, like: OfficerSession | None = None
) -> str:
    """Start a session and return its cookie value; earlier sessions of the officer go on.

    Args:
        session: a writing session.
        officer: whose.
        half: only the password was right; until the second factor is given the session opens nothing.
        like: the session that this one goes on for; nothing counts as proven later than there.

    Returns:
        A token of 256 random bits; only its hash is stored.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    proven = None if half else now()
    session.add(
        OfficerSession(
            token_sha256=_digest(token),
            officer_id=officer.id,
            second_at=like.second_at if like else proven,
            stepped_up_at=like.stepped_up_at if like else proven,
        )
    )
    return token


def prove(session: Session, token: str) -> None:
    """Note that whoever holds a cookie proved a moment ago who they are."""
    held = session.exec(select(OfficerSession).where(OfficerSession.token_sha256 == _digest(token))).one()
    moment = now()
    held.second_at = held.second_at or moment
    held.stepped_up_at = moment
    session.add(held)


def end(session: Session, token: str) -> OfficerSession | None:
    """End the session of a cookie, and return it; an unknown one is ignored."""
    found = session.exec(select(OfficerSession).where(OfficerSession.token_sha256 == _digest(token))).first()
    if found is not None and found.ended_at is None:
        found.ended_at = now()
        session.add(found)
    return found


def end_all(session: Session, officer_id: UUID, *, but: str | None = None) -> int:
    """End an officer's sessions.

    Args:
        session: a writing session.
        officer_id: whose.
        but: cookie value of the one session that goes on.

    Returns:
        How many were ended.
    """
    ended = session.exec(
        update(OfficerSession)
        .where(
            col(OfficerSession.officer_id) == officer_id,
            col(OfficerSession.ended_at).is_(None),
            col(OfficerSession.token_sha256) != (_digest(but) if but else ""),
        )
        .values(ended_at=now())
    )
    return int(ended.rowcount)


def token_of(request: Request) -> str | None:
    """The session cookie that a request carries; it may be anything."""
    context: Context = request.app.state.context
    return request.cookies.get(cookie_name(context.settings))


def belongs_to(held: OfficerSession, token: str | None) -> bool:
    """Whether a session is the one of a cookie."""
    return token is not None and held.token_sha256 == _digest(token)


def give_cookie(response: Response, settings: Settings, token: str) -> None:
    """Put a session's cookie into an answer; it goes when the browser is closed."""
    response.set_cookie(
        cookie_name(settings),
        token,
        path="/",
        httponly=True,
        secure=settings.secure_cookies,
        samesite="strict",
    )


def take_cookie(response: Response, settings: Settings) -> None:
    """Tell the browser to forget the session's cookie."""
    response.delete_cookie(
        cookie_name(settings), path="/", httponly=True, secure=settings.secure_cookies, samesite="strict"
    )


def officer_of(request: Request) -> Officer:
    """The signed-in officer.

    Raises:
        NotSignedIn: no cookie, an ended or expired session, or a disabled account.
        NotAllowed: signed in with a one-time password, which only serves to choose another.
    """
    officer = newcomer_of(request)
    request.state.officer_id = officer.id  # A refusal is written down with it.
    if passwords.is_one_time(officer.password_hash):
        raise NotAllowed("Choose a password of your own first.")
    return officer


def newcomer_of(request: Request) -> Officer:
    """The signed-in officer, also one who still has to choose a password; for the account page only.

    Raises:
        NotSignedIn: no cookie, an ended or expired session, or a disabled account.
        SecondFactorNeeded: only the password was given so far.
    """
    context: Context = request.app.state.context
    held, officer = _session_of(request)
    if context.settings.second_factor and held.second_at is None:
        raise SecondFactorNeeded
    return officer


def fresh_of(request: Request) -> Officer:
    """The signed-in officer who proved a moment ago who they are: for exports and unsealing.

    Raises:
        NotSignedIn: no cookie, an ended or expired session, or a disabled account.
        NotAllowed: signed in with a one-time password.
        ProofNeeded: the last proof is older than the setting allows.
    """
    officer = officer_of(request)
    context: Context = request.app.state.context
    held, _ = _session_of(request)
    lasting = timedelta(minutes=context.settings.step_up_minutes)
    if held.stepped_up_at is None or now() - held.stepped_up_at >= lasting:
        raise ProofNeeded
    return officer


def half_of(request: Request) -> Officer:
    """The officer of a session, also one who gave only a password: for the second factor's own pages.

    Raises:
        NotSignedIn: no cookie, an ended or expired session, or a disabled account.
    """
    return _session_of(request)[1]


def is_half(request: Request) -> bool:
    """Whether the session of a request still lacks its second factor."""
    return _session_of(request)[0].second_at is None


def _session_of(request: Request) -> tuple[OfficerSession, Officer]:
    context: Context = request.app.state.context
    token = token_of(request)
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
    return found[0], found[1]


def require(right: Right) -> Callable[[Request], Officer]:
    """A dependency that lets in only officers who hold a right."""

    def check(request: Request) -> Officer:
        officer = officer_of(request)
        if not may(officer, right):
            raise NotAllowed("Your role does not include this.")
        return officer

    return check


def may(officer: Officer, right: Right) -> bool:
    """Whether an officer holds a right."""
    return officer.may(right)


HalfDep = Annotated[Officer, Depends(half_of)]
FreshDep = Annotated[Officer, Depends(fresh_of)]
FRESH = [Depends(fresh_of)]
"""For routes that take something out or open what is sealed: `@router.post(..., dependencies=FRESH)`."""
NewcomerDep = Annotated[Officer, Depends(newcomer_of)]
OfficerDep = Annotated[Officer, Depends(officer_of)]
ReviewerDep = Annotated[Officer, Depends(require(Right.REVIEW))]
TriageDep = Annotated[Officer, Depends(require(Right.TRIAGE))]
InvestigatorDep = Annotated[Officer, Depends(require(Right.INVESTIGATE))]
SupervisorDep = Annotated[Officer, Depends(require(Right.SUPERVISE))]
ClerkDep = Annotated[Officer, Depends(require(Right.KEEP_RECORDS))]
RecordReaderDep = Annotated[Officer, Depends(require(Right.READ_RECORDS))]
AuditorDep = Annotated[Officer, Depends(require(Right.READ_AUDIT))]
CustodianDep = Annotated[Officer, Depends(require(Right.OPEN_CONTACT))]
RetentionReaderDep = Annotated[Officer, Depends(require(Right.READ_RETENTION))]
RetentionDep = Annotated[Officer, Depends(require(Right.RELEASE_RETENTION))]
QueueKeeperDep = Annotated[Officer, Depends(require(Right.KEEP_QUEUE))]
AdminDep = Annotated[Officer, Depends(require(Right.KEEP_OFFICERS))]


def _alive(held: OfficerSession, settings: Settings) -> bool:
    moment = now()
    return (
        held.ended_at is None
        and moment - held.last_seen_at < timedelta(minutes=settings.session_idle_minutes)
        and moment - held.created_at < timedelta(hours=settings.session_hours)
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
