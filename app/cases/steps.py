"""One step of a case as a form sends it: done, or refused with the page and what was typed."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from app.cases import attachments, page_queries
from app.cases.models import Outcome
from app.core.context import Context
from app.core.db import ReadSessionDep
from app.core.errors import NotFound, Refusal
from app.core.web.forms import refused_form
from app.officers.models import Officer
from app.referrals import queries as referrals
from app.referrals.models import Agency
from app.sightings import pairs

PAGE = "console/case.html"
Typed = Annotated[str, Form(max_length=20_000)]


def step(
    request: Request,
    context: Context,
    officer: Officer,
    case_id: UUID,
    do: Callable[..., object],
    **typed: str,
) -> Response:
    """Do one step and go back to the case; a refused one shows the page with what was typed.

    Args:
        request: the request.
        context: the deployment.
        officer: who does it.
        case_id: the case.
        do: the step; it gets a writing session.
        typed: what the form held, by field.

    Raises:
        NotFound: no such case in the officer's area.
    """
    try:
        with context.db.write() as session:
            do(session)
    except NotFound:
        raise
    except Refusal as refusal:
        return refused(request, context, officer, case_id, refusal, **typed)
    return RedirectResponse(f"/console/cases/{case_id}", status_code=303)


def refused(
    request: Request, context: Context, officer: Officer, case_id: UUID, refusal: Refusal, **typed: str
) -> Response:
    """The case's page with why a step was refused, and what was typed."""
    with context.db.read() as session:
        shown = values(session, context, officer, case_id)
    return refused_form(request, PAGE, refusal, typed=typed, **shown)


def values(session: ReadSessionDep, context: Context, officer: Officer, case_id: UUID) -> dict[str, Any]:
    """What the case's page shows."""
    shown = page_queries.case_page(session, officer, case_id)
    return {
        "officer": officer,
        "shown": shown,
        "outcomes": Outcome,
        "agencies": Agency,
        "sightings": pairs.of_tips(session, officer, [item.tip.id for item in shown.tips]),
        "attached": [
            row for case in (shown.case, *shown.resting) for row in attachments.of_case(session, case.id)
        ],
        "taken_out": attachments.of_case(session, case_id, taken_out=True),
        "resting_numbers": {case.id: case.number for case in shown.resting},
        "referral_lines": referrals.lines(session, context.settings, referrals.of_case(session, case_id)),
    }
