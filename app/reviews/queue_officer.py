"""The review queue: filters, claims, skips, saved views, live updates."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Header, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid
from app.core.render import language_of, page, translate
from app.core.settings import Settings
from app.jurisdictions import queries as areas
from app.officers.models import Officer
from app.officers.sessions import ReviewerDep
from app.reviews import claims, queries, queue_page, saved_views
from app.reviews.queue_filters import Filters, read, read_query

router = APIRouter()

LIST = "reviews"
"""The queue's name among the lists that views are kept of: the last part of its path."""
Text = Annotated[str, Form(max_length=20_000)]
Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]


def _filters(request: Request) -> Filters:
    return read(request.query_params)


def _sent_filters(query: Annotated[str, Form(max_length=400)] = "") -> Filters:
    return read_query(query)


FiltersDep = Annotated[Filters, Depends(_filters)]
SentFiltersDep = Annotated[Filters, Depends(_sent_filters)]


@router.get("/reviews")
def show_queue(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: ReviewerDep,
    filters: FiltersDep,
    number: Number = 1,
) -> HTMLResponse:
    """Show what waits for this officer."""
    return _page(request, session, context.settings, officer, filters, number)


@router.get("/reviews/live")
def show_changes(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: ReviewerDep,
    filters: FiltersDep,
    number: Number = 1,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """The list alone, for a page that is open already; 304 while it says what it said.

    The tag is made of the list's own bytes: it changes when a reader could see a change, and never else.
    """
    fragment = _list(request, session, context.settings, officer, filters, number)
    tag = _tag(fragment)
    if tag in {part.strip() for part in if_none_match.split(",")}:
        return Response(status_code=304, headers={"ETag": tag})
    fragment.headers["ETag"] = tag
    return fragment


@router.post("/reviews/next")
def claim_next(
    session: SessionDep, context: ContextDep, officer: ReviewerDep, filters: SentFiltersDep
) -> RedirectResponse:
    """Claim the first candidate of the list and open it."""
    review = claims.claim_next(session, officer, context.settings, filters)
    return _to(f"/console/reviews/{review.id}" if review else "/console/reviews")


@router.post("/reviews/claim/{candidate_id}")
def claim(
    session: SessionDep, context: ContextDep, officer: ReviewerDep, candidate_id: UUID
) -> RedirectResponse:
    """Claim one candidate and open it."""
    review = claims.claim(session, officer, candidate_id, context.settings.review_lease_minutes)
    return _to(f"/console/reviews/{review.id}")


@router.post("/reviews/{review_id}/heartbeat")
def keep(session: SessionDep, context: ContextDep, officer: ReviewerDep, review_id: UUID) -> Response:
    """Say that a review's page is still open; to be sent a few times in each lease, without a body.

    204: held on. 409: handed back, returned because the lease ran out, or settled by others; what was typed
    can be sent all the same as long as nobody took over. 404: the tip is another area's now.
    """
    claims.keep(session, officer, review_id, context.settings.review_lease_minutes)
    return Response(status_code=204)


@router.post("/reviews/{review_id}/release")
def release(session: SessionDep, officer: ReviewerDep, review_id: UUID) -> RedirectResponse:
    """Hand a candidate back."""
    claims.release(session, officer, review_id)
    return _to("/console/reviews")


@router.post("/reviews/{review_id}/skip")
def skip(
    request: Request, session: SessionDep, officer: ReviewerDep, review_id: UUID, skip_reason: Text = ""
) -> Response:
    """Pass over a candidate; a reason may be given."""
    try:
        claims.skip(session, officer, review_id, skip_reason)
    except Invalid as refusal:
        return _aside_page(request, session, officer, review_id, refusal, skip_reason=skip_reason)
    return _to("/console/reviews")


@router.get("/reviews/{review_id}/aside")
def show_aside(
    request: Request, session: ReadSessionDep, officer: ReviewerDep, review_id: UUID
) -> HTMLResponse:
    """Show the ways to leave a held candidate to others: skip it with a reason, or hand its tip over."""
    return _aside_page(request, session, officer, review_id)


@router.post("/reviews/{review_id}/transfer")
def transfer(
    request: Request,
    session: SessionDep,
    officer: ReviewerDep,
    review_id: UUID,
    area: Annotated[str, Form(max_length=40)] = "",
    transfer_reason: Text = "",
) -> Response:
    """Hand the candidate's tip to another area's authority."""
    try:
        claims.transfer(session, officer, review_id, area, transfer_reason)
    except Invalid as refusal:
        return _aside_page(
            request, session, officer, review_id, refusal, area=area, transfer_reason=transfer_reason
        )
    return _to("/console/reviews")


@router.post("/reviews/views")
def save_view(
    request: Request,
    session: SessionDep,
    context: ContextDep,
    officer: ReviewerDep,
    filters: SentFiltersDep,
    name: Text = "",
) -> Response:
    """Keep the filters under a name."""
    try:
        saved_views.save(session, officer, LIST, name, filters.query)
    except Invalid as refusal:
        return _page(request, session, context.settings, officer, filters, 1, refusal, name=name)
    return _to(f"/console/reviews?{filters.query}")


@router.post("/reviews/views/{view_id}/delete")
def delete_view(session: SessionDep, officer: ReviewerDep, view_id: UUID) -> RedirectResponse:
    """Delete one of the officer's views."""
    saved_views.delete(session, officer, view_id)
    return _to("/console/reviews")


def _page(
    request: Request,
    session: ReadSessionDep,
    settings: Settings,
    officer: Officer,
    filters: Filters,
    number: int,
    refusal: Invalid | None = None,
    **typed: str,
) -> HTMLResponse:
    fragment = _list(request, session, settings, officer, filters, number)
    return page(
        request,
        "console/reviews.html",
        status=refusal.status if refusal else 200,
        officer=officer,
        filters=filters,
        number=number,
        views=saved_views.visible_to(session, officer, LIST),
        fragment=Markup(bytes(fragment.body).decode()),  # noqa: S704 - the template has escaped it already
        tag=_tag(fragment),
        errors=_errors(request, refusal),
        typed=typed,
    )


def _list(
    request: Request,
    session: ReadSessionDep,
    settings: Settings,
    officer: Officer,
    filters: Filters,
    number: int,
) -> HTMLResponse:
    shown = queue_page.waiting_for(session, officer, settings, filters, number)
    return page(request, "console/queue/list.html", officer=officer, queue=shown)


def _tag(fragment: HTMLResponse) -> str:
    return f'"{hashlib.sha256(bytes(fragment.body)).hexdigest()}"'


def _aside_page(
    request: Request,
    session: ReadSessionDep,
    officer: Officer,
    review_id: UUID,
    refusal: Invalid | None = None,
    **typed: str,
) -> HTMLResponse:
    review = claims.held_by(session, officer, review_id)
    tip = queries.tip_of(session, review)
    return page(
        request,
        "console/queue/aside.html",
        status=refusal.status if refusal else 200,
        officer=officer,
        review=review,
        tip=tip,
        area=areas.get(session, tip.jurisdiction_code or ""),
        areas=areas.with_authority(session),
        errors=_errors(request, refusal),
        typed=typed,
    )


def _errors(request: Request, refusal: Invalid | None) -> dict[str, str]:
    if refusal is None:
        return {}
    return {refusal.field or "": translate(language_of(request), refusal.message, **refusal.values)}


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
