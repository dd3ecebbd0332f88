"""Who may look after channels: officers of the nation, since a channel has no area."""

from typing import Annotated

from fastapi import Depends

from app.officers.access import Right
from app.officers.models import Officer
from app.officers.sessions import require

ChannelReaderDep = Annotated[Officer, Depends(require(Right.READ_CHANNELS))]
"""May see the channels: their keys, numbers and voidings."""
ChannelKeeperDep = Annotated[Officer, Depends(require(Right.KEEP_CHANNELS))]
"""May change a channel: keys, quotas, owner, pause, webhooks."""
ChannelVoiderDep = Annotated[Officer, Depends(require(Right.VOID_CHANNELS))]
"""May void a channel's tips, and take that back."""
