"""Whose request it is: Open311 sends its key as `api_key`; Bearer is taken, too."""

from fastapi import Request

from app.core.context import Context
from app.core.errors import NotAllowed
from app.partners import quotas, service
from app.partners.access import Caller
from app.partners.models import Scope


def caller_of(request: Request, context: Context, api_key: str, scope: Scope) -> Caller:
    """The caller of a request.

    Args:
        request: the request.
        context: the open deployment.
        api_key: as Open311 sends it; empty to read the header Authorization.
        scope: what it wants to do.

    Raises:
        NotSignedIn: no valid key.
        NotAllowed: the key was not made for this, has to sign its requests, or its channel is paused.
    """
    authorization = f"Bearer {api_key}" if api_key else request.headers.get("authorization", "")
    with context.db.read() as session:
        key, channel = service.authenticate(session, authorization, scope)
        caller = Caller(channel.id, key.key_id, channel.kind, channel.jurisdiction_code)
    request.state.caller = caller
    if key.signing_secret_sealed is not None:
        raise NotAllowed("This key's requests have to be signed, which Open311 cannot. Use another key here.")
    if scope == Scope.TIPS_SEND and channel.paused_at is not None:
        raise NotAllowed(quotas.PAUSED)
    return caller
