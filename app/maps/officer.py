"""The map of an officer's own area, and the track of a sighting."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.cases.models import CaseState
from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid
from app.core.render import language_of, page, translate
from app.maps import drawing, queries, service, track
from app.maps.queries import Kind, View
from app.officers.models import Officer, Role
from app.officers.sessions import TriageDep
from app.sightings import service as sightings
from app.tips.models import TipState

router = APIRouter()


@router.get("/map")
def show_map(
    request: Request,
    session: ReadSessionDep,
    log: SessionDep,
    context: ContextDep,
    officer: TriageDep,
    area: Annotated[str, Query(max_length=20)] = "",
    since: Annotated[str, Query(max_length=20)] = "",
    until: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[list[Kind], Query()] = [],  # noqa: B006 - FastAPI copies it.
    tip_state: TipState | Literal[""] = "",
    case_state: CaseState | Literal[""] = "",
) -> HTMLResponse:
    """Show what happened in an area; the view is in the audit log before the reply leaves."""
    zone, errors = context.settings.zone, {}
    today = queries.today(zone)
    try:
        span = queries.days(since, until, today)
    except Invalid as refusal:
        errors = {refusal.field: translate(language_of(request), refusal.message, **refusal.values)}
        span = queries.days("", "", today)
    shown = queries.get_area(session, officer, area)
    view = View(shown, *span, queries.kinds_for(officer, kind), tip_state or None, case_state or None)
    found = queries.items(session, officer, view, zone)
    below = queries.areas_below(session, shown)
    drawn = drawing.draw(shown, below, found.items)
    named = queries.areas_named(session, {item.area_code for item in found.items})
    answer = page(
        request,
        "console/map.html",
        status=Invalid.status if errors else 200,
        officer=officer,
        view=view,
        drawing=drawn,
        cut=found.cut,
        above=queries.area_above(session, officer, shown),
        named=named,
        closer=queries.next_below(shown, named.values()),
        kinds=queries.kinds_for(officer, []),
        tip_states=list(TipState),
        case_states=list(CaseState) if officer.has(Role.INVESTIGATOR, Role.SUPERVISOR) else [],
        today=today,
        oldest=queries.oldest_day(session, officer, zone),
        errors=errors,
        typed={"since": since, "until": until} if errors else {},
    )
    # Only now: a writer waits for nobody's drawing.
    service.viewed(log, officer, view, drawn)
    return answer


@router.get("/sightings/{sighting_id}")
def show_sighting(
    request: Request, session: ReadSessionDep, log: SessionDep, officer: TriageDep, sighting_id: UUID
) -> HTMLResponse:
    """Show the track of a sighting; the view is in the audit log before the reply leaves."""
    return _sighting_page(request, session, log, officer, sighting_id)


@router.post("/sightings/{sighting_id}/note")
def write_note(
    request: Request,
    reading: ReadSessionDep,
    session: SessionDep,
    officer: TriageDep,
    sighting_id: UUID,
    note: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Write what officers should know of a sighting."""
    try:
        sightings.write_note(session, officer, sighting_id, note)
    except Invalid as refusal:
        return _sighting_page(request, reading, session, officer, sighting_id, refusal, note)
    return RedirectResponse(f"/console/sightings/{sighting_id}", status_code=303)


def _sighting_page(
    request: Request,
    session: ReadSessionDep,
    log: SessionDep,
    officer: Officer,
    sighting_id: UUID,
    refusal: Invalid | None = None,
    note: str | None = None,
) -> HTMLResponse:
    found = track.track(session, officer, sighting_id)
    errors = (
        {refusal.field: translate(language_of(request), refusal.message, **refusal.values)} if refusal else {}
    )
    answer = page(
        request,
        "console/sighting.html",
        status=refusal.status if refusal else 200,
        officer=officer,
        track=found,
        note=found.sighting.note if note is None else note,
        width=drawing.WIDTH,
        height=drawing.HEIGHT,
        errors=errors,
    )
    sightings.viewed(log, officer, sighting_id, len(found.stops))
    return answer
