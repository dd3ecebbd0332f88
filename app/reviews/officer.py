"""The review queue and the comparison page."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid
from app.core.render import language_of, page, translate
from app.officers.sessions import ReviewerDep
from app.reviews import queries, service
from app.reviews.models import Conclusion, ReviewState

router = APIRouter()


@router.get("/reviews")
def show_queue(request: Request, session: ReadSessionDep, officer: ReviewerDep) -> HTMLResponse:
    """Show what waits for this officer."""
    return page(
        request,
        "console/reviews.html",
        officer=officer,
        waiting=queries.waiting_for(session, officer),
        most=queries.MOST_SHOWN,
    )


@router.post("/reviews/next")
def claim_next(session: SessionDep, context: ContextDep, officer: ReviewerDep) -> RedirectResponse:
    """Claim the candidate that waits longest and open it."""
    review = service.claim_next(session, officer, context.settings.review_lease_minutes)
    return _to(f"/console/reviews/{review.id}" if review else "/console/reviews")


@router.post("/reviews/claim/{candidate_id}")
def claim(
    session: SessionDep, context: ContextDep, officer: ReviewerDep, candidate_id: UUID
) -> RedirectResponse:
    """Claim one candidate and open it."""
    review = service.claim(session, officer, candidate_id, context.settings.review_lease_minutes)
    return _to(f"/console/reviews/{review.id}")


@router.get("/reviews/{review_id}")
def show(request: Request, session: ReadSessionDep, officer: ReviewerDep, review_id: UUID) -> Response:
    """Show the pictures to compare; after the decision, what was decided."""
    review = service.open_own(session, officer, review_id)
    if review.state == ReviewState.DECIDED:
        return page(
            request,
            "console/review_done.html",
            officer=officer,
            review=review,
            background=queries.background(session, review),
            waiting=len(queries.waiting_for(session, officer)),
        )
    if review.state == ReviewState.RELEASED:
        return _to("/console/reviews")
    return _form(request, session, officer, review_id, {})


@router.post("/reviews/{review_id}/decision")
def decide(
    request: Request,
    session: SessionDep,
    officer: ReviewerDep,
    review_id: UUID,
    reason: Annotated[str, Form(max_length=20_000)] = "",
    conclusion: Annotated[Conclusion | None, Form()] = None,
) -> Response:
    """Record the officer's own conclusion."""
    try:
        service.decide(session, officer, review_id, conclusion, reason)
    except Invalid as refusal:
        said = translate(language_of(request), refusal.message, **refusal.values)
        errors = {refusal.field or "": said}
        return _form(request, session, officer, review_id, errors, reason=reason, chosen=conclusion)
    return _to(f"/console/reviews/{review_id}")


@router.post("/reviews/{review_id}/release")
def release(session: SessionDep, officer: ReviewerDep, review_id: UUID) -> RedirectResponse:
    """Hand a candidate back."""
    service.release(session, officer, review_id)
    return _to("/console/reviews")


def _form(
    request: Request,
    session: ReadSessionDep,
    officer: ReviewerDep,
    review_id: UUID,
    errors: dict[str, str],
    *,
    reason: str = "",
    chosen: Conclusion | None = None,
) -> HTMLResponse:
    review = queries.get_own(session, officer, review_id)
    return page(
        request,
        "console/review.html",
        status=Invalid.status if errors else 200,
        officer=officer,
        pair=queries.comparison(session, review),
        conclusions=list(Conclusion),
        errors=errors,
        reason=reason,
        chosen=chosen,
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
