"""What channels ask for, counted by day: one small write after the answer has left, never in its way."""

from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clock import now
from app.core.context import Context
from app.partners.access import Caller
from app.partners.models import ChannelDay, PartnerKey

log = structlog.get_logger()

TOO_MANY, FAULT, REFUSED = 429, 500, 400
OWN_PLACE = frozenset({401, 403})
"""Refusals that say nothing of what was sent."""


class CountsRequests:
    """ASGI middleware: notes what came of each request that carried a good key.

    A route puts its caller into `request.state.caller`, and the tips it took into `request.state.accepted`.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the answer leave, then count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        status = FAULT

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if "caller" in state:
                await run_in_threadpool(self._count, state, status)

    def _count(self, state: dict[str, object], status: int) -> None:
        caller = state["caller"]
        accepted = int(str(state.get("accepted", 0)))
        if not isinstance(caller, Caller) or not (accepted or caller.unused_lately or status >= REFUSED):
            return
        try:
            with self._context.db.write() as session:
                count(
                    session,
                    caller.channel_id,
                    status,
                    accepted=accepted,
                    code=str(state.get("problem", "")) or None,
                )
                if caller.unused_lately:
                    _note_use(session, caller.key_id)
        except SQLAlchemyError as error:
            log.warning("request_not_counted", error=type(error).__name__)


def count(
    session: Session, channel_id: UUID, status: int, *, accepted: int = 0, code: str | None = None
) -> None:
    """Add one request to its channel's day.

    Args:
        session: a writing session.
        channel_id: the channel.
        status: of the answer.
        accepted: tips that were taken.
        code: of the refusal, if it was one.
    """
    refused = REFUSED <= status < FAULT and status not in OWN_PLACE and status != TOO_MANY
    added = {
        "accepted": accepted,
        "refused": int(refused),
        "throttled": int(status == TOO_MANY),
        "failed": int(status >= FAULT),
    }
    if not any(added.values()):
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = insert(ChannelDay).values(channel_id=channel_id, day=now().date(), last_refusal=code, **added)
    more = {name: getattr(ChannelDay, name) + value for name, value in added.items()}
    session.execute(
        row.on_conflict_do_update(
            index_elements=["channel_id", "day"],
            set_=more | ({"last_refusal": code} if code and refused else {}),
        )
    )


def _note_use(session: Session, key_id: str) -> None:
    session.execute(update(PartnerKey).where(col(PartnerKey.key_id) == key_id).values(last_used_at=now()))
