"""Writing, correcting and withdrawing bulletins."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.bulletins import desk, queries, service
from app.bulletins.desk import TypedDep
from app.core.columns import new_id
from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.core.errors import NotFound, Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.sessions import SupervisorDep

router = APIRouter()

FORM, ONE = "console/bulletin_form.html", "console/bulletin.html"


@router.get("/bulletins")
def index(
    request: Request,
    session: ReadSessionDep,
    officer: SupervisorDep,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List the bulletins of the officer's area."""
    found = queries.of_officer(session, officer, number)
    return page(request, "console/bulletins.html", officer=officer, found=found)


@router.get("/bulletins/new")
def new(request: Request, session: ReadSessionDep, officer: SupervisorDep) -> HTMLResponse:
    """Show the empty form."""
    typed = desk.Typed(str(new_id()), officer.jurisdiction_code, {}, "")
    return page(
        request, FORM, errors={}, officer=officer, typed=typed, areas=queries.areas_of(session, officer)
    )


@router.post("/bulletins")
def write(request: Request, context: ContextDep, officer: SupervisorDep, typed: TypedDep) -> Response:
    """Show how a bulletin will look, go back to the form, or publish it."""
    try:
        draft = typed.draft()
        if typed.step == desk.Step.PUBLISH:
            with context.db.write() as session:
                bulletin = service.publish(session, officer, draft)
            return RedirectResponse(f"/console/bulletins/{bulletin.id}", status_code=303)
        with context.db.read() as session:
            areas = queries.areas_of(session, officer)
            if typed.step == desk.Step.PREVIEW:
                shown = desk.preview(session, officer, draft)
                return page(
                    request, "console/bulletin_preview.html", officer=officer, typed=typed, shown=shown
                )
    except NotFound:
        raise
    except Refusal as refusal:
        with context.db.read() as session:
            areas = queries.areas_of(session, officer)
        return refused_form(request, FORM, refusal, officer=officer, typed=typed, areas=areas)
    return page(request, FORM, errors={}, officer=officer, typed=typed, areas=areas)


@router.get("/bulletins/{bulletin_id}")
def show(
    request: Request, session: ReadSessionDep, officer: SupervisorDep, bulletin_id: UUID
) -> HTMLResponse:
    """Show one bulletin with who wrote it."""
    return page(request, ONE, errors={}, reason="", officer=officer, **_one(session, officer, bulletin_id))


@router.get("/bulletins/{bulletin_id}/correct")
def correct(
    request: Request, session: ReadSessionDep, officer: SupervisorDep, bulletin_id: UUID
) -> HTMLResponse:
    """Show the form with what is to be corrected."""
    shown = queries.get_visible(session, officer, bulletin_id)
    return page(
        request,
        FORM,
        errors={},
        officer=officer,
        typed=desk.correction_of(shown),
        areas=queries.areas_of(session, officer),
    )


@router.post("/bulletins/{bulletin_id}/withdraw")
def withdraw(
    request: Request,
    context: ContextDep,
    officer: SupervisorDep,
    bulletin_id: UUID,
    reason: Annotated[str, Form(max_length=5_000)] = "",
) -> Response:
    """Withdraw a bulletin."""
    try:
        with context.db.write() as session:
            service.withdraw(session, officer, bulletin_id, reason)
    except NotFound:
        raise
    except Refusal as refusal:
        with context.db.read() as session:
            one = _one(session, officer, bulletin_id)
        return refused_form(request, ONE, refusal, officer=officer, reason=reason, **one)
    return RedirectResponse(f"/console/bulletins/{bulletin_id}", status_code=303)


def _one(session: ReadSessionDep, officer: SupervisorDep, bulletin_id: UUID) -> dict[str, Any]:
    shown = queries.get_visible(session, officer, bulletin_id)
    return {"shown": shown, "writer": queries.writer_of(session, shown.bulletin)}
