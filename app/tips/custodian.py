"""The custodian's pages: find a tip by its id, and open its contact on a written request."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.core.errors import Invalid, NotFound, Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers import once
from app.officers.sessions import FRESH, CustodianDep
from app.tips import contact, queries

router = APIRouter()

Typed = Annotated[str, Form(max_length=5000)]


@router.get("/contacts")
def find(
    request: Request,
    session: ReadSessionDep,
    custodian: CustodianDep,
    tip: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Find a tip of the custodian's area by its id."""
    try:
        found = queries.get_visible(session, custodian, _tip_id(tip)) if tip.strip() else None
    except (Invalid, NotFound) as refusal:
        refusal.field = "tip"
        return refused_form(request, "console/contacts.html", refusal, officer=custodian, tip=tip)
    if found is not None:
        return RedirectResponse(f"/console/contacts/{found.id}", status_code=303)
    return page(request, "console/contacts.html", errors={}, officer=custodian, tip="")


@router.get("/contacts/{tip_id}", dependencies=FRESH)
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, custodian: CustodianDep, tip_id: UUID
) -> HTMLResponse:
    """Show the request form; a contact opened a moment ago is shown this once."""
    tip = queries.get_visible(session, custodian, tip_id)
    opened = once.held(context, request, custodian)
    answer = page(
        request,
        "console/contact.html",
        errors={},
        officer=custodian,
        tip=tip,
        contact=opened,
        asked_by="",
        reason="",
    )
    if opened is not None:
        once.forget(context, request, answer)
    return answer


@router.post("/contacts/{tip_id}/open", dependencies=FRESH)
def open_contact(
    request: Request,
    context: ContextDep,
    custodian: CustodianDep,
    tip_id: UUID,
    asked_by: Typed = "",
    reason: Typed = "",
) -> Response:
    """Open a tip's contact; the audit row is durable before anybody sees it."""
    try:
        with context.db.write() as session:
            opened = contact.open_contact(
                session, context.keys, custodian, tip_id, asked_by=asked_by, reason=reason
            )
    except NotFound:
        raise
    except Refusal as refusal:
        with context.db.read() as session:
            tip = queries.get_visible(session, custodian, tip_id)
        return refused_form(
            request,
            "console/contact.html",
            refusal,
            officer=custodian,
            tip=tip,
            contact=None,
            asked_by=asked_by,
            reason=reason,
        )
    address = f"/console/contacts/{tip_id}"
    answer = RedirectResponse(address, status_code=303)
    once.hand_over(context, answer, custodian, address, opened)
    return answer


def _tip_id(typed: str) -> UUID:
    try:
        return UUID(typed.strip())
    except ValueError as error:
        raise Invalid("This is no tip id. Copy it from the tip's page.", field="tip") from error
