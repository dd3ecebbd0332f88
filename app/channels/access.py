"""Who may look after channels: administrators and supervisors of the nation, since a channel has no area."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.errors import NotAllowed
from app.officers.models import Officer, Role
from app.officers.sessions import officer_of
from app.tips.queries import NATION


class _National:
    """Lets in officers of the nation who hold one of the roles."""

    def __init__(self, *roles: Role) -> None:
        self._roles = roles

    def __call__(self, request: Request) -> Officer:
        officer = officer_of(request)
        if officer.jurisdiction_code != NATION or not officer.has(*self._roles):
            raise NotAllowed("Your role does not include this.")
        return officer


ChannelReaderDep = Annotated[Officer, Depends(_National(Role.ADMIN, Role.SUPERVISOR))]
"""May see the channels: their keys, numbers and voidings."""
ChannelKeeperDep = Annotated[Officer, Depends(_National(Role.ADMIN))]
"""May change a channel: keys, quotas, owner, pause, webhooks."""
ChannelVoiderDep = Annotated[Officer, Depends(_National(Role.SUPERVISOR))]
"""May void a channel's tips, and take that back."""
