"""Who calls the API: a key's channel, and whether the key may do what is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.audit.models import ActorKind
from app.audit.service import Actor
from app.core.context import ContextDep
from app.partners import service
from app.partners.models import Scope
from app.tips.models import ChannelKind

documented_scheme = HTTPBearer(
    auto_error=False, description="A key made by the operator: hw1_<id>_<secret>.", scheme_name="PartnerKey"
)


@dataclass(frozen=True)
class Caller:
    """A request with a valid key.

    Attributes:
        channel_id: the key's channel.
        key_id: the part of the key that may be shown and logged.
        kind: partner, sandbox or registry.
        jurisdiction_code: area of a registry; None for others.
    """

    channel_id: UUID
    key_id: str
    kind: ChannelKind
    jurisdiction_code: str | None

    @property
    def actor(self) -> Actor:
        """The caller for the audit log."""
        return Actor(ActorKind.PARTNER, str(self.channel_id))


def _caller(scope: Scope) -> Callable[..., Caller]:
    def caller(request: Request, context: ContextDep) -> Caller:
        # A session of its own: one that waited for a slow body would hold a connection all that time.
        with context.db.read() as session:
            key, channel = service.authenticate(session, request.headers.get("authorization", ""), scope)
            return Caller(channel.id, key.key_id, channel.kind, channel.jurisdiction_code)

    return caller


SendsTips = Annotated[Caller, Depends(_caller(Scope.TIPS_SEND))]
ReadsTips = Annotated[Caller, Depends(_caller(Scope.TIPS_READ))]
ManagesWebhooks = Annotated[Caller, Depends(_caller(Scope.WEBHOOKS))]
KeepsRecords = Annotated[Caller, Depends(_caller(Scope.RECORDS))]
