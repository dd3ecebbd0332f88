"""Voiding a channel's tips: the preview, doing it, its page, and taking it back."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.channels import backlog, queries, running, voiding
from app.channels.access import ChannelReaderDep, ChannelVoiderDep
from app.channels.backlog import MOST_DANGER, Span, Ticked
from app.channels.fates import LEFT_OUT
from app.channels.voiding import LONGEST_REASON
from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid, Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.models import Role
from app.tips import fields

router = APIRouter()

FORM = "console/channel/void.html"
DAY = timedelta(days=1)
Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]


@router.get("/channels/{channel_id}/void")
def show_form(
    request: Request,
    context: ContextDep,
    officer: ChannelVoiderDep,
    channel_id: UUID,
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    *,
    unopened: bool = False,
) -> HTMLResponse:
    """Choose a span of time; with one chosen, see what voiding it would do."""
    typed = {"since": since or _local(context, now() - DAY), "until": until, "unopened": unopened}
    values: dict[str, Any] = {"typed": typed, "reason": "", "ticked": Ticked(frozenset())}
    try:
        with context.db.read() as session:
            values["channel"] = queries.get(session, channel_id)
        span = _typed_span(context, typed) if since else None
        values |= _previewed(context, channel_id, span)
    except Invalid as refusal:
        values |= _previewed(context, channel_id, None)
        return refused_form(request, FORM, refusal, officer=officer, **values)
    return page(request, FORM, errors={}, officer=officer, **values)


@router.post("/channels/{channel_id}/void")
def void(
    request: Request,
    context: ContextDep,
    officer: ChannelVoiderDep,
    channel_id: UUID,
    since: Annotated[str, Form(max_length=40)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=20_000)] = "",
    danger: Annotated[list[UUID], Form(max_length=MOST_DANGER)] = [],  # noqa: B006 - read only
    shown: Annotated[int, Form(ge=0, le=1_000_000_000)] = 0,
    *,
    unopened: Annotated[bool, Form()] = False,
    all_danger: Annotated[bool, Form()] = False,
) -> Response:
    """Set the tips of the span that was previewed aside."""
    ticked = Ticked(frozenset(danger), all=all_danger)
    span = Span(_exact(since, "since"), _exact(until, "until"), unopened)
    try:
        made = running.void(context, officer, channel_id, span, ticked, reason, shown)
    except Refusal as refusal:
        with context.db.read() as session:
            values: dict[str, Any] = {"channel": queries.get(session, channel_id)}
        values |= _previewed(context, channel_id, span) | {"reason": reason, "ticked": ticked}
        values["typed"] = {
            "since": _local(context, span.since),
            "until": _local(context, span.until),
            "unopened": unopened,
        }
        return refused_form(request, FORM, refusal, officer=officer, **values)
    return RedirectResponse(f"/console/channels/{channel_id}/voids/{made.id}", status_code=303)


@router.get("/channels/{channel_id}/voids/{void_id}")
def show(
    request: Request,
    session: ReadSessionDep,
    officer: ChannelReaderDep,
    channel_id: UUID,
    void_id: UUID,
    number: Number = 1,
) -> HTMLResponse:
    """Show a voiding with the tips that it holds; what senders wrote is for supervisors."""
    made = queries.get_void(session, channel_id, void_id)
    found = queries.tips_of_void(session, made.id, number)
    return page(
        request,
        "console/channel/voided.html",
        errors={},
        officer=officer,
        channel=queries.get(session, channel_id),
        void=made,
        by=queries.officer_named(session, made.made_by),
        undone_by=queries.officer_named(session, made.undone_by),
        found=found,
        photos=queries.photo_counts(session, [tip.id for tip in found.items]),
        areas=queries.areas(session, [tip.jurisdiction_code for tip in found.items]),
        reads=officer.has(Role.SUPERVISOR),
        can_undo=voiding.can_undo(made),
    )


@router.post("/channels/{channel_id}/voids/{void_id}/undo")
def undo(context: ContextDep, officer: ChannelVoiderDep, channel_id: UUID, void_id: UUID) -> RedirectResponse:
    """Give every tip back."""
    running.undo(context, officer, channel_id, void_id)
    return RedirectResponse(f"/console/channels/{channel_id}/voids/{void_id}", status_code=303)


@router.post("/channels/{channel_id}/voids/{void_id}/tips/{tip_id}/back")
def give_one_back(
    session: SessionDep, officer: ChannelVoiderDep, channel_id: UUID, void_id: UUID, tip_id: UUID
) -> RedirectResponse:
    """Give one tip back."""
    voiding.give_one_back(session, officer, channel_id, void_id, tip_id)
    return RedirectResponse(f"/console/channels/{channel_id}/voids/{void_id}", status_code=303)


def _previewed(context: Context, channel_id: UUID, span: Span | None) -> dict[str, Any]:
    days = context.settings.void_days
    values = {"left_out": LEFT_OUT, "longest": LONGEST_REASON, "days": f"{days:g}", "span": span}
    if span is None:
        return values | {"preview": None, "areas": {}}
    with context.db.read() as session:
        found = backlog.preview(session, channel_id, span)
        codes = [*found.areas, *(tip.jurisdiction_code for tip in found.danger_tips)]
        return values | {"preview": found, "areas": queries.areas(session, codes)}


def _typed_span(context: Context, typed: dict[str, Any]) -> Span:
    """The span that was typed; it never reaches past now, so that nothing comes in behind a preview."""
    since = fields.moment(typed, "since", context.settings.zone)
    until = fields.moment(typed, "until", context.settings.zone)
    if since is None:
        raise Invalid("Give date and time.", field="since")
    moment = now()
    return Span(since, min(until, moment) if until else moment, typed["unopened"])


def _exact(text: str, field: str) -> datetime:
    """A moment as the preview wrote it into its form."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Give date and time.", field=field) from error
    if moment.tzinfo is None:
        raise Invalid("Give date and time.", field=field)
    try:
        return min(moment.astimezone(UTC), now())
    except OverflowError as error:
        raise Invalid("Give date and time.", field=field) from error


def _local(context: Context, moment: datetime) -> str:
    """A moment as a field for date and time takes it."""
    return f"{moment.astimezone(context.settings.zone):%Y-%m-%dT%H:%M}"
