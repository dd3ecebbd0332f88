"""The console's page of workers and queue."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.audit.service import officer_actor
from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.pressure import measure
from app.core.render import page
from app.officers.sessions import QueueKeeperDep
from app.workload import queries, service

router = APIRouter()


@router.get("/workers")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, officer: QueueKeeperDep
) -> HTMLResponse:
    """Show which workers there are, what waits for them, and what was set aside."""
    return page(
        request,
        "console/workers.html",
        officer=officer,
        found=queries.workload(session),
        busy=measure(session, context.settings).is_high(context.settings),
    )


@router.post("/workers/jobs/retry")
def retry_all(session: SessionDep, officer: QueueKeeperDep) -> RedirectResponse:
    """Have everything that was set aside tried again."""
    service.try_all_again(session, officer_actor(officer.id))
    return RedirectResponse("/console/workers", status_code=303)


@router.post("/workers/jobs/{job_id}/retry")
def retry(session: SessionDep, officer: QueueKeeperDep, job_id: UUID) -> RedirectResponse:
    """Have one job tried again."""
    service.try_again(session, officer_actor(officer.id), job_id)
    return RedirectResponse("/console/workers", status_code=303)
