"""How many tips a channel may send: in a minute, counted from the tips; on a day (UTC), from its counts.

Both lie in the database, so that all web processes together hold them. Requests that run at the same moment
may pass the limit by as many as there are.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.core.clock import now
from app.core.errors import NotAllowed, TooMany, message
from app.core.settings import Settings
from app.partners import quality
from app.partners.models import ChannelDay
from app.tips.models import Channel, Tip

MINUTE = timedelta(minutes=1)
PAUSED = message("The operator has paused this channel. What was sent before can still be read.")
USED_UP = message("This channel has sent as many tips as it may for now. Send this one again later.")


@dataclass(frozen=True)
class Use:
    """How much of its quota a channel has used.

    Attributes:
        minute_quota: tips it may send in a minute.
        minute_left: what is left of them.
        day_quota: tips it may send on a day.
        day_left: what is left of them.
        reset_s: seconds until more is left.
    """

    minute_quota: int
    minute_left: int
    day_quota: int
    day_left: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit headers, as the IETF's draft names them; they say nothing but the channel's own use."""
        left = min(self.minute_left, self.day_left)
        return {
            "RateLimit-Policy": f'"minute";q={self.minute_quota};w=60, "day";q={self.day_quota};w=86400',
            "RateLimit": f'"{"day" if left == self.day_left else "minute"}";r={left};t={self.reset_s}',
        }


def use_of(session: Session, settings: Settings, channel: Channel) -> Use:
    """What a channel has used of its quota, lowered in steps while its tips are mostly worthless."""
    moment = now()
    factor = quality.score(session, channel.id).factor
    per_minute = _lowered(channel.minute_quota or settings.partner_minute_quota, factor)
    per_day = _lowered(channel.day_quota or settings.partner_day_quota, factor)
    recent, oldest = session.exec(
        select(func.count(col(Tip.id)), func.min(Tip.received_at)).where(
            col(Tip.received_at) > moment - MINUTE, Tip.channel_id == channel.id
        )
    ).one()
    day = session.get(ChannelDay, (channel.id, moment.date()))
    minute_left = max(0, per_minute - recent)
    day_left = max(0, per_day - (day.accepted if day else 0))
    reset = (oldest.replace(tzinfo=UTC) + MINUTE) if oldest and not minute_left else moment + MINUTE
    if not day_left:
        reset = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), UTC)
    return Use(
        per_minute, minute_left, per_day, day_left, max(1, math.ceil((reset - moment).total_seconds()))
    )


def check(session: Session, settings: Settings, channel: Channel, wanted: int = 1) -> Use:
    """See that a channel may send tips now.

    Args:
        session: any session.
        settings: the deployment's quotas.
        channel: the channel.
        wanted: how many tips.

    Raises:
        NotAllowed: the operator paused it.
        TooMany: its quota is used up.
    """
    if channel.paused_at is not None:
        raise NotAllowed(PAUSED)
    use = use_of(session, settings, channel)
    if min(use.minute_left, use.day_left) < wanted:
        refusal = TooMany(USED_UP, retry_after_s=use.reset_s)
        refusal.headers |= use.headers
        raise refusal
    return use


def _lowered(quota: int, factor: float) -> int:
    return max(1, math.floor(quota * factor))
