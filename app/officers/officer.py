"""Signing in and out, the way to an officer's first room, and their own account."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.audit.service import officer_actor
from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import NotSignedIn, Refusal, message
from app.core.render import page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.core.web.limiting import Door
from app.jurisdictions.models import Jurisdiction
from app.officers import (
    administration,
    directory,
    identities,
    known,
    passwords,
    queries,
    resets,
    service,
    sessions,
    sign_in,
    throttle,
)
from app.officers.access import Right
from app.officers.models import Officer, Role
from app.officers.sessions import NewcomerDep

router = APIRouter()
router.include_router(administration.router)

ACCOUNT = "/console/account"
DOOR = Door(
    "sign-in",
    own="60 per 15 minute",
    crowd="3000 per 15 minute",
    slow="60 per 15 minute",
    busy=message("Too many people are signing in from here. Wait a few minutes, then try again."),
)
"""For browsers that nobody signed in with before; no address is stored, see `limiting`."""
FIRST_ROOMS = (
    ("/console/reviews", Right.REVIEW),
    ("/console/cases", Right.INVESTIGATE),
    ("/console/records", Right.READ_RECORDS),
    ("/console/contacts", Right.OPEN_CONTACT),
    ("/console/audit", Right.READ_AUDIT),
    ("/console/officers", Right.KEEP_OFFICERS),
)


@router.get("")
@router.get("/")
def start(officer: NewcomerDep) -> RedirectResponse:
    """Lead an officer to the first room of their roles, and a newcomer to choosing a password."""
    rooms = [room for room, right in FIRST_ROOMS if officer.may(right)]
    newcomer = passwords.is_one_time(officer.password_hash)
    return RedirectResponse(ACCOUNT if newcomer or not rooms else rooms[0], status_code=303)


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    """Show the sign-in form, or go on when somebody is signed in."""
    try:
        sessions.newcomer_of(request)
    except NotSignedIn:
        return page(request, "console/sign_in.html", errors={}, username="")
    return RedirectResponse("/console", status_code=303)


@router.post("/sign-in")
def enter(
    request: Request,
    context: ContextDep,
    username: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Sign in under a new session id."""
    name = queries.normal_username(username)
    browser = known.browser_of(context, request, name)
    try:
        if not browser:
            limiting.admit(request, DOOR)
        token = sign_in.sign_in(context, username, password, sessions.token_of(request), browser)
    except Refusal as refusal:
        return refused_form(request, "console/sign_in.html", refusal, username=username)
    answer = RedirectResponse("/console", status_code=303)
    sessions.give_cookie(answer, context.settings, token)
    known.remember(context, answer, name)
    return answer


@router.post("/sign-out")
def leave(
    request: Request, session: SessionDep, context: ContextDep, officer: NewcomerDep
) -> RedirectResponse:
    """End the session on the server and in the browser."""
    sign_in.sign_out(session, officer, sessions.token_of(request) or "")
    answer = RedirectResponse("/console/sign-in", status_code=303)
    sessions.take_cookie(answer, context.settings)
    return answer


@router.get("/account")
def account(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: NewcomerDep,
    changed: bool = False,
) -> HTMLResponse:
    """Show an officer their own account."""
    shown = _account(request, context, session, officer)
    return page(request, "console/account.html", errors={}, changed=changed, **shown)


@router.post("/account/password")
def choose_password(
    request: Request,
    context: ContextDep,
    officer: NewcomerDep,
    old_password: Annotated[str, Form(max_length=1000)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Change the officer's own password; every other session ends."""
    try:
        attempt = throttle.count_attempt(context, f"change {officer.id}")
        with context.db.write() as session:
            token = service.change_password(
                session, officer, old=old_password, new=password, token=sessions.token_of(request) or ""
            )
            throttle.forget(session, attempt)
    except Refusal as refusal:
        with context.db.read() as session:
            shown = _account(request, context, session, officer)
        return refused_form(request, "console/account.html", refusal, changed=False, **shown)
    answer = RedirectResponse(f"{ACCOUNT}?changed=true", status_code=303)
    sessions.give_cookie(answer, context.settings, token)
    return answer


@router.post("/account/sessions/end-others")
def end_others(request: Request, session: SessionDep, officer: NewcomerDep) -> RedirectResponse:
    """End all of the officer's own sessions but this one."""
    service.end_sessions(session, officer, officer_actor(officer.id), but=sessions.token_of(request))
    return RedirectResponse(ACCOUNT, status_code=303)


@router.post("/account/sessions/{session_id}/end")
def end_session(session: SessionDep, officer: NewcomerDep, session_id: UUID) -> RedirectResponse:
    """End one of the officer's own sessions."""
    service.end_session(session, officer, session_id)
    return RedirectResponse(ACCOUNT, status_code=303)


def _account(request: Request, context: Context, session: ReadSessionDep, officer: Officer) -> dict[str, Any]:
    token = sessions.token_of(request)
    held = queries.live_sessions(session, officer.id, context.settings)
    return {
        "officer": officer,
        "directory": directory.offered(context.settings),
        "reset": resets.waiting_for(session, officer),
        "linked": identities.of(session, officer, context.settings.oidc_issuer),
        "newcomer": passwords.is_one_time(officer.password_hash),
        "shortest": passwords.SHORTEST,
        "held": [(one, sessions.belongs_to(one, token)) for one in held],
        "roles": [Role(code) for code in officer.roles],
        "area": session.get_one(Jurisdiction, officer.jurisdiction_code),
    }
