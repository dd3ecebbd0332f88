"""What came in on each channel by day, and what went wrong: two questions at most for all channels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.core.clock import now
from app.partners.models import ChannelDay
from app.tips.models import Channel, ChannelKind, Tip

DAYS = 30
"""Days shown, today among them; a day is one of UTC, as channels are counted."""
WEEK = 7
BAR_WIDTH, BOX_HEIGHT = 4, 24
WITHOUT_KEYS = frozenset({ChannelKind.WEB, ChannelKind.IMPORT})
"""Channels whose tips are counted themselves: nobody calls for them with a key."""


@dataclass(frozen=True)
class Day:
    """One day of a channel.

    Attributes:
        day: the day, UTC.
        accepted: tips or records taken.
        refused: requests with a mistake in them.
        throttled: requests beyond the quota.
        failed: requests that failed here.
        last_refusal: code of the newest mistake.
    """

    day: date
    accepted: int = 0
    refused: int = 0
    throttled: int = 0
    failed: int = 0
    last_refusal: str | None = None


@dataclass(frozen=True)
class Numbers:
    """A channel's last thirty days, the oldest first."""

    days: tuple[Day, ...]

    @property
    def today(self) -> int:
        """Tips taken today."""
        return self.days[-1].accepted

    @property
    def week(self) -> int:
        """Tips taken within seven days."""
        return sum(day.accepted for day in self.days[-WEEK:])

    @property
    def month(self) -> int:
        """Tips taken within thirty days."""
        return sum(day.accepted for day in self.days)

    @property
    def bars(self) -> list[tuple[int, float, float]]:
        """A bar for each day: its left side, its top and its height, in a box of 120 by 24 units."""
        most = max(day.accepted for day in self.days) or 1
        heights = [round(day.accepted / most * BOX_HEIGHT, 1) for day in self.days]
        return [(place * BAR_WIDTH, round(BOX_HEIGHT - high, 1), high) for place, high in enumerate(heights)]

    @property
    def refused(self) -> int:
        """Requests with a mistake within seven days."""
        return sum(day.refused for day in self.days[-WEEK:])

    @property
    def throttled(self) -> int:
        """Requests beyond the quota within seven days."""
        return sum(day.throttled for day in self.days[-WEEK:])

    @property
    def failed(self) -> int:
        """Requests that failed here within seven days."""
        return sum(day.failed for day in self.days[-WEEK:])

    @property
    def last_refusal(self) -> str | None:
        """Code of the newest mistake."""
        return next((day.last_refusal for day in reversed(self.days) if day.last_refusal), None)


def of_channels(session: Session, channels: Sequence[Channel]) -> dict[UUID, Numbers]:
    """The numbers of channels, in at most two questions.

    Args:
        session: any session.
        channels: the channels.
    """
    today = now().date()
    wanted = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    keyed = [channel.id for channel in channels if channel.kind not in WITHOUT_KEYS]
    others = [channel.id for channel in channels if channel.kind in WITHOUT_KEYS]
    found = _counted(session, keyed, wanted[0]) | _taken(session, others, wanted[0])
    return {
        channel.id: Numbers(tuple(found.get((channel.id, day), Day(day)) for day in wanted))
        for channel in channels
    }


def _counted(session: Session, ids: Collection[UUID], since: date) -> dict[tuple[UUID, date], Day]:
    rows = session.exec(
        select(ChannelDay).where(col(ChannelDay.channel_id).in_(ids), col(ChannelDay.day) >= since)
    )
    return {
        (row.channel_id, row.day): Day(
            row.day, row.accepted, row.refused, row.throttled, row.failed, row.last_refusal
        )
        for row in rows
    }


def _taken(session: Session, ids: Collection[UUID], since: date) -> dict[tuple[UUID, date], Day]:
    if not ids:
        return {}
    day = func.date(col(Tip.received_at))
    rows = session.exec(
        select(Tip.channel_id, day, func.count())
        .where(col(Tip.channel_id).in_(ids), col(Tip.received_at) >= datetime.combine(since, time(), UTC))
        .group_by(col(Tip.channel_id), day)
    )
    days = ((channel_id, date.fromisoformat(str(text)), count) for channel_id, text, count in rows)
    return {(channel_id, each): Day(each, accepted=count) for channel_id, each, count in days}
