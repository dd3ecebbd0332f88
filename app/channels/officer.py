"""The console pages of channels: the list, a channel, who answers for it, quotas and pause."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.channels import key_officer, lines, pages, service, void_officer, webhook_officer
from app.channels.access import ChannelKeeperDep, ChannelReaderDep
from app.channels.lines import Need, State, Wish
from app.channels.service import NEW_KINDS, PauseReason
from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.jurisdictions import queries as areas
from app.tips.models import ChannelKind

router = APIRouter()

Short = Annotated[str, Form(max_length=2_000)]


def _wish(request: Request) -> Wish:
    asked = request.query_params
    need = asked.get("need", "")
    return Wish(
        text=asked.get("text", "").strip()[:200],
        kind=next((kind for kind in ChannelKind if kind == asked.get("kind")), None),
        state=next((state for state in State if state == asked.get("state")), None),
        need=next((each for each in Need if each == need), None),
        any_need=need == "any",
    )


@router.get("/channels")
def show_all(
    request: Request,
    session: ReadSessionDep,
    officer: ChannelReaderDep,
    wish: Annotated[Wish, Depends(_wish)],
) -> HTMLResponse:
    """Show the channels that were asked for, what needs somebody first."""
    everything = lines.of_all(session)
    return page(
        request,
        "console/channels.html",
        officer=officer,
        shown=lines.chosen(everything, wish),
        total=len(everything),
        wish=wish,
        kinds=[kind for kind in ChannelKind if kind != ChannelKind.GOLDEN],
        **pages.WORDS,
    )


@router.get("/channels/new")
def show_form(request: Request, session: ReadSessionDep, officer: ChannelKeeperDep) -> HTMLResponse:
    """Show the form for a new channel."""
    typed = {"name": "", "kind": "", "owner": "", "area": ""}
    values: dict[str, Any] = {"officer": officer, "kinds": NEW_KINDS, "areas": areas.with_authority(session)}
    return page(request, "console/channel/new.html", errors={}, typed=typed, **values)


@router.post("/channels/new")
def add(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    name: Short = "",
    kind: Annotated[str, Form(max_length=40)] = "",
    owner: Short = "",
    area: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Add a channel; its page offers the first key."""
    try:
        with context.db.write() as session:
            wanted = next((each for each in NEW_KINDS if each == kind), None)
            made = service.add(session, officer, name, wanted, owner, area)
    except Refusal as refusal:
        with context.db.read() as session:
            values: dict[str, Any] = {"kinds": NEW_KINDS, "areas": areas.with_authority(session)}
        values["typed"] = {"name": name, "kind": kind, "owner": owner, "area": area}
        return refused_form(request, "console/channel/new.html", refusal, officer=officer, **values)
    return RedirectResponse(f"/console/channels/{made.id}", status_code=303)


@router.get("/channels/{channel_id}")
def show(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    officer: ChannelReaderDep,
    channel_id: UUID,
) -> HTMLResponse:
    """Show a channel."""
    values = pages.channel(session, context, officer, channel_id)
    return page(request, pages.CHANNEL, errors={}, **values)


@router.post("/channels/{channel_id}")
def change(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    channel_id: UUID,
    owner: Short = "",
    minute_quota: Short = "",
    day_quota: Short = "",
) -> Response:
    """Write down who answers for a channel, and its quotas."""
    try:
        with context.db.write() as session:
            service.change(session, officer, channel_id, owner, minute_quota, day_quota)
    except Refusal as refusal:
        typed = {"owner": owner, "minute_quota": minute_quota, "day_quota": day_quota}
        return pages.refused(request, context, officer, channel_id, refusal, **typed)
    return RedirectResponse(f"/console/channels/{channel_id}", status_code=303)


@router.post("/channels/{channel_id}/pause")
def pause(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    channel_id: UUID,
    reason: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Take nothing in from a channel any more."""
    try:
        with context.db.write() as session:
            chosen = next((each for each in PauseReason if each == reason), None)
            service.pause(session, officer, channel_id, chosen)
    except Refusal as refusal:
        return pages.refused(request, context, officer, channel_id, refusal)
    return RedirectResponse(f"/console/channels/{channel_id}", status_code=303)


@router.post("/channels/{channel_id}/resume")
def resume(session: SessionDep, officer: ChannelKeeperDep, channel_id: UUID) -> RedirectResponse:
    """Open a paused channel again."""
    service.resume(session, officer, channel_id)
    return RedirectResponse(f"/console/channels/{channel_id}", status_code=303)


router.include_router(key_officer.router)
router.include_router(void_officer.router)
router.include_router(webhook_officer.router)
