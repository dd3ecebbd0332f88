"""Appeals, and the quality of reviews for supervisors."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid
from app.core.render import language_of, page, translate
from app.officers.models import Officer
from app.officers.sessions import SupervisorDep, TriageDep
from app.reviews import appeal_queries, appeals, quality, quality_queries, signal_detection

router = APIRouter()

Text = Annotated[str, Form(max_length=20_000)]
Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]


@router.get("/quality")
def show_quality(
    request: Request, session: SessionDep, officer: SupervisorDep, number: Number = 1
) -> HTMLResponse:
    """Show what the area's reviewers' conclusions are worth; the view is in the audit log."""
    found, lines = quality.view(session, officer, number)
    return page(
        request,
        "console/quality.html",
        officer=officer,
        found=found,
        lines=lines,
        least=signal_detection.LEAST_KNOWN,
        days=quality_queries.DAYS,
    )


@router.get("/appeals")
def show_appeals(
    request: Request, session: ReadSessionDep, officer: SupervisorDep, number: Number = 1
) -> HTMLResponse:
    """Show the appeals that wait for an answer."""
    found = appeal_queries.waiting(session, officer, number)
    lines = appeal_queries.waiting_lines(session, found)
    return page(request, "console/appeals.html", officer=officer, found=found, lines=lines)


@router.get("/candidates/{candidate_id}")
def show_candidate(
    request: Request, session: ReadSessionDep, officer: TriageDep, candidate_id: UUID
) -> HTMLResponse:
    """Show how a candidate was settled; of one that is under review, nothing but that."""
    return _candidate_page(request, session, officer, candidate_id)


@router.post("/candidates/{candidate_id}/reversal")
def reverse(
    request: Request, session: SessionDep, officer: TriageDep, candidate_id: UUID, motive: Text = ""
) -> Response:
    """Take the officer's own decision back."""
    try:
        appeals.reverse(session, officer, candidate_id, motive)
    except Invalid as refusal:
        return _candidate_page(request, session, officer, candidate_id, refusal, motive=motive)
    return _to(f"/console/candidates/{candidate_id}")


@router.post("/candidates/{candidate_id}/appeals")
def appeal(
    request: Request, session: SessionDep, officer: TriageDep, candidate_id: UUID, motive: Text = ""
) -> Response:
    """Appeal against how a candidate was settled."""
    try:
        appeals.appeal(session, officer, candidate_id, motive)
    except Invalid as refusal:
        return _candidate_page(request, session, officer, candidate_id, refusal, motive=motive)
    return _to(f"/console/candidates/{candidate_id}")


@router.post("/appeals/{appeal_id}/answer")
def answer(
    request: Request,
    session: SessionDep,
    officer: SupervisorDep,
    appeal_id: UUID,
    text: Text = "",
    chosen: Annotated[Literal["upheld", "refused"] | None, Form(alias="answer")] = None,
) -> Response:
    """Answer an appeal."""
    uphold = None if chosen is None else chosen == "upheld"
    try:
        appeals.answer(session, officer, appeal_id, text, uphold=uphold)
    except Invalid as refusal:
        candidate_id = appeal_queries.get_visible(session, officer, appeal_id).candidate_id
        return _candidate_page(
            request, session, officer, candidate_id, refusal, text=text, answer=chosen or ""
        )
    return _to("/console/appeals")


def _candidate_page(
    request: Request,
    session: ReadSessionDep,
    officer: Officer,
    candidate_id: UUID,
    refusal: Invalid | None = None,
    **typed: str,
) -> HTMLResponse:
    errors = {}
    if refusal:
        errors[refusal.field or ""] = translate(language_of(request), refusal.message, **refusal.values)
    return page(
        request,
        "console/appeal.html",
        status=refusal.status if refusal else 200,
        officer=officer,
        shown=appeal_queries.candidate_page(session, officer, candidate_id),
        shortest=appeals.SHORTEST_MOTIVE,
        errors=errors,
        typed=typed,
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
