"""What citizens read about how long what is kept."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.core.context import ContextDep
from app.core.render import page
from app.retention.classes import CLASSES

router = APIRouter()


@router.get("/kept")
def show(request: Request, context: ContextDep) -> HTMLResponse:
    """Show the table that the nightly job goes by."""
    rows = [(each, each.days(context.settings)) for each in CLASSES if each.personal]
    return page(request, "citizen/kept.html", rows=rows)
