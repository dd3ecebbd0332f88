"""The second factor: giving it, setting one up, recovery codes, proving anew who one is."""

from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app.core.context import Context, ContextDep
from app.core.db import SessionDep
from app.core.errors import Invalid, Refusal, SecondFactorNeeded
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers import once, passkeys, proving, resets, second_factors, sessions, totp
from app.officers.models import Officer
from app.officers.sessions import FRESH, AdminDep, FreshDep, HalfDep, NewcomerDep

router = APIRouter()

GIVE = "/console/second-factor"
FACTORS = "/console/account/factors"
Typed = Annotated[str, Form(max_length=500)]
Answer = Annotated[str, Form(max_length=20_000)]
Next = Annotated[str, Query(max_length=500)]


@router.get("/second-factor")
def ask(request: Request, context: ContextDep, officer: HalfDep) -> Response:
    """Ask for the second factor; who has none sets one up."""
    if not sessions.is_half(request):
        return RedirectResponse("/console", status_code=303)
    template, values = _asking(context, officer)
    return page(request, template, errors={}, **values)


@router.post("/second-factor")
def give(request: Request, context: ContextDep, officer: HalfDep, code: Typed = "") -> Response:
    """Give digits or a recovery code."""
    try:
        second_factors.give(context, officer, code, sessions.token_of(request) or "")
    except Refusal as refusal:
        template, values = _asking(context, officer)
        return refused_form(request, template, refusal, **values)
    return RedirectResponse("/console", status_code=303)


@router.post("/second-factor/key/ask")
def ask_key(request: Request, context: ContextDep, officer: HalfDep) -> Response:
    """What the browser needs to ask a security key."""
    with context.db.read() as session:
        known = second_factors.keys_of(session, officer.id)
    answer = JSONResponse({})
    answer.body = passkeys.ask(request, answer, context, officer, known).encode()
    answer.headers["content-length"] = str(len(answer.body))
    return answer


@router.post("/second-factor/key")
def give_key(
    request: Request, context: ContextDep, officer: HalfDep, answer: Answer = "", to: Typed = ""
) -> Response:
    """Give a security key's proof, at sign-in or anew."""
    try:
        proving.by_key(request, context, officer, answer)
    except Refusal as refusal:
        template = "console/second_factor.html" if sessions.is_half(request) else "console/prove.html"
        return refused_form(request, template, refusal, to=_local(to), **_own(context, officer))
    done = RedirectResponse(_local(to), status_code=303)
    passkeys.forget(done, context)
    return done


@router.post("/second-factor/app")
def set_up_app(
    request: Request,
    context: ContextDep,
    officer: HalfDep,
    secret: Typed = "",
    name: Typed = "",
    code: Typed = "",
) -> Response:
    """Add an authenticator app whose digits prove that it has the secret."""
    token, half = _may_set_up(request, context, officer)
    try:
        factor = totp.proven(context.keys, officer.id, name, proving.opened(context, officer, secret), code)
        if factor is None:
            raise Invalid("These digits are not right. Look again, and check the phone's time.", field="code")
        with context.db.write() as session:
            codes = second_factors.add(session, context.keys, officer, factor, token, half=half)
    except Refusal as refusal:
        return refused_form(
            request, "console/factor_app.html", refusal, **_app(context, officer, secret) | {"name": name}
        )
    return _added(context, officer, codes)


@router.get("/second-factor/app")
def show_app(request: Request, context: ContextDep, officer: HalfDep) -> HTMLResponse:
    """Show a new secret as a QR code and in letters."""
    _may_set_up(request, context, officer)
    return page(request, "console/factor_app.html", errors={}, name="", **_app(context, officer, ""))


@router.post("/second-factor/new-key/ask")
def ask_new_key(request: Request, context: ContextDep, officer: HalfDep) -> Response:
    """What the browser needs to register a security key."""
    _may_set_up(request, context, officer)
    with context.db.read() as session:
        known = second_factors.keys_of(session, officer.id)
    answer = JSONResponse({})
    answer.body = passkeys.ask_to_register(request, answer, context, officer, known).encode()
    answer.headers["content-length"] = str(len(answer.body))
    return answer


@router.post("/second-factor/new-key")
def set_up_key(
    request: Request, context: ContextDep, officer: HalfDep, answer: Answer = "", name: Typed = ""
) -> Response:
    """Add a security key that the browser registered."""
    token, half = _may_set_up(request, context, officer)
    with context.db.write() as session:
        factor = passkeys.registered(request, context, session, officer, name, answer)
        codes = second_factors.add(session, context.keys, officer, factor, token, half=half)
    done = _added(context, officer, codes)
    passkeys.forget(done, context)
    return done


