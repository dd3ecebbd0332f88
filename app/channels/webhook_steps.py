"""What the buttons beside a webhook do."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlmodel import Session

from app.audit.service import Actor
from app.core.context import Context
from app.webhooks import service
from app.webhooks.models import WebhookEndpoint

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

Step = Callable[[Session, Context, Actor, WebhookEndpoint], object]
STEPS: dict[str, Step] = {
    "test": lambda session, _context, actor, endpoint: service.send_test(session, actor, endpoint),
    "pause": lambda session, context, actor, endpoint: service.change(
        session, context.settings, actor, endpoint, paused=True
    ),
    "resume": lambda session, context, actor, endpoint: service.change(
        session, context.settings, actor, endpoint, paused=False
    ),
    "replay": lambda session, _context, actor, endpoint: service.replay_dead(
        session, actor, endpoint, BEGINNING
    ),
    "remove": lambda session, _context, actor, endpoint: service.remove(session, actor, endpoint),
}
"""What a button does with an endpoint."""
