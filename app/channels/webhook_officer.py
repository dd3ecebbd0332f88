"""A channel's webhooks, as administrators look after them: added, tried out, paused, told again, removed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.audit.service import officer_actor
from app.channels import pages
from app.channels.access import ChannelKeeperDep
from app.channels.webhook_steps import STEPS
from app.core.context import Context, ContextDep
from app.core.db import SessionDep
from app.core.errors import NotFound, Refusal
from app.core.render import page
from app.officers.models import Officer
from app.officers.sessions import FRESH
from app.webhooks import queries, service

router = APIRouter()


@router.post("/channels/{channel_id}/webhooks", dependencies=FRESH)
def add(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    channel_id: UUID,
    url: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Add an endpoint and show its secret, this once."""
    try:
        with context.db.write() as session:
            pages.check_told(session, channel_id)
            actor = officer_actor(officer.id)
            secret = service.add(session, context.keys, context.settings, actor, channel_id, url)[1]
    except Refusal as refusal:
        return pages.refused(request, context, officer, channel_id, refusal, url=url)
    return _with_secret(request, context, officer, channel_id, secret)


@router.post("/channels/{channel_id}/webhooks/{endpoint_id}/rotate", dependencies=FRESH)
def rotate(
    request: Request, context: ContextDep, officer: ChannelKeeperDep, channel_id: UUID, endpoint_id: UUID
) -> Response:
    """Give an endpoint a new secret and show it, this once."""
    with context.db.write() as session:
        endpoint = queries.get_endpoint(session, channel_id, endpoint_id)
        secret = service.rotate(session, context.keys, officer_actor(officer.id), endpoint)
    return _with_secret(request, context, officer, channel_id, secret)


@router.post("/channels/{channel_id}/webhooks/{endpoint_id}/{step}")
def act(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    channel_id: UUID,
    endpoint_id: UUID,
    step: str,
) -> Response:
    """Do what a button says."""
    if step not in STEPS:
        raise NotFound
    try:
        with context.db.write() as session:
            endpoint = queries.get_endpoint(session, channel_id, endpoint_id)
            STEPS[step](session, context, officer_actor(officer.id), endpoint)
    except Refusal as refusal:
        return pages.refused(request, context, officer, channel_id, refusal)
    return RedirectResponse(f"/console/channels/{channel_id}#webhooks", status_code=303)


@router.post("/channels/{channel_id}/deliveries/{delivery_id}/replay")
def replay(
    session: SessionDep, officer: ChannelKeeperDep, channel_id: UUID, delivery_id: UUID
) -> RedirectResponse:
    """Send one message anew."""
    sent = queries.get_delivery(session, channel_id, delivery_id)
    service.replay(session, officer_actor(officer.id), sent.delivery)
    return RedirectResponse(f"/console/channels/{channel_id}#webhooks", status_code=303)


def _with_secret(
    request: Request, context: Context, officer: Officer, channel_id: UUID, secret: str
) -> Response:
    with context.db.read() as session:
        values = pages.channel(session, context, officer, channel_id)
    return page(request, pages.CHANNEL, errors={}, **values | {"secret": secret})
