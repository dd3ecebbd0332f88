"""The administrator's pages: who may sign in, as what, and where."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlmodel import Session

from app.audit.service import officer_actor
from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers import once, passwords, queries, resets, service
from app.officers.models import Officer, Role
from app.officers.sessions import FRESH, AdminDep

router = APIRouter()

Typed = Annotated[str, Form(max_length=500)]
Roles = Annotated[list[Role], Form()]


@router.get("/officers")
def index(
    request: Request,
    session: ReadSessionDep,
    admin: AdminDep,
    text: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List the officers of the administrator's area."""
    found = queries.search(session, admin, text.strip(), number)
    areas = {area.code: area for area in queries.areas_for(session, admin)}
    return page(
        request,
        "console/officers.html",
        officer=admin,
        found=found,
        text=text,
        areas=areas,
        role_of=Role,
        resets=resets.waiting(session, admin),
    )


@router.get("/officers/new")
def new(request: Request, session: ReadSessionDep, admin: AdminDep) -> HTMLResponse:
    """Show the empty form."""
    typed = {"username": "", "name": "", "badge": "", "roles": [], "jurisdiction_code": ""}
    return page(
        request,
        "console/officer_form.html",
        errors={},
        typed=typed,
        **_choices(session, admin),
    )


@router.post("/officers", dependencies=FRESH)
def add(
    request: Request,
    context: ContextDep,
    admin: AdminDep,
    username: Typed = "",
    name: Typed = "",
    badge: Typed = "",
    jurisdiction_code: Typed = "",
    roles: Roles = [],  # noqa: B006 - FastAPI copies the default
) -> Response:
    """Add an officer and show their one-time password on the next page, once."""
    password = passwords.invent()
    typed = {"username": username, "name": name, "badge": badge, "jurisdiction_code": jurisdiction_code}
    try:
        with context.db.write() as session:
            added = service.add_officer(
                session,
                **typed,
                roles=roles,
                password=password,
                one_time=True,
                actor=officer_actor(admin.id),
            )
    except Refusal as refusal:
        with context.db.read() as session:
            shown = _choices(session, admin)
        return refused_form(
            request, "console/officer_form.html", refusal, typed=typed | {"roles": roles}, **shown
        )
    address = f"/console/officers/{added.id}"
    answer = RedirectResponse(address, status_code=303)
    once.hand_over(context, answer, admin, address, password)
    return answer


@router.get("/officers/{officer_id}")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, admin: AdminDep, officer_id: UUID
) -> HTMLResponse:
    """Show one officer; a password made a moment ago is shown this once."""
    shown = queries.get_visible(session, admin, officer_id)
    password = once.held(context, request, admin)
    answer = page(
        request,
        "console/officer.html",
        errors={},
        password=password,
        shown=shown,
        reset=resets.waiting_for(session, shown),
        typed=_present(shown),
        **_choices(session, admin),
    )
    if password is not None:
        once.forget(context, request, answer)
    return answer


@router.post("/officers/{officer_id}", dependencies=FRESH)
def change(
    request: Request,
    context: ContextDep,
    admin: AdminDep,
    officer_id: UUID,
    name: Typed = "",
    jurisdiction_code: Typed = "",
    roles: Roles = [],  # noqa: B006 - FastAPI copies the default
) -> Response:
    """Change an officer's name, roles or area."""
    try:
        with context.db.write() as session:
            service.change_officer(
                session, officer_id, name=name, roles=roles, jurisdiction_code=jurisdiction_code, by=admin
            )
    except Refusal as refusal:
        with context.db.read() as session:
            shown = queries.get_visible(session, admin, officer_id)
            choices = _choices(session, admin) | {"reset": resets.waiting_for(session, shown)}
        typed = {"name": name, "roles": roles, "jurisdiction_code": jurisdiction_code}
        return refused_form(
            request, "console/officer.html", refusal, password=None, shown=shown, typed=typed, **choices
        )
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


@router.post("/officers/{officer_id}/disable", dependencies=FRESH)
def disable(session: SessionDep, admin: AdminDep, officer_id: UUID) -> RedirectResponse:
    """Disable an account and end its sessions."""
    service.set_active(session, officer_id, active=False, by=admin)
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


@router.post("/officers/{officer_id}/enable", dependencies=FRESH)
def enable(session: SessionDep, admin: AdminDep, officer_id: UUID) -> RedirectResponse:
    """Let an account sign in again."""
    service.set_active(session, officer_id, active=True, by=admin)
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


@router.post("/officers/{officer_id}/password", dependencies=FRESH)
def reset_password(
    session: SessionDep, context: ContextDep, admin: AdminDep, officer_id: UUID
) -> RedirectResponse:
    """Give an officer a one-time password and show it on the next page, once."""
    password = service.reset_password(session, officer_id, by=admin)
    address = f"/console/officers/{officer_id}"
    answer = RedirectResponse(address, status_code=303)
    once.hand_over(context, answer, admin, address, password)
    return answer


@router.post("/officers/{officer_id}/sessions/end")
def end_sessions(session: SessionDep, admin: AdminDep, officer_id: UUID) -> RedirectResponse:
    """Sign an officer out everywhere."""
    shown = queries.get_visible(session, admin, officer_id)
    service.end_sessions(session, shown, officer_actor(admin.id))
    return RedirectResponse(f"/console/officers/{officer_id}", status_code=303)


def _choices(session: Session, admin: Officer) -> dict[str, Any]:
    return {"officer": admin, "areas": queries.areas_for(session, admin), "all_roles": list(Role)}


def _present(shown: Officer) -> dict[str, Any]:
    return {"name": shown.name, "roles": shown.roles, "jurisdiction_code": shown.jurisdiction_code}