@router.get("/account/factors")
def factors(request: Request, context: ContextDep, officer: NewcomerDep) -> HTMLResponse:
    """Show an officer their factors; codes made a moment ago are shown this once."""
    codes = once.held(context, request, officer)
    answer = page(request, "console/factors.html", errors={}, codes=codes, **_own(context, officer))
    if codes is not None:
        once.forget(context, request, answer)
    return answer


@router.post("/account/factors/codes")
def renew_codes(session: SessionDep, context: ContextDep, officer: FreshDep) -> RedirectResponse:
    """Make new recovery codes and show them on the next page, once."""
    codes = second_factors.renew_recovery(session, context.keys, officer)
    answer = RedirectResponse(FACTORS, status_code=303)
    once.hand_over(context, answer, officer, FACTORS, " ".join(codes))
    return answer


@router.post("/account/factors/{factor_id}/remove")
def remove(request: Request, context: ContextDep, officer: FreshDep, factor_id: UUID) -> Response:
    """Remove one of the officer's factors."""
    try:
        with context.db.write() as session:
            second_factors.remove(session, officer, factor_id, needed=context.settings.second_factor)
    except Refusal as refusal:
        return refused_form(request, "console/factors.html", refusal, codes=None, **_own(context, officer))
    return RedirectResponse(FACTORS, status_code=303)


@router.get("/prove")
def ask_proof(request: Request, context: ContextDep, officer: NewcomerDep, next: Next = "") -> HTMLResponse:  # noqa: A002 - the address says so
    """Ask an officer to prove anew who they are."""
    return page(request, "console/prove.html", errors={}, to=_local(next), **_own(context, officer))


@router.post("/prove")
def prove(
    request: Request,
    context: ContextDep,
    officer: NewcomerDep,
    code: Annotated[str, Form(max_length=1000)] = "",
    to: Typed = "",
) -> Response:
    """Prove by digits, a recovery code, or the password of who has no second factor."""
    try:
        proving.by_code(request, context, officer, code)
    except Refusal as refusal:
        return refused_form(request, "console/prove.html", refusal, to=_local(to), **_own(context, officer))
    return RedirectResponse(_local(to), status_code=303)


@router.post("/officers/{officer_id}/factors", dependencies=FRESH)
def ask_to_take_away(session: SessionDep, admin: AdminDep, officer_id: UUID) -> RedirectResponse:
    """Ask that the second factors of an officer who lost them be taken away."""
    resets.ask(session, admin, officer_id)
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


@router.post("/officers/{officer_id}/factors/agree", dependencies=FRESH)
def take_away(session: SessionDep, admin: AdminDep, officer_id: UUID) -> RedirectResponse:
    """Agree as the second person: the officer's second factors go, and their sessions end."""
    resets.decide(session, admin, officer_id, agreed=True)
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


@router.post("/officers/{officer_id}/factors/keep")
def keep(session: SessionDep, admin: AdminDep, officer_id: UUID) -> RedirectResponse:
    """Drop the wish."""
    resets.decide(session, admin, officer_id, agreed=False)
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


def _asking(context: Context, officer: Officer) -> tuple[str, dict[str, Any]]:
    values = _own(context, officer)
    return ("console/second_factor.html" if values["factors"] else "console/factor_choice.html"), values


def _own(context: Context, officer: Officer) -> dict[str, Any]:
    return {"officer": officer, **proving.shown(context, officer)}


def _app(context: Context, officer: Officer, sealed: str) -> dict[str, Any]:
    return {"officer": officer, **proving.secret_for(context, officer, sealed)}


def _may_set_up(request: Request, context: Context, officer: Officer) -> tuple[str, bool]:
    """A password alone sets up the first factor only; more of them take a fresh proof.

    Returns:
        The session's cookie, and whether only the password was given in it.

    Raises:
        SecondFactorNeeded: there is one already, and it was not given.
        ProofNeeded: it was given long ago.
    """
    with context.db.read() as session:
        present = second_factors.of(session, officer.id)
    half = sessions.is_half(request)
    if present and half:
        raise SecondFactorNeeded
    if present:
        sessions.fresh_of(request)
    return sessions.token_of(request) or "", half


def _added(context: Context, officer: Officer, codes: list[str]) -> RedirectResponse:
    answer = RedirectResponse(FACTORS, status_code=303)
    if codes:
        once.hand_over(context, answer, officer, FACTORS, " ".join(codes))
    return answer


def _local(address: str) -> str:
    """A page of the console to come back to; any other address is none."""
    parts = urlsplit(address)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/console")
    return parts.path if inside and "\\" not in address else "/console"
