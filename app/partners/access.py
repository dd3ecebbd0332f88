"""Who calls the API: a key's channel, and whether the key may do what is asked."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.security import HTTPBearer

from app.audit.models import ActorKind
from app.audit.service import Actor
from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.errors import NotAllowed
from app.partners import quotas, service, signatures
from app.partners.models import Scope
from app.tips.models import Channel, ChannelKind

documented_scheme = HTTPBearer(
    auto_error=False, description="A key made by the operator: hw1_<id>_<secret>.", scheme_name="PartnerKey"
)


LAST_USE_EVERY = timedelta(hours=1)
"""How exactly the last use of a key is known."""


@dataclass(frozen=True)
class Caller:
    """A request with a valid key.

    Attributes:
        channel_id: the key's channel.
        key_id: the part of the key that may be shown and logged.
        kind: partner, sandbox or registry.
        jurisdiction_code: area of a registry; None for others.
        unused_lately: whether the key's last use is to be written down anew.
        signs: whether its requests are signed.
    """

    channel_id: UUID
    key_id: str
    kind: ChannelKind
    jurisdiction_code: str | None
    unused_lately: bool = False
    signs: bool = False

    @property
    def actor(self) -> Actor:
        """The caller for the audit log."""
        return Actor(ActorKind.PARTNER, str(self.channel_id))


def _caller(scope: Scope, *, sends: bool = False) -> Callable[..., Coroutine[None, None, Caller]]:
    def known(request: Request, context: ContextDep) -> tuple[Caller, str | None]:
        # A session of its own: one that waited for a slow body would hold a connection all that time.
        with context.db.read() as session:
            key, channel = service.authenticate(session, request.headers.get("authorization", ""), scope)
            sealed = key.signing_secret_sealed
            unused = key.last_used_at is None or key.last_used_at < now() - LAST_USE_EVERY
            caller = Caller(
                channel.id, key.key_id, channel.kind, channel.jurisdiction_code, unused, signs=bool(sealed)
            )
            request.state.caller = caller
            if sends and channel.paused_at is not None:
                raise NotAllowed(quotas.PAUSED)
        return caller, context.keys.unseal(sealed).decode() if sealed else None

    async def caller(request: Request, found: Annotated[tuple[Caller, str | None], Depends(known)]) -> Caller:
        caller, secret = found
        if secret is not None:
            if signatures.SIGNATURE not in request.headers:
                raise signatures.unsigned()
            # Whatever reads the body afterwards gets these very bytes.
            body = await request.body()
            query = request.scope["query_string"].decode("latin-1")
            path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
            target = f"{path}?{query}" if query else path
            signatures.check(secret, request.headers, request.method, target, body)
        return caller

    return caller


def room_for(context: Context, caller: Caller, response: Response, tips: int = 1) -> None:
    """See that a channel may send tips now, and tell it what is left of its quota.

    Raises:
        NotAllowed: the operator paused it.
        TooMany: its quota is used up.
    """
    with context.db.read() as session:
        channel = session.get_one(Channel, caller.channel_id)
        use = quotas.check(session, context.settings, channel, tips)
    response.headers.update(use.headers)


SendsTips = Annotated[Caller, Depends(_caller(Scope.TIPS_SEND, sends=True))]
ReadsTips = Annotated[Caller, Depends(_caller(Scope.TIPS_READ))]
ManagesWebhooks = Annotated[Caller, Depends(_caller(Scope.WEBHOOKS))]
KeepsRecords = Annotated[Caller, Depends(_caller(Scope.RECORDS, sends=True))]
