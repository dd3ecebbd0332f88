"""The console pages of imports: progress, summary, refused lines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.core.db import ReadSessionDep
from app.core.render import language_of, page, translate
from app.officers.sessions import ClerkDep
from app.records import queries

router = APIRouter()

PageNumber = Annotated[int, Query(alias="page", ge=1, le=100_000)]


@router.get("/records/imports")
def index(request: Request, session: ReadSessionDep, clerk: ClerkDep, number: PageNumber = 1) -> HTMLResponse:
    """List imports, the newest first."""
    return page(request, "console/imports.html", officer=clerk, found=queries.imports(session, number))


@router.get("/records/imports/{run_id}")
def show(
    request: Request, session: ReadSessionDep, clerk: ClerkDep, run_id: UUID, number: PageNumber = 1
) -> HTMLResponse:
    """Show how far an import is, what became of its lines, and why some were refused."""
    run, problems = queries.import_run(session, run_id, number)
    language = language_of(request)
    reasons = [(each, translate(language, each.message, **each.details)) for each in problems.items]
    return page(request, "console/import.html", officer=clerk, run=run, problems=problems, reasons=reasons)
