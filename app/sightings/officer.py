"""Sightings: suggestions to decide, and steps to undo. The page of one sighting is drawn with the maps."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.core.db import ReadSessionDep, SessionDep
from app.core.render import page
from app.officers.sessions import TriageDep
from app.sightings import pairs, queries, service
from app.sightings.service import Declined

router = APIRouter()

PageNumber = Annotated[int, Query(alias="page", ge=1, le=100_000)]


@router.get("/sightings")
def show_suggestions(
    request: Request,
    session: ReadSessionDep,
    officer: TriageDep,
    number: PageNumber = 1,
    standing: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show the suggestions that wait, what the officer decided last, and the sightings that stand."""
    waiting = queries.waiting(session, officer, number)
    made = queries.standing(session, officer, standing)
    return page(
        request,
        "console/sightings.html",
        officer=officer,
        waiting=waiting,
        pairs=pairs.shown(session, waiting.items),
        decided=pairs.shown(session, queries.decided_by(session, officer)),
        made=made,
        lines=pairs.lines(session, officer, made.items),
    )


@router.post("/sightings/suggestions/{suggestion_id}/same")
def confirm(session: SessionDep, officer: TriageDep, suggestion_id: UUID) -> RedirectResponse:
    """Say that two faces are the same child."""
    service.confirm(session, officer, suggestion_id)
    return _to("/console/sightings")


@router.post("/sightings/suggestions/{suggestion_id}/decline")
def decline(
    session: SessionDep, officer: TriageDep, suggestion_id: UUID, why: Annotated[Declined, Form()]
) -> RedirectResponse:
    """Say that two faces are not the same child, or that it cannot be told."""
    service.decline(session, officer, suggestion_id, why)
    return _to("/console/sightings")


@router.post("/sightings/suggestions/{suggestion_id}/undo")
def undo(session: SessionDep, officer: TriageDep, suggestion_id: UUID) -> RedirectResponse:
    """Take a decision back."""
    service.undo(session, officer, suggestion_id)
    return _to("/console/sightings")


@router.post("/sightings/{sighting_id}/faces/{face_id}/out")
def take_out(session: SessionDep, officer: TriageDep, sighting_id: UUID, face_id: UUID) -> RedirectResponse:
    """Take a face out of a sighting."""
    service.take_out(session, officer, sighting_id, face_id)
    return _to(f"/console/sightings/{sighting_id}")


@router.post("/sightings/{sighting_id}/faces/{face_id}/back")
def put_back(session: SessionDep, officer: TriageDep, sighting_id: UUID, face_id: UUID) -> RedirectResponse:
    """Put a face back into a sighting."""
    service.put_back(session, officer, sighting_id, face_id)
    return _to(f"/console/sightings/{sighting_id}")


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
