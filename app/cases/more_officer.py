"""The case pages' rarer steps: referrals, removal, merge and split, tasks and leads that are given up."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.cases import dismissal, linking, merging, referring, removal, splitting, tasks
from app.cases.steps import Typed, step
from app.core.context import ContextDep
from app.core.db import SessionDep
from app.officers.sessions import InvestigatorDep, SupervisorDep
from app.referrals.models import Agency

router = APIRouter()


@router.post("/cases/{case_id}/referrals")
def refer(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    agency: Annotated[Agency | None, Form()] = None,
    office: Typed = "",
    referral_request: Typed = "",
) -> Response:
    """Hand work of the case to another agency."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: referring.send(session, officer, case_id, agency, office, referral_request),
        agency=agency or "",
        office=office,
        referral_request=referral_request,
    )


@router.post("/cases/{case_id}/removal")
def remove_child(
    request: Request, context: ContextDep, supervisor: SupervisorDep, case_id: UUID, removal_text: Typed = ""
) -> Response:
    """Record that the child was taken away."""
    return step(
        request,
        context,
        supervisor,
        case_id,
        lambda session: removal.record(session, supervisor, case_id, removal_text),
        removal=removal_text,
    )


@router.post("/cases/{case_id}/merge")
def merge(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    into: Typed = "",
    merge_motive: Typed = "",
) -> Response:
    """Take the case into another one."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: merging.merge(session, officer, case_id, into, merge_motive),
        into=into,
        merge_motive=merge_motive,
    )


@router.post("/cases/{case_id}/merge/undo")
def undo_merge(request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID) -> Response:
    """Make a merged case stand for itself again."""
    return step(request, context, officer, case_id, lambda session: merging.undo(session, officer, case_id))


@router.post("/cases/{case_id}/tips/link")
def link_tip(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    tip: Typed = "",
    link_reason: Typed = "",
) -> Response:
    """Take another open tip into the case."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: linking.link(session, officer, case_id, tip, link_reason),
        tip=tip,
        link_reason=link_reason,
    )


@router.post("/cases/{case_id}/tips/{tip_id}/unlink")
def unlink_tip(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    tip_id: UUID,
    unlink_reason: Typed = "",
) -> Response:
    """Take a tip that was linked by hand out of the case."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: linking.unlink(session, officer, case_id, tip_id, unlink_reason),
        unlink_tip=str(tip_id),
        unlink_reason=unlink_reason,
    )


@router.post("/cases/{case_id}/tips/{tip_id}/split")
def split(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    tip_id: UUID,
    split_motive: Typed = "",
) -> Response:
    """Take a tip out of the case into a lead of its own."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: splitting.split(session, officer, case_id, tip_id, split_motive),
        split_tip=str(tip_id),
        split_motive=split_motive,
    )


@router.post("/cases/{case_id}/tasks/{task_id}/cancel")
def cancel_task(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, task_id: UUID
) -> Response:
    """Cancel a task that is not needed any more."""
    return step(
        request, context, officer, case_id, lambda session: tasks.cancel(session, officer, case_id, task_id)
    )


@router.post("/leads/{lead_id}/dismiss")
def dismiss_lead(
    session: SessionDep, supervisor: SupervisorDep, lead_id: UUID, dismissal_reason: Typed = ""
) -> RedirectResponse:
    """Give up a lead without a case."""
    dismissal.dismiss(session, supervisor, lead_id, dismissal_reason)
    return RedirectResponse("/console/cases", status_code=303)


@router.post("/leads/{lead_id}/take-up")
def take_up_lead(session: SessionDep, supervisor: SupervisorDep, lead_id: UUID) -> RedirectResponse:
    """Take a lead up again that was given up."""
    dismissal.take_up_again(session, supervisor, lead_id)
    return RedirectResponse("/console/cases", status_code=303)
