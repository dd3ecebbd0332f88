"""Triage pages: the list, a tip, and what failed."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Header, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Conflict, Invalid, Refusal
from app.core.render import language_of, page, translate
from app.jurisdictions import queries as areas
from app.officers.models import Officer
from app.officers.sessions import SupervisorDep, TriageDep
from app.photos import moving
from app.photos.models import FaceRole
from app.reviews import (
    cluster_members,
    cluster_queries,
    faces,
    recirculation,
    same_answer,
    triage,
    triage_list,
    triage_queries,
)
from app.reviews.triage_list import WAITED_DAYS, Filters
from app.tips import answers, clocks, flags, queries
from app.tips.models import Disposition, TipState

router = APIRouter()

Text = Annotated[str, Form(max_length=20_000)]
Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]
Then = Annotated[Literal["list", "next"], Form()]


def filters_of(request: Request) -> Filters:
    """The filters that an address names; what is no filter narrows nothing."""
    asked = request.query_params
    days = asked.get("days", "")
    return Filters(
        danger="danger" in asked,
        escalated="escalated" in asked,
        known="known" in asked,
        area=asked.get("area", "")[:40],
        state=next((state for state in TipState if state == asked.get("state")), None),
        days=int(days) if days in map(str, WAITED_DAYS) else 0,
    )


FiltersDep = Annotated[Filters, Depends(filters_of)]


@router.get("/triage")
def show_list(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: TriageDep,
    filters: FiltersDep,
    number: Number = 1,
    done: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Show the tips that wait for a decision of their own."""
    return page(
        request,
        "console/triage.html",
        done=triage_queries.closed_just_now(session, officer, done),
        **_waiting(session, context, officer, filters, number),
    )


