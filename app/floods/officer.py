"""Waves of tips, and what came in them."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.core.db import ReadSessionDep, SessionDep
from app.core.render import page
from app.floods import queries, service
from app.officers.access import Right
from app.officers.sessions import SupervisorDep

router = APIRouter()


@router.get("/floods")
def show(request: Request, session: ReadSessionDep, officer: SupervisorDep) -> HTMLResponse:
    """Show the waves of the officer's area."""
    return page(
        request,
        "console/floods.html",
        officer=officer,
        waves=queries.recent(session, officer),
        may_void=officer.may(Right.VOID_CHANNELS),
    )


@router.post("/floods/{flood_id}/seen")
def see(session: SessionDep, officer: SupervisorDep, flood_id: UUID) -> RedirectResponse:
    """Note that somebody looked at it."""
    service.see(session, officer, flood_id)
    return RedirectResponse("/console/floods", status_code=303)
