"""Asking for a sealed original, allowing it, and opening it once."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Conflict, Invalid
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.sessions import FreshDep, InvestigatorDep, SupervisorDep
from app.photos import originals

router = APIRouter()

Typed = Annotated[str, Form(max_length=5000)]
DOWNLOAD = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Decision(StrEnum):
    """What a second person says."""

    ALLOW = "allow"
    REFUSE = "refuse"


@router.get("/originals")
def show_all(request: Request, session: ReadSessionDep, officer: InvestigatorDep) -> HTMLResponse:
    """List the wishes of the last weeks: one's own, and those one may decide."""
    wishes = originals.recent(session, officer)
    return page(request, "console/originals.html", officer=officer, wishes=wishes)


@router.get("/originals/ask/{photo_id}")
def form(request: Request, session: ReadSessionDep, officer: InvestigatorDep, photo_id: UUID) -> HTMLResponse:
    """Show the form in which an original is asked for."""
    photo = originals.photo_of(session, officer, photo_id)
    return page(request, "console/original_form.html", officer=officer, photo=photo, reason="", errors={})


@router.post("/originals/ask/{photo_id}")
def ask(
    request: Request, context: ContextDep, officer: InvestigatorDep, photo_id: UUID, reason: Typed = ""
) -> Response:
    """Ask for an original."""
    try:
        with context.db.write() as session:
            made = originals.ask(session, context.keys, officer, photo_id, reason)
    except (Invalid, Conflict) as refusal:
        with context.db.read() as session:
            photo = originals.photo_of(session, officer, photo_id)
        return refused_form(
            request, "console/original_form.html", refusal, officer=officer, photo=photo, reason=reason
        )
    return RedirectResponse(f"/console/originals/{made.id}", status_code=303)


@router.get("/originals/{request_id}")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, officer: InvestigatorDep, request_id: UUID
) -> HTMLResponse:
    """Show a wish to its asker and to those who decide."""
    wish = originals.get(session, officer, request_id)
    reason = originals.reason_of(context.keys, wish)
    return page(request, "console/original.html", officer=officer, wish=wish, reason=reason)


@router.post("/originals/{request_id}/decide")
def decide(
    session: SessionDep,
    officer: SupervisorDep,
    _: FreshDep,
    request_id: UUID,
    decision: Annotated[Decision, Form()],
) -> Response:
    """Allow or refuse a wish."""
    originals.decide(session, officer, request_id, allowed=decision == Decision.ALLOW)
    return RedirectResponse(f"/console/originals/{request_id}", status_code=303)


@router.post("/originals/{request_id}/open")
def open_original(context: ContextDep, officer: InvestigatorDep, _: FreshDep, request_id: UUID) -> Response:
    """Send the original, to be saved and never shown by the browser."""
    photo, data = originals.opened(context, officer, request_id)
    named = {"Content-Disposition": f'attachment; filename="{photo.sha256[:16]}.bin"'}
    return Response(data, media_type="application/octet-stream", headers=DOWNLOAD | named)
