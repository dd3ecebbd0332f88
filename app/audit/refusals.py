"""Refusals of signed-in officers go into the log: few a crawl, and without a word of what was asked for."""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import col, func, select

from app.audit import service
from app.audit.models import Action, AuditEvent
from app.audit.service import officer_actor
from app.core.clock import now
from app.core.context import Context

log = structlog.get_logger()

MOST_AN_HOUR = 20
"""Rows for one officer; a crawler does not fill the log."""
STATUSES = frozenset({403, 404})


def note(context: Context, officer_id: UUID, status: int, route: str) -> None:
    """Write down that an officer was refused; without a database to write to, the answer comes all the same.

    Args:
        context: the deployment.
        officer_id: who asked.
        status: 403 or 404; others are not written down.
        route: the route's own pattern, never the address that was asked for.
    """
    if status not in STATUSES:
        return
    actor = officer_actor(officer_id)
    lately = (
        select(func.count())
        .select_from(AuditEvent)
        .where(
            AuditEvent.actor_id == actor.id,
            AuditEvent.action == Action.ACCESS_REFUSED,
            col(AuditEvent.at) > now() - timedelta(hours=1),
        )
    )
    try:
        with context.db.read() as session:
            if session.exec(lately).one() >= MOST_AN_HOUR:
                return
        with context.db.write() as session:
            service.record(session, actor, Action.ACCESS_REFUSED, "route", route, status=status)
    except OperationalError as error:
        log.warning("refusal_not_written", error=type(error).__name__)