@router.get("/triage/live")
def show_changes(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: TriageDep,
    filters: FiltersDep,
    number: Number = 1,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """The list alone, for a page that is open already; 304 while it says what it said."""
    fragment = page(
        request, "console/triage_list.html", **_waiting(session, context, officer, filters, number)
    )
    tag = f'"{hashlib.sha256(fragment.body).hexdigest()[:32]}"'
    if tag in {part.strip() for part in if_none_match.split(",")}:
        return Response(status_code=304, headers={"ETag": tag})
    fragment.headers["ETag"] = tag
    return fragment


@router.get("/tips/{tip_id}")
def show_tip(
    request: Request,
    session: SessionDep,
    officer: TriageDep,
    tip_id: UUID,
    close: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Show a tip; the opening is in the audit log."""
    return _tip_page(request, session, officer, tip_id, disposition=close)


@router.post("/tips/{tip_id}/disposition")
def dispose(
    request: Request,
    context: ContextDep,
    officer: TriageDep,
    filters: FiltersDep,
    tip_id: UUID,
    reason: Text = "",
    disposition: Annotated[Disposition | None, Form()] = None,
    duplicate_of: Annotated[UUID | None, Form()] = None,
    then: Then = "list",
) -> Response:
    """Close a tip with its final code."""

    def step(session: SessionDep) -> str:
        triage.dispose(session, officer, tip_id, disposition, reason, duplicate_of)
        return _onward(session, officer, filters, tip_id, then)

    typed = {"reason": reason, "disposition": disposition or "", "duplicate_of": str(duplicate_of or "")}
    return _try(request, context, officer, tip_id, step, typed)


@router.post("/tips/{tip_id}/welfare")
def refer_to_welfare(
    request: Request,
    context: ContextDep,
    officer: TriageDep,
    filters: FiltersDep,
    tip_id: UUID,
    office: Text = "",
    request_text: Annotated[str, Form(alias="request", max_length=20_000)] = "",
    then: Then = "list",
) -> Response:
    """Hand a family in need to civil affairs and close the tip with that."""

    def step(session: SessionDep) -> str:
        triage.refer_to_welfare(session, officer, tip_id, office, request_text)
        return _onward(session, officer, filters, tip_id, then)

    typed = {"office": office, "request_text": request_text}
    return _try(request, context, officer, tip_id, step, typed)


@router.post("/tips/{tip_id}/faces/{face_id}")
def mark_face(
    request: Request,
    session: SessionDep,
    officer: TriageDep,
    tip_id: UUID,
    face_id: UUID,
    role: Annotated[FaceRole, Form()],
) -> RedirectResponse:
    """Say who a face is."""
    faces.mark(session, officer, tip_id, face_id, role)
    return _to(f"/console/tips/{tip_id}?{request.url.query}#photos")


@router.post("/tips/{tip_id}/lead")
def make_lead(
    request: Request, context: ContextDep, officer: TriageDep, tip_id: UUID, lead_reason: Text = ""
) -> Response:
    """Make a tip a lead for an offline check."""

    def step(session: SessionDep) -> str:
        triage.make_lead(session, officer, tip_id, lead_reason)
        return f"/console/tips/{tip_id}"

    return _try(request, context, officer, tip_id, step, {"lead_reason": lead_reason})


@router.post("/tips/{tip_id}/transfer")
def transfer(
    request: Request,
    context: ContextDep,
    officer: TriageDep,
    filters: FiltersDep,
    tip_id: UUID,
    area: Annotated[str, Form(max_length=40)] = "",
    transfer_reason: Text = "",
) -> Response:
    """Hand a tip to another area's authority."""

    def step(session: SessionDep) -> str:
        triage.transfer(session, officer, tip_id, area, transfer_reason)
        return _address("/console/triage", filters)

    typed = {"area": area, "transfer_reason": transfer_reason}
    return _try(request, context, officer, tip_id, step, typed)


@router.post("/tips/{tip_id}/messages")
def write(
    request: Request,
    context: ContextDep,
    officer: TriageDep,
    tip_id: UUID,
    text: Text = "",
    ask: Annotated[Literal["true"] | None, Form()] = None,
) -> Response:
    """Write to the tipster."""

    def step(session: SessionDep) -> str:
        triage.write(session, officer, tip_id, text, ask=ask is not None)
        return f"/console/tips/{tip_id}#thread"

    return _try(request, context, officer, tip_id, step, {"text": text})


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


def _waiting(
    session: ReadSessionDep, context: Context, officer: Officer, filters: Filters, number: int
) -> dict[str, Any]:
    found = triage_list.in_triage(session, officer, filters, number)
    behind = triage_list.behind_a_picture(session, officer)
    items = [*found.items, *behind.items]
    counts = triage_list.counts(session, officer)
    codes = {tip.jurisdiction_code or "" for tip in items} | set(counts.areas) | {filters.area}
    return {
        "officer": officer,
        "filters": filters,
        "found": found,
        "behind": behind,
        "counts": counts,
        "photos": triage_list.photo_counts(session, items),
        "flags": flags.of_tips(session, items),
        "listed": cluster_queries.listed(session, [tip.id for tip in items]),
        "clocks": clocks.of_tips(session, items, context.settings),
        "moment": now(),
        "areas": {area.code: area for area in triage_list.areas_of(session, sorted(codes))},
    }


def _try(
    request: Request,
    context: Context,
    officer: Officer,
    tip_id: UUID,
    step: Callable[[SessionDep], str],
    typed: dict[str, str],
) -> Response:
    """Take a step and go where it leads; refused, it changes nothing and the page keeps what was typed."""
    try:
        with context.db.write() as session:
            path = step(session)
    except (Invalid, Conflict) as refusal:
        with context.db.write() as session:
            return _tip_page(request, session, officer, tip_id, refusal, **typed)
    return _to(path)


def _tip_page(
    request: Request,
    session: SessionDep,
    officer: Officer,
    tip_id: UUID,
    refusal: Refusal | None = None,
    **typed: str,
) -> HTMLResponse:
    tip = triage.open_tip(session, officer, tip_id)
    context: Context = request.app.state.context
    copies = triage_queries.copies(session, officer, tip)
    waits = triage_queries.under_review(session, tip.id)
    photos = queries.photos_of(session, tip.id)
    clusters = {photo.cluster_id for photo in photos if photo.cluster_id is not None}
    members = cluster_members.members_of(session, officer, clusters)
    listed = cluster_queries.listed(session, [tip.id]).get(tip.id, {})
    filters = filters_of(request)
    return page(
        request,
        "console/tip.html",
        status=refusal.status if refusal else 200,
        officer=officer,
        tip=tip,
        query=filters.query,
        neighbours=triage_list.neighbours(session, officer, filters, tip),
        flags=flags.of_tips(session, [tip]).get(tip.id, []),
        done=triage_queries.closed_just_now(session, officer, request.query_params.get("done")),
        under_review=waits,
        area=areas.get(session, tip.jurisdiction_code) if tip.jurisdiction_code else None,
        escalated_to=areas.get(session, tip.escalated_to) if tip.escalated_to else None,
        clocks=clocks.of_tips(session, [tip], context.settings)[tip.id],
        moment=now(),
        photos=photos,
        shown=request.query_params.get("faces", ""),
        scenes=triage_queries.scenes_of(session, tip.id),
        links=cluster_queries.explained(session, officer, [*photos, *(copy.photo for copy in copies.first)]),
        steps=moving.last_steps(session, [photo.id for photo in photos]),
        facts={
            cluster_id: cluster_members.facts_of(found)
            for cluster_id, found in members.items()
            if len(found) > 1
        },
        listed=listed,
        earlier=recirculation.earlier(session, officer, tip, members, listed),
        copies=copies,
        same_answer=same_answer.offered(session, officer, tip),
        # While a candidate waits, what was decided on its siblings would lead whoever still has to decide.
        settled=[] if waits else triage_queries.settled(session, tip.id),
        thread=queries.thread(session, tip.id),
        notices=answers.NOTICES,
        dispositions=triage.OFFICERS_DISPOSITIONS,
        quick=triage.QUICK_DISPOSITIONS,
        areas=areas.with_authority(session),
        errors={refusal.field or "": translate(language_of(request), refusal.message, **refusal.values)}
        if refusal
        else {},
        typed=typed,
    )


def _onward(session: SessionDep, officer: Officer, filters: Filters, tip_id: UUID, then: str) -> str:
    """The next tip of the list, or the list; either says what was done."""
    tip = queries.get_visible(session, officer, tip_id)
    following = triage_list.neighbours(session, officer, filters, tip).following if then == "next" else None
    path = f"/console/tips/{following}" if following else "/console/triage"
    return _address(path, filters, done=str(tip.id))


def _address(path: str, filters: Filters, **more: str) -> str:
    query = urlencode(filters.query | more)
    return f"{path}?{query}" if query else path


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
