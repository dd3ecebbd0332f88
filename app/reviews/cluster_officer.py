"""A picture and all its copies: merge, take apart, take either back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid, NotFound
from app.core.render import language_of, page, translate
from app.officers.sessions import TriageDep
from app.photos import moving
from app.reviews import cluster_members, cluster_queries, clusters, same_answer, triage_queries

router = APIRouter()

SHOWN_AT_A_TIME = 24
"""Copies on one page: each is a picture to fetch, and a row in the audit log."""


@router.get("/clusters/{cluster_id}")
def show(
    request: Request,
    session: ReadSessionDep,
    officer: TriageDep,
    cluster_id: UUID,
    tip: Annotated[str, Query(max_length=300)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show all copies of a picture that the officer may see."""
    members = cluster_members.members(session, officer, cluster_id)
    shown = cluster_members.part(members, number, SHOWN_AT_A_TIME)
    suggested = cluster_members.suggestions(session, officer, cluster_id)
    photos = [member.photo for member in shown.items]
    to_add, errors = [], {}
    try:
        to_add = cluster_members.photos_to_add(session, officer, cluster_id, tip) if tip else []
    except Invalid as refusal:
        errors = {"tip": translate(language_of(request), refusal.message)}
    return page(
        request,
        "console/cluster.html",
        officer=officer,
        cluster_id=cluster_id,
        shown=shown,
        facts=cluster_members.facts_of(members),
        elsewhere=cluster_members.elsewhere(session, officer, cluster_id),
        links=cluster_queries.explained(session, officer, photos),
        steps=moving.last_steps(
            session, [photo.id for photo in photos] + [each.photo.id for each in suggested]
        ),
        suggested=suggested,
        number=tip,
        to_add=to_add,
        errors=errors,
    )


@router.post("/clusters/{cluster_id}/photos")
def add(
    session: SessionDep, officer: TriageDep, cluster_id: UUID, photo_id: Annotated[UUID, Form()]
) -> RedirectResponse:
    """Put a photo with the others."""
    clusters.add(session, officer, cluster_id, photo_id)
    return _to(f"/console/clusters/{cluster_id}")


@router.post("/clusters/{cluster_id}/photos/{photo_id}/separate")
def separate(session: SessionDep, officer: TriageDep, cluster_id: UUID, photo_id: UUID) -> RedirectResponse:
    """Take a photo out."""
    if clusters.visible_photo(session, officer, photo_id).cluster_id != cluster_id:
        raise NotFound
    clusters.separate(session, officer, photo_id)
    left = cluster_members.is_there(session, officer, cluster_id)
    where = cluster_id if left else clusters.visible_photo(session, officer, photo_id).cluster_id
    return _to(f"/console/clusters/{where}")


@router.post("/clusters/{cluster_id}/photos/{photo_id}/take-back")
def take_back(session: SessionDep, officer: TriageDep, cluster_id: UUID, photo_id: UUID) -> RedirectResponse:
    """Take back the last step by hand of a photo."""
    step = clusters.take_back(session, officer, photo_id)
    left = cluster_members.is_there(session, officer, cluster_id)
    return _to(f"/console/clusters/{cluster_id if left else step.was}")


@router.post("/tips/{tip_id}/photos/{photo_id}/separate")
def separate_from_tip(
    session: SessionDep, officer: TriageDep, tip_id: UUID, photo_id: UUID
) -> RedirectResponse:
    """Take a tip's photo out of its cluster."""
    triage_queries.check_photo(session, officer, tip_id, photo_id)
    clusters.separate(session, officer, photo_id)
    return _to(f"/console/tips/{tip_id}#photos")


@router.post("/tips/{tip_id}/photos/{photo_id}/take-back")
def take_back_from_tip(
    session: SessionDep, officer: TriageDep, tip_id: UUID, photo_id: UUID
) -> RedirectResponse:
    """Take back the last step by hand of a tip's photo."""
    triage_queries.check_photo(session, officer, tip_id, photo_id)
    clusters.take_back(session, officer, photo_id)
    return _to(f"/console/tips/{tip_id}#photos")


@router.post("/tips/{tip_id}/photos/{photo_id}/together/{other_id}")
def put_together(
    session: SessionDep, officer: TriageDep, tip_id: UUID, photo_id: UUID, other_id: UUID
) -> RedirectResponse:
    """Put a tip's photo into the cluster of another."""
    triage_queries.check_photo(session, officer, tip_id, photo_id)
    clusters.put_together(session, officer, photo_id, other_id)
    return _to(f"/console/tips/{tip_id}#photos")


@router.post("/tips/{tip_id}/same-answer")
def give_same_answer(
    session: SessionDep,
    officer: TriageDep,
    tip_id: UUID,
    as_tip: Annotated[UUID, Form()],
    reason: Annotated[str, Form(max_length=20_000)] = "",
) -> RedirectResponse:
    """Close a repost with the answer that was given on its picture."""
    same_answer.give(session, officer, tip_id, as_tip, reason)
    return _to(f"/console/triage?done={tip_id}")


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
