"""Referrals to other agencies: the list, one of them, and what the agency answered."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep
from app.core.errors import NotFound, Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.models import Officer
from app.officers.sessions import TriageDep
from app.referrals import queries, service
from app.referrals.models import REFERRAL_MOVES, Agency, ReferralOutcome, ReferralState

router = APIRouter()

PAGE = "console/referral.html"
Typed = Annotated[str, Form(max_length=20_000)]


@router.get("/referrals")
def index(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: TriageDep,
    state: ReferralState | None = None,
    agency: Agency | None = None,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List referrals, the overdue ones first."""
    found = queries.search(session, officer, state, agency, number)
    return page(
        request,
        "console/referrals.html",
        officer=officer,
        found=found,
        lines=queries.lines(session, context.settings, found.items),
        state=state,
        agency=agency,
        states=ReferralState,
        agencies=Agency,
    )


@router.get("/referrals/{referral_id}")
def show(
    request: Request, session: ReadSessionDep, context: ContextDep, officer: TriageDep, referral_id: UUID
) -> HTMLResponse:
    """Show one referral with all its steps."""
    return page(
        request, PAGE, errors={}, typed={}, officer=officer, **_shown(session, context, officer, referral_id)
    )


@router.post("/referrals/{referral_id}/answer")
def answer(
    request: Request,
    context: ContextDep,
    officer: TriageDep,
    referral_id: UUID,
    state: Annotated[ReferralState | None, Form()] = None,
    outcome: Annotated[ReferralOutcome | None, Form()] = None,
    informant: Typed = "",
    text: Typed = "",
) -> Response:
    """Record what the agency answered."""
    try:
        with context.db.write() as session:
            service.answer(
                session, officer, referral_id, state, informant=informant, text=text, outcome=outcome
            )
    except NotFound:
        raise
    except Refusal as refusal:
        typed = {"state": state or "", "outcome": outcome or "", "informant": informant, "text": text}
        with context.db.read() as session:
            shown = _shown(session, context, officer, referral_id)
        return refused_form(request, PAGE, refusal, typed=typed, officer=officer, **shown)
    return RedirectResponse(f"/console/referrals/{referral_id}", status_code=303)


def _shown(session: ReadSessionDep, context: Context, officer: Officer, referral_id: UUID) -> dict[str, Any]:
    referral = queries.get_visible(session, officer, referral_id)
    events = queries.events_of(session, [referral.id])[referral.id]
    return {
        "line": queries.lines(session, context.settings, [referral])[0],
        "events": events,
        "people": queries.people(session, events),
        "moves": [state for state in ReferralState if state in REFERRAL_MOVES[referral.state]],
        "outcomes": ReferralOutcome,
    }
