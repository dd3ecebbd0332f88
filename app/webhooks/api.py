"""A partner's own webhooks: endpoints, secrets, deliveries, test and replay."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.partners.access import ManagesWebhooks, documented_scheme
from app.webhooks import queries, service
from app.webhooks.documents import (
    Deliveries,
    Delivery,
    NewWebhook,
    Replayed,
    ReplayWanted,
    Webhook,
    WebhookChange,
    WebhookMade,
    Webhooks,
    WebhookSecret,
    refused,
)
from app.webhooks.models import DeliveryState

router = APIRouter(tags=["webhooks"], dependencies=[Depends(documented_scheme)])

PAGE_ROWS = 50


@router.get("/webhooks", summary="List webhooks", responses=refused(401, 403, 500, 503))
def list_webhooks(session: ReadSessionDep, caller: ManagesWebhooks) -> Webhooks:
    """All webhooks of this key's channel."""
    return Webhooks(webhooks=[Webhook.of(each) for each in queries.endpoints(session, caller.channel_id)])


@router.post(
    "/webhooks",
    status_code=201,
    summary="Add a webhook",
    responses=refused(400, 401, 403, 409, 413, 422, 500, 503),
)
def add_webhook(
    session: SessionDep, context: ContextDep, caller: ManagesWebhooks, wanted: NewWebhook
) -> WebhookMade:
    """Have messages sent to an address, from now on. A channel has at most 5."""
    endpoint, secret = service.add(
        session, context.keys, context.settings, caller.actor, caller.channel_id, wanted.url
    )
    return WebhookMade(secret=secret, **Webhook.of(endpoint).model_dump())


@router.patch(
    "/webhooks/{webhook_id}",
    summary="Change a webhook",
    responses=refused(400, 401, 403, 404, 413, 422, 500, 503),
)
def change_webhook(
    session: SessionDep, context: ContextDep, caller: ManagesWebhooks, webhook_id: UUID, wanted: WebhookChange
) -> Webhook:
    """Change its address, pause it or let it go on."""
    endpoint = queries.get_endpoint(session, caller.channel_id, webhook_id)
    service.change(session, context.settings, caller.actor, endpoint, url=wanted.url, paused=wanted.paused)
    return Webhook.of(endpoint)


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    summary="Remove a webhook",
    responses=refused(401, 403, 404, 500, 503),
)
def remove_webhook(session: SessionDep, caller: ManagesWebhooks, webhook_id: UUID) -> Response:
    """Remove it; what waits for it is not sent any more."""
    service.remove(session, caller.actor, queries.get_endpoint(session, caller.channel_id, webhook_id))
    return Response(status_code=204)


@router.post(
    "/webhooks/{webhook_id}/secret",
    summary="Give a webhook a new secret",
    responses=refused(401, 403, 404, 500, 503),
)
def rotate_secret(
    session: SessionDep, context: ContextDep, caller: ManagesWebhooks, webhook_id: UUID
) -> WebhookSecret:
    """Replace its secret; for 24 hours messages carry signatures of the old one as well."""
    endpoint = queries.get_endpoint(session, caller.channel_id, webhook_id)
    return WebhookSecret(secret=service.rotate(session, context.keys, caller.actor, endpoint))


@router.post(
    "/webhooks/{webhook_id}/test",
    status_code=202,
    summary="Try a webhook out",
    responses=refused(401, 403, 404, 409, 500, 503),
)
def test_webhook(session: SessionDep, caller: ManagesWebhooks, webhook_id: UUID) -> Delivery:
    """Send it a `ping`; how it went stands in its deliveries."""
    endpoint = queries.get_endpoint(session, caller.channel_id, webhook_id)
    return Delivery.of(service.send_test(session, caller.actor, endpoint))


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    summary="List what was sent to a webhook",
    responses=refused(401, 403, 404, 422, 500, 503),
)
def list_deliveries(
    session: ReadSessionDep,
    caller: ManagesWebhooks,
    webhook_id: UUID,
    state: DeliveryState | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE_ROWS,
) -> Deliveries:
    """What was sent in the last 30 days and what waits, the newest first; `state=dead` lists dead letters."""
    queries.get_endpoint(session, caller.channel_id, webhook_id)
    found = queries.deliveries(session, webhook_id, state=state, before=cursor, most=limit + 1)
    shown = found[:limit]
    return Deliveries(
        deliveries=[Delivery.of(sent) for sent in shown],
        next_cursor=shown[-1].delivery.id if len(found) > limit else None,
    )


@router.post(
    "/webhooks/deliveries/{delivery_id}/replay",
    status_code=202,
    summary="Send a message again",
    responses=refused(401, 403, 404, 500, 503),
)
def replay_delivery(session: SessionDep, caller: ManagesWebhooks, delivery_id: UUID) -> Delivery:
    """Send a message anew however its delivery stands, under the same `webhook-id`."""
    sent = queries.get_delivery(session, caller.channel_id, delivery_id)
    service.replay(session, caller.actor, sent.delivery)
    return Delivery.of(sent)


@router.post(
    "/webhooks/{webhook_id}/replay-dead",
    status_code=202,
    summary="Send dead letters again",
    responses=refused(400, 401, 403, 404, 413, 422, 500, 503),
)
def replay_dead(
    session: SessionDep, caller: ManagesWebhooks, webhook_id: UUID, wanted: ReplayWanted
) -> Replayed:
    """Send all dead letters of a webhook anew that were written since a moment."""
    endpoint = queries.get_endpoint(session, caller.channel_id, webhook_id)
    return Replayed(deliveries=service.replay_dead(session, caller.actor, endpoint, wanted.since))
