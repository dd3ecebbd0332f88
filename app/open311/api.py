"""Open311 GeoReport v2: services, their definition, requests. Requests are read by who sent them alone."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep
from app.core.errors import Invalid, NotFound
from app.core.render import language_of
from app.open311 import form, queries, services
from app.open311.access import caller_of
from app.open311.documents import REQUEST_BODY, answers_of
from app.open311.writing import Format, written
from app.partners import service as partners
from app.partners.access import room_for
from app.partners.models import Scope
from app.tips import service as tips
from app.tips.fields import NO_OFFSET
from app.tips.parts import Parts

router = APIRouter(tags=["open311"])

SPAN = timedelta(days=90)
LONGEST_LIST = 4000

Key = Annotated[str, Query(max_length=200, description="A partner's key; or send it as Bearer.")]
Text = Annotated[str, Query(max_length=LONGEST_LIST)]
Body = Annotated[Parts, Depends(form.read)]


@router.get("/discovery.{fmt}", summary="What this endpoint is", responses=answers_of(200, 400, 404))
def discovery(request: Request, context: ContextDep, fmt: Format) -> Response:
    """Tell addresses and formats."""
    base = context.settings.public_url or str(request.base_url).rstrip("/")
    value = {
        "changeset": "2026-11-23T00:00:00+08:00",
        "contact": context.settings.operator_name,
        "key_service": "The operator makes keys by hand.",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2",
                "url": f"{base}/open311/v2",
                "changeset": "2026-11-23T00:00:00+08:00",
                "type": "production",
                "formats": ["application/json", "application/xml"],
            }
        ],
    }
    return written(fmt, "discovery", value)


@router.get("/services.{fmt}", summary="What may be asked for", responses=answers_of(200, 400, 404))
def list_services(request: Request, fmt: Format, jurisdiction_id: Text = "") -> Response:
    """List the services."""
    del jurisdiction_id
    return written(fmt, "services", services.listed(language_of(request)))


@router.get("/services/{code}.{fmt}", summary="What a request holds", responses=answers_of(200, 400, 404))
def define_service(request: Request, code: str, fmt: Format, jurisdiction_id: Text = "") -> Response:
    """Define one service."""
    del jurisdiction_id
    if code not in services.SERVICES:
        raise NotFound
    return written(fmt, "service_definition", services.definition(code, language_of(request)))


@router.post(
    "/requests.{fmt}",
    summary="Send a tip",
    responses=answers_of(201, 400, 403, 404, 409, 413, 429, 500, 503),
    openapi_extra={"requestBody": REQUEST_BODY},
)
def send(
    request: Request,
    context: ContextDep,
    fmt: Format,
    parts: Body,
    api_key: Key = "",
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Take a tip; 201 says that photos and rows are on disk."""
    key = api_key or parts.texts.get("api_key", "")
    caller = caller_of(request, context, key, Scope.TIPS_SEND)
    answer = Response()
    room_for(context, caller, answer)
    language = language_of(request)
    new = form.tip_of(parts, idempotency_key, language)
    accepted = tips.accept(context, caller.channel_id, new, caller.actor)
    request.state.accepted = int(accepted.is_new)
    row = {"service_request_id": str(accepted.tip_id), "service_notice": None, "account_id": None}
    reply = written(fmt, "service_requests", [row], 201)
    for name in ("RateLimit", "RateLimit-Policy"):
        reply.headers[name] = answer.headers[name]
    return reply


@router.get(
    "/requests.{fmt}",
    summary="List the own requests",
    responses=answers_of(200, 400, 403, 404, 500, 503),
)
def list_requests(
    request: Request,
    context: ContextDep,
    session: ReadSessionDep,
    fmt: Format,
    api_key: Key = "",
    service_request_id: Text = "",
    service_code: Text = "",
    start_date: Text = "",
    end_date: Text = "",
    status: Text = "",
    jurisdiction_id: Text = "",
) -> Response:
    """List requests that this key's channel sent: of the last 90 days, unless dates or ids say otherwise."""
    del jurisdiction_id
    caller = caller_of(request, context, api_key, Scope.TIPS_READ)
    until = _moment(end_date, "end_date") or now()
    since = _moment(start_date, "start_date") or _before(until)
    wanted = queries.Wanted(
        ids=_ids(service_request_id),
        since=since,
        until=until,
        codes=_some_of(service_code, frozenset(services.SERVICES), "service_code"),
        states=_some_of(status, frozenset({"open", "closed"}), "status"),
    )
    language = language_of(request)
    rows = queries.requests(session, context.settings, caller.channel_id, wanted, language)
    return written(fmt, "service_requests", rows)


@router.get(
    "/requests/{request_id}.{fmt}",
    summary="Read one of the own requests",
    responses=answers_of(200, 400, 403, 404, 500, 503),
)
def read(
    request: Request,
    context: ContextDep,
    session: ReadSessionDep,
    request_id: UUID,
    fmt: Format,
    api_key: Key = "",
    jurisdiction_id: Text = "",
) -> Response:
    """Read one request that this key's channel sent."""
    del jurisdiction_id
    return written(fmt, "service_requests", [_own(request, context, session, request_id, api_key)])


@router.get(
    "/tokens/{token}.{fmt}",
    summary="The request behind a token",
    responses=answers_of(200, 400, 403, 404, 500, 503),
)
def read_token(
    request: Request,
    context: ContextDep,
    session: ReadSessionDep,
    token: UUID,
    fmt: Format,
    api_key: Key = "",
) -> Response:
    """Every request has its id at once, so a token is the id."""
    row = _own(request, context, session, token, api_key)
    shown = {"service_request_id": row["service_request_id"], "token": row["service_request_id"]}
    return written(fmt, "service_requests", [shown])


def _own(
    request: Request, context: Context, session: ReadSessionDep, tip_id: UUID, api_key: str
) -> dict[str, Any]:
    caller = caller_of(request, context, api_key, Scope.TIPS_READ)
    tip = partners.own_tip(session, caller.channel_id, tip_id)
    return queries.row(session, context.settings, tip, language_of(request))


def _ids(text: str) -> list[UUID]:
    try:
        return [UUID(each.strip()) for each in text.split(",") if each.strip()]
    except ValueError as error:
        raise Invalid("Give ids as they were answered, by commas.", field="service_request_id") from error


def _some_of(text: str, allowed: frozenset[str], field: str) -> frozenset[str]:
    wanted = frozenset(each.strip() for each in text.split(",") if each.strip())
    if not wanted <= allowed:
        raise Invalid("This is none of the values that Open311 or the list of services names.", field=field)
    return wanted


def _moment(text: str, field: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid(NO_OFFSET, field=field)


def _before(until: datetime) -> datetime:
    try:
        return until - SPAN
    except OverflowError as error:
        raise Invalid(NO_OFFSET, field="end_date") from error
