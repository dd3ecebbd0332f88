"""Signing in through the force's own directory (OpenID Connect)."""

import base64
import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from nacl.exceptions import CryptoError

from app.audit.service import officer_actor
from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.db import SessionDep
from app.core.errors import Invalid, Refusal
from app.core.render import page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.officers import directory, identities, sessions
from app.officers.directory import Identity, Trip
from app.officers.officer import ACCOUNT, DOOR
from app.officers.sessions import FreshDep

router = APIRouter()

COOKIE = "directory"
GOOD_FOR_S = 600
Brought = Annotated[str, Query(max_length=4000)]


@router.get("/directory")
def set_out(request: Request, context: ContextDep) -> Response:
    """Send a browser to the directory to sign in."""
    try:
        limiting.admit(request, DOOR)
        return _sent(context, *directory.begin(context))
    except Refusal as refusal:
        return _refused(request, refusal)


@router.get("/account/directory")
def set_out_to_link(context: ContextDep, officer: FreshDep) -> Response:
    """Send a signed-in officer to the directory, to be linked."""
    return _sent(context, *directory.begin(context, link=str(officer.id)))


@router.get("/directory/back")
def come_back(
    request: Request, context: ContextDep, code: Brought = "", state: Brought = "", iss: Brought = ""
) -> Response:
    """Take the directory's word: to sign in, or to show whom an officer will be linked with.

    The browser comes from another site and brings no strict cookie, nor would it to a redirect: so a page of
    our own leads on.
    """
    try:
        answer: Response
        trip = Trip(**_opened(context, request.cookies.get(COOKIE, ""), "trip"))
        found = directory.finish(context, trip, code=code, state=state, issuer=iss)
        if trip.link:
            sealed = _sealed(context, "identity", asdict(found) | {"link": trip.link})
            answer = page(request, "console/directory_link.html", found=found, sealed=sealed)
        else:
            token = identities.sign_in(context, found, sessions.token_of(request))
            answer = page(request, "console/directory_done.html")
            sessions.give_cookie(answer, context.settings, token)
    except Refusal as refusal:
        answer = _refused(request, refusal)
    answer.delete_cookie(COOKIE, path="/console/directory", secure=context.settings.secure_cookies)
    return answer


@router.post("/account/directory")
def link(
    session: SessionDep,
    context: ContextDep,
    officer: FreshDep,
    identity: Annotated[str, Form(max_length=4000)] = "",
) -> RedirectResponse:
    """Link the officer with whom the directory named a moment ago."""
    found = _opened(context, identity, "identity")
    if found.pop("link") != str(officer.id):
        raise Invalid(directory.WRONG)
    identities.link(session, officer, Identity(**found), officer_actor(officer.id))
    return RedirectResponse(ACCOUNT, status_code=303)


@router.post("/account/directory/end")
def unlink(session: SessionDep, context: ContextDep, officer: FreshDep) -> RedirectResponse:
    """End the officer's link."""
    identities.unlink(session, officer, context.settings.oidc_issuer, officer_actor(officer.id))
    return RedirectResponse(ACCOUNT, status_code=303)


def _refused(request: Request, refusal: Refusal) -> Response:
    return refused_form(request, "console/sign_in.html", refusal, username="")


def _sent(context: Context, address: str, trip: Trip) -> RedirectResponse:
    answer = RedirectResponse(address, status_code=303)
    answer.set_cookie(
        COOKIE,
        _sealed(context, "trip", asdict(trip)),
        max_age=GOOD_FOR_S,
        path="/console/directory",
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="lax",  # The directory's site leads back here; a strict cookie would stay away.
    )
    return answer


def _sealed(context: Context, what: str, body: dict[str, Any]) -> str:
    plain = json.dumps({"at": now().timestamp(), "body": body}).encode()
    return base64.urlsafe_b64encode(context.keys.box(f"{COOKIE} {what}").encrypt(plain)).decode()


def _opened(context: Context, sealed: str, what: str) -> dict[str, str]:
    try:
        found = json.loads(context.keys.box(f"{COOKIE} {what}").decrypt(base64.urlsafe_b64decode(sealed)))
    except (CryptoError, ValueError) as error:
        raise Invalid(directory.WRONG) from error
    if not 0 <= now().timestamp() - found["at"] <= GOOD_FOR_S:
        raise Invalid(directory.WRONG)
    body: dict[str, str] = found["body"]
    return body
