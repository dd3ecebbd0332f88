"""The supervisor's page: clocks, load, what is late or undelivered, each with the way to act."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.core.render import page
from app.jurisdictions import queries as areas
from app.officers.sessions import SupervisorDep
from app.oversight import queries, summary
from app.oversight.queries import Concern, Wish
from app.tips.clocks import ClockKind

router = APIRouter()

Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]


@router.get("/oversight")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, officer: SupervisorDep, number: Number = 1
) -> HTMLResponse:
    """Show the numbers of the officer's area."""
    found, load = summary.load(session, officer, number)
    return page(
        request,
        "console/oversight.html",
        officer=officer,
        shown=summary.of_area(session, officer, context.settings),
        found=found,
        load=load,
        kinds=list(ClockKind),
        most=queries.MOST,
        days=summary.DISAGREEMENT_DAYS,
    )


@router.get("/oversight/{concern}")
def show_list(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: SupervisorDep,
    concern: Concern,
    area: Annotated[str | None, Query(max_length=40)] = None,
    clock: ClockKind | None = None,
    *,
    late: bool = False,
    escalated: bool = False,
    assignee: UUID | None = None,
    number: Number = 1,
) -> HTMLResponse:
    """Show one of the lists that the numbers count."""
    wish = Wish(area or None, clock, late, escalated, assignee)
    items = queries.lines(session, officer, context.settings, concern, wish)
    found = queries.paged(items, number)
    query = {
        "area": area,
        "clock": clock,
        "late": "true" if late else None,
        "escalated": "true" if escalated else None,
        "assignee": assignee,
    }
    return page(
        request,
        "console/oversight_list.html",
        officer=officer,
        concern=concern,
        wish=wish,
        found=found,
        most=queries.MOST,
        query={name: str(value) for name, value in query.items() if value is not None},
        areas={line.area: areas.get(session, line.area or "") for line in found.items},
    )
