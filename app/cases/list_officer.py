"""The lists: leads that wait, cases, and the tasks of all of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.cases import lists, page_queries, queries
from app.cases.lists import CaseFilters
from app.cases.models import CaseState
from app.core.clock import now
from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.core.render import page
from app.officers import queries as officer_queries
from app.officers.sessions import InvestigatorDep

router = APIRouter()

PageNumber = Annotated[int, Query(ge=1, le=100_000)]
NamedPage = Annotated[int, Query(alias="page", ge=1, le=100_000)]
Code = Annotated[str, Query(max_length=20)]


@router.get("/cases")
def index(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: InvestigatorDep,
    state: CaseState | None = None,
    area: Code = "",
    case_number: Annotated[str, Query(alias="number", max_length=60)] = "",
    mine: bool = False,
    overdue: bool = False,
    page_number: NamedPage = 1,
    waiting: PageNumber = 1,
) -> HTMLResponse:
    """List leads that wait for a case, and cases by state and other filters."""
    filters = CaseFilters(state, area, case_number.strip(), mine=mine, overdue=overdue)
    leads = queries.waiting_leads(session, officer, waiting)
    found = lists.cases(session, officer, filters, page_number)
    ids = [case.id for case in found.items]
    return page(
        request,
        "console/cases.html",
        officer=officer,
        leads=leads,
        lead_lines=page_queries.lead_lines(session, officer, leads.items),
        lead_clocks=lists.lead_clocks(leads.items, context.settings),
        found=found,
        case_lines=page_queries.case_lines(session, officer, found.items),
        overdue_tasks=lists.overdue_tasks(session, ids),
        resting=lists.resting_among(session, ids),
        counts=lists.counts(session, officer, filters),
        dismissed=page_queries.dismissed_lines(session, officer),
        areas=officer_queries.areas_for(session, officer),
        filters=filters,
    )


@router.get("/tasks")
def show_tasks(
    request: Request,
    session: ReadSessionDep,
    officer: InvestigatorDep,
    everybody: bool = False,
    overdue: bool = False,
    page_number: NamedPage = 1,
) -> HTMLResponse:
    """List the officer's open tasks, or everybody's in the area."""
    found = lists.tasks(session, officer, page_number, mine=not everybody, overdue=overdue)
    return page(
        request,
        "console/case_tasks.html",
        officer=officer,
        found=found,
        cases=lists.cases_by_id(session, officer, [task.case_id for task in found.items]),
        people=queries.officers_named(
            session, {task.assignee_id for task in found.items if task.assignee_id}
        ),
        moment=now(),
        everybody=everybody,
        overdue=overdue,
        query={name: "true" for name, on in (("everybody", everybody), ("overdue", overdue)) if on},
    )
