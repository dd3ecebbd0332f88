"""The comparison page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Conflict, Invalid, NotFound, Refusal
from app.core.render import language_of, page, translate
from app.officers.models import Officer
from app.officers.sessions import ReviewerDep
from app.reviews import checklist, comparison, queries, queue, service
from app.reviews.models import Conclusion, ReviewState

router = APIRouter()

FEATURE = "feature_"
"""Form fields of the checklist begin with this; a component's code follows."""


@dataclass(frozen=True)
class Typed:
    """What an officer has filled in so far."""

    reason: str = ""
    conclusion: Conclusion | None = None
    features: Mapping[str, str] = field(default_factory=dict)


async def _features(request: Request) -> dict[str, str]:
    """The checklist as it was sent: findings by component, in codes."""
    form = await request.form()
    return {name.removeprefix(FEATURE): str(said) for name, said in form.items() if name.startswith(FEATURE)}


FeaturesDep = Annotated[dict[str, str], Depends(_features)]


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
            background=comparison.background(session, review),
            waiting=queue.anything_waits(session, officer),
        )
    if review.state != ReviewState.CLAIMED:
        return _to("/console/reviews")
    return _form(request, session, officer, review_id, {}, Typed())


@router.post("/reviews/{review_id}/decision")
def decide(
    request: Request,
    session: SessionDep,
    officer: ReviewerDep,
    review_id: UUID,
    features: FeaturesDep,
    reason: Annotated[str, Form(max_length=20_000)] = "",
    conclusion: Annotated[Conclusion | None, Form()] = None,
    exposure: Annotated[float | None, Form(ge=0, allow_inf_nan=False)] = None,
) -> Response:
    """Record the officer's own conclusion; what was filled in is shown again if it cannot be recorded."""
    typed = Typed(reason, conclusion, features)
    try:
        with session.begin_nested():  # a refusal that is answered with a page undoes what was begun
            service.decide(
                session, officer, review_id, conclusion, reason, features=features, exposure_s=exposure
            )
    except Invalid as refusal:
        said = translate(language_of(request), refusal.message, **refusal.values)
        return _form(request, session, officer, review_id, {refusal.field or "": said}, typed)
    except (Conflict, NotFound) as refusal:
        return _lost(request, officer, refusal, typed)
    return _to(f"/console/reviews/{review_id}")


def _lost(request: Request, officer: Officer, refusal: Refusal, typed: Typed) -> HTMLResponse:
    return page(
        request,
        "console/queue/lost.html",
        status=refusal.status,
        officer=officer,
        message=translate(language_of(request), refusal.message, **refusal.values),
        components=checklist.COMPONENTS,
        typed=typed,
    )


def _form(
    request: Request,
    session: ReadSessionDep,
    officer: ReviewerDep,
    review_id: UUID,
    errors: dict[str, str],
    typed: Typed,
) -> HTMLResponse:
    review = queries.get_own(session, officer, review_id)
    return page(
        request,
        "console/review.html",
        status=Invalid.status if errors else 200,
        officer=officer,
        pair=comparison.comparison(session, review),
        conclusions=list(Conclusion),
        components=checklist.COMPONENTS,
        findings=list(checklist.Finding),
        errors=errors,
        typed=typed,
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
