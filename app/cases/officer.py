"""The page of a case, and its steps."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.cases import closing, identity, list_officer, more_officer, service, tasks
from app.cases.models import IdentityEvidence, Outcome
from app.cases.steps import PAGE, Typed, step, values
from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.render import page
from app.officers.sessions import InvestigatorDep, SupervisorDep

router = APIRouter()


@router.post("/leads/{lead_id}/case")
def open_case(
    session: SessionDep, context: ContextDep, officer: InvestigatorDep, lead_id: UUID
) -> RedirectResponse:
    """Open a case on a lead."""
    case = service.open_case(session, officer, lead_id, context.settings.zone)
    return RedirectResponse(f"/console/cases/{case.id}", status_code=303)


@router.get("/cases/{case_id}")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, officer: InvestigatorDep, case_id: UUID
) -> HTMLResponse:
    """Show one case."""
    return page(request, PAGE, errors={}, typed={}, **values(session, context, officer, case_id))


@router.post("/cases/{case_id}/tips")
def link_copies(session: SessionDep, officer: InvestigatorDep, case_id: UUID) -> RedirectResponse:
    """Take tips with the same picture that came since into the case."""
    service.link_copies(session, officer, case_id)
    return RedirectResponse(f"/console/cases/{case_id}#tips", status_code=303)


@router.post("/cases/{case_id}/notes")
def add_note(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, note: Typed = ""
) -> Response:
    """Write a note into the timeline."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: service.add_note(session, officer, case_id, note),
        note=note,
    )


@router.post("/cases/{case_id}/tasks")
def add_task(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    title: Typed = "",
    assignee: Annotated[UUID | None, Form()] = None,
    due: Annotated[str, Form(max_length=40)] = "",
    due_time: Annotated[str, Form(max_length=10)] = "",
    instructions: Typed = "",
) -> Response:
    """Give a task."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: tasks.add(
            session,
            officer,
            case_id,
            title=title,
            assignee_id=assignee,
            due_at=tasks.due_moment(due, due_time, context.settings.zone),
            instructions=instructions,
        ),
        title=title,
        assignee=str(assignee or ""),
        due=due,
        due_time=due_time,
        instructions=instructions,
    )


@router.post("/cases/{case_id}/tasks/{task_id}/done")
def finish_task(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    task_id: UUID,
    result: Typed = "",
) -> Response:
    """Record that a task is done."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: tasks.finish(session, officer, case_id, task_id, result),
        task=str(task_id),
        result=result,
    )


@router.post("/cases/{case_id}/field-check")
def verify_in_field(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, finding: Typed = ""
) -> Response:
    """Record what was found on the spot."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: service.verify_in_field(session, officer, case_id, finding),
        finding=finding,
    )


@router.post("/cases/{case_id}/identity")
def confirm_identity(
    request: Request,
    context: ContextDep,
    supervisor: SupervisorDep,
    case_id: UUID,
    evidence: Annotated[IdentityEvidence | None, Form()] = None,
    reference: Typed = "",
) -> Response:
    """Confirm the identity by a laboratory report or a document."""
    return step(
        request,
        context,
        supervisor,
        case_id,
        lambda session: identity.confirm(session, supervisor, case_id, evidence, reference),
        evidence=evidence or "",
        reference=reference,
    )


@router.post("/cases/{case_id}/identity/refute")
def refute_identity(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, refutation: Typed = ""
) -> Response:
    """Record that the child is somebody else."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: identity.refute(session, officer, case_id, refutation),
        refutation=refutation,
    )


@router.post("/cases/{case_id}/family-contact")
def contact_family(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, contact: Typed = ""
) -> Response:
    """Record that the family was contacted."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: identity.contact_family(session, officer, case_id, contact),
        contact=contact,
    )


@router.post("/cases/{case_id}/outcome")
def record_outcome(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    outcome: Annotated[Outcome | None, Form()] = None,
    account: Typed = "",
) -> Response:
    """Record what happened to the child."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: service.record_outcome(session, officer, case_id, outcome, account),
        outcome=outcome or "",
        account=account,
    )


@router.post("/cases/{case_id}/close")
def close(request: Request, context: ContextDep, supervisor: SupervisorDep, case_id: UUID) -> Response:
    """Close the case; every tip in it gets its answer."""
    return step(
        request,
        context,
        supervisor,
        case_id,
        lambda session: closing.close(session, supervisor, case_id),
    )


@router.post("/cases/{case_id}/reopen")
def reopen(
    request: Request, context: ContextDep, supervisor: SupervisorDep, case_id: UUID, motive: Typed = ""
) -> Response:
    """Open a closed case again."""
    return step(
        request,
        context,
        supervisor,
        case_id,
        lambda session: closing.reopen(session, supervisor, case_id, motive),
        motive=motive,
    )


router.include_router(list_officer.router)
router.include_router(more_officer.router)
