"""How long an agency has, computed from a referral's events alone.

Both run from sending: the answer clock until the agency accepts, declines or completes, the outcome clock
until it declines or completes. Taking a referral back stops both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.settings import Settings
from app.referrals.models import ReferralEvent, ReferralState


class ReferralClockKind(StrEnum):
    """What the agency has to do."""

    ANSWER = "answer"
    OUTCOME = "outcome"


@dataclass(frozen=True)
class ReferralClock:
    """One clock of a referral.

    Attributes:
        kind: what has to happen.
        due_at: when it runs out.
        stopped_at: when it was done; None while it runs.
    """

    kind: ReferralClockKind
    due_at: datetime
    stopped_at: datetime | None

    def overdue(self, moment: datetime) -> bool:
        """Whether it ran out at a moment without being done."""
        return self.stopped_at is None and moment > self.due_at


def of_events(events: Sequence[ReferralEvent], settings: Settings) -> list[ReferralClock]:
    """The clocks of a referral.

    Args:
        events: its events, oldest first; the first is its sending.
        settings: how long each clock may last.
    """
    if not events:
        return []
    sent = events[0].at
    answered = next((event.at for event in events if event.state != ReferralState.SENT), None)
    working = {ReferralState.SENT, ReferralState.ACCEPTED}
    ended = next((event.at for event in events if event.state not in working), None)
    return [
        ReferralClock(
            ReferralClockKind.ANSWER, sent + timedelta(hours=settings.referral_answer_hours), answered
        ),
        ReferralClock(ReferralClockKind.OUTCOME, sent + timedelta(days=settings.referral_days), ended),
    ]


def next_due(clocks: Sequence[ReferralClock]) -> ReferralClock | None:
    """The clock that runs out first among those that run."""
    return min((clock for clock in clocks if clock.stopped_at is None), key=lambda c: c.due_at, default=None)
