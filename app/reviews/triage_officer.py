"""Triage pages: the list, a tip, and what failed."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid
from app.core.render import language_of, page, translate
from app.jurisdictions import queries as areas
from app.officers.models import Officer
from app.officers.sessions import SupervisorDep, TriageDep
from app.reviews import cluster_queries, triage, triage_queries
from app.tips import answers, queries
from app.tips.models import Disposition

router = APIRouter()

Text = Annotated[str, Form(max_length=20_000)]


@router.get("/triage")
def show_list(
    request: Request,
    session: ReadSessionDep,
    officer: TriageDep,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show the tips that wait for a decision of their own."""
    found = triage_queries.in_triage(session, officer, number)
    behind = triage_queries.behind_a_picture(session, officer)
    items = [*found.items, *behind.items]
    return page(
        request,
        "console/triage.html",
        officer=officer,
        found=found,
        behind=behind,
        photos=triage_queries.photo_counts(session, items),
        listed=cluster_queries.listed(session, [tip.id for tip in items]),
        areas={tip.jurisdiction_code: areas.get(session, tip.jurisdiction_code or "") for tip in items},
    )


@router.get("/tips/{tip_id}")
def show_tip(request: Request, session: SessionDep, officer: TriageDep, tip_id: UUID) -> HTMLResponse:
    """Show a tip; the opening is in the audit log."""
    return _tip_page(request, session, officer, tip_id)


@router.post("/tips/{tip_id}/disposition")
def dispose(
    request: Request,
    session: SessionDep,
    officer: TriageDep,
    tip_id: UUID,
    reason: Text = "",
    disposition: Annotated[Disposition | None, Form()] = None,
    duplicate_of: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Close a tip with its final code."""
    try:
        triage.dispose(session, officer, tip_id, disposition, reason, duplicate_of)
    except Invalid as refusal:
        typed = {
            "reason": reason,
            "disposition": disposition or "",
            "duplicate_of": str(duplicate_of or ""),
        }
        return _tip_page(request, session, officer, tip_id, refusal, **typed)
    return _to("/console/triage")


@router.post("/tips/{tip_id}/lead")
def make_lead(
    request: Request, session: SessionDep, officer: TriageDep, tip_id: UUID, lead_reason: Text = ""
) -> Response:
    """Make a tip a lead for an offline check."""
    try:
        triage.make_lead(session, officer, tip_id, lead_reason)
    except Invalid as refusal:
        refusal.field = "lead_reason"
        return _tip_page(request, session, officer, tip_id, refusal, lead_reason=lead_reason)
    return _to(f"/console/tips/{tip_id}")


@router.post("/tips/{tip_id}/transfer")
def transfer(
    request: Request,
    session: SessionDep,
    officer: TriageDep,
    tip_id: UUID,
    area: Annotated[str, Form(max_length=40)] = "",
    transfer_reason: Text = "",
) -> Response:
    """Hand a tip to another area's authority."""
    try:
        triage.transfer(session, officer, tip_id, area, transfer_reason)
    except Invalid as refusal:
        return _tip_page(
            request, session, officer, tip_id, refusal, area=area, transfer_reason=transfer_reason
        )
    return _to("/console/triage")


@router.post("/tips/{tip_id}/messages")
def write(
    request: Request,
    session: SessionDep,
    officer: TriageDep,
    tip_id: UUID,
    text: Text = "",
    ask: Annotated[Literal["true"] | None, Form()] = None,
) -> Response:
    """Write to the tipster."""
    try:
        triage.write(session, officer, tip_id, text, ask=ask is not None)
    except Invalid as refusal:
        return _tip_page(request, session, officer, tip_id, refusal, text=text)
    return _to(f"/console/tips/{tip_id}#thread")


@router.post("/tips/{tip_id}/photos/{photo_id}/separate")
def separate(session: SessionDep, officer: TriageDep, tip_id: UUID, photo_id: UUID) -> RedirectResponse:
    """Take a photo out of its cluster."""
    triage.separate(session, officer, tip_id, photo_id)
    return _to(f"/console/tips/{tip_id}")


@router.post("/tips/{tip_id}/photos/{photo_id}/together/{other_id}")
def put_together(
    session: SessionDep, officer: TriageDep, tip_id: UUID, photo_id: UUID, other_id: UUID
) -> RedirectResponse:
    """Put a photo into the cluster of another."""
    triage.put_together(session, officer, tip_id, photo_id, other_id)
    return _to(f"/console/tips/{tip_id}")


@router.get("/failed")
def show_failed(request: Request, session: ReadSessionDep, officer: SupervisorDep) -> HTMLResponse:
    """Show what the service could not do by itself."""
    return page(
        request,
        "console/failed.html",
        officer=officer,
        tips=triage_queries.failed_tips(session, officer),
        photos=triage_queries.parked_photos(session, officer),
        jobs=triage_queries.parked_jobs(session, officer),
    )


@router.post("/failed/jobs/{job_id}/retry")
def try_again(session: SessionDep, officer: SupervisorDep, job_id: UUID) -> RedirectResponse:
    """Let a parked job be tried again."""
    triage.try_again(session, officer, job_id)
    return _to("/console/failed")


@router.post("/failed/tips/{tip_id}/triage")
def to_triage(session: SessionDep, officer: SupervisorDep, tip_id: UUID) -> RedirectResponse:
    """Bring a failed tip before the officers without its photos."""
    triage.to_triage(session, officer, tip_id)
    return _to(f"/console/tips/{tip_id}")


def _tip_page(
    request: Request,
    session: SessionDep,
    officer: Officer,
    tip_id: UUID,
    refusal: Invalid | None = None,
    **typed: str,
) -> HTMLResponse:
    tip = triage.open_tip(session, officer, tip_id)
    own_copies, elsewhere = triage_queries.copies(session, officer, tip)
    waits = triage_queries.under_review(session, tip.id)
    photos = queries.photos_of(session, tip.id)
    return page(
        request,
        "console/tip.html",
        status=refusal.status if refusal else 200,
        officer=officer,
        tip=tip,
        under_review=waits,
        area=areas.get(session, tip.jurisdiction_code) if tip.jurisdiction_code else None,
        photos=photos,
        links=cluster_queries.explained(session, officer, [*photos, *(copy.photo for copy in own_copies)]),
        copies_of=cluster_queries.copies_of(session, officer, photos),
        listed=cluster_queries.listed(session, [tip.id]).get(tip.id, {}),
        faces=triage_queries.faces_of(session, tip.id),
        copies=own_copies,
        elsewhere=elsewhere,
        # While a candidate waits, what was decided on its siblings would lead whoever still has to decide.
        settled=[] if waits else triage_queries.settled(session, tip.id),
        thread=queries.thread(session, tip.id),
        notices=answers.NOTICES,
        dispositions=triage.OFFICERS_DISPOSITIONS,
        areas=areas.with_authority(session),
        errors={refusal.field or "": translate(language_of(request), refusal.message, **refusal.values)}
        if refusal
        else {},
        typed=typed,
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
