"""How much a channel's tips are worth the officers' time: for operators, never for the channel.

Counted are tips of the last 90 days that officers closed after looking at them. Whether a photo resembled
anyone counts for nothing: a child found well with its family is a good tip.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.core.clock import now
from app.tips.models import Disposition, Tip

SPAN = timedelta(days=90)
LEAST_ANSWERED = 30
"""Answered tips from which a share says something."""

WORTHLESS = frozenset(
    {
        Disposition.FALSE_MALICIOUS,
        Disposition.NOT_A_CHILD,
        Disposition.INSUFFICIENT_INFORMATION,
        Disposition.RECIRCULATED_OLD_PHOTO,
    }
)
NOT_JUDGED = frozenset(
    {Disposition.WITHDRAWN_BY_TIPSTER, Disposition.EXPIRED_UNVERIFIED, Disposition.TRANSFERRED_OUT}
)
"""Dispositions that say nothing of what was sent."""

STEPS = ((0.10, 0.10), (0.25, 0.25), (0.50, 0.50))
"""Below the first share, the second one is left of the quota."""


@dataclass(frozen=True)
class Quality:
    """What officers made of a channel's tips.

    Attributes:
        answered: tips that were judged.
        worth_sending: those that were worth it.
    """

    answered: int
    worth_sending: int

    @property
    def share(self) -> float | None:
        """Share of the judged tips that were worth sending, 0 to 1; None while they are too few."""
        return self.worth_sending / self.answered if self.answered >= LEAST_ANSWERED else None

    @property
    def factor(self) -> float:
        """What is left of the channel's quota, 0.1 to 1."""
        share = self.share
        if share is None:
            return 1.0
        return next((left for below, left in STEPS if share < below), 1.0)


def score(session: Session, channel_id: UUID) -> Quality:
    """The quality of one channel."""
    return scores(session, [channel_id]).get(channel_id, Quality(0, 0))


def scores(session: Session, channel_ids: list[UUID]) -> dict[UUID, Quality]:
    """The quality of channels, in one question; those without judged tips are left out."""
    found: dict[UUID, Quality] = {}
    asked = (
        select(Tip.channel_id, Tip.disposition, func.count(col(Tip.id)))
        .where(
            col(Tip.channel_id).in_(channel_ids),
            col(Tip.disposed_at) > now() - SPAN,
            col(Tip.disposition).is_not(None),
            col(Tip.disposition).not_in(NOT_JUDGED),
        )
        .group_by(col(Tip.channel_id), col(Tip.disposition))
    )
    for channel_id, disposition, count in session.exec(asked):
        before = found.get(channel_id, Quality(0, 0))
        good = 0 if disposition in WORTHLESS else count
        found[channel_id] = Quality(before.answered + count, before.worth_sending + good)
    return found
