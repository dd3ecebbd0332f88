"""What has expired, what the last nights erased, and a night that asks first."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.render import page
from app.officers.access import Right
from app.officers.sessions import FRESH, RetentionDep, RetentionReaderDep, may
from app.retention import queries, service

router = APIRouter()


@router.get("/retention")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, officer: RetentionReaderDep
) -> HTMLResponse:
    """Show what is due tonight and how the last nights ended."""
    return page(
        request,
        "console/retention.html",
        officer=officer,
        due=queries.preview(context),
        runs=queries.recent(session),
        may_release=may(officer, Right.RELEASE_RETENTION),
    )


@router.post("/retention/{run_id}/release", dependencies=FRESH)
def release(session: SessionDep, officer: RetentionDep, run_id: UUID) -> RedirectResponse:
    """Let a refused run go on."""
    service.release(session, officer, run_id)
    return RedirectResponse("/console/retention", status_code=303)
