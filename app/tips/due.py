"""By when a tip's sender may expect something: from when officers got the tip and from nothing else.

The officers' own clocks (`app.tips.clocks`) stop when a tip is opened or becomes a lead, and start anew when
it goes to another area. What a sender reads must not: it would tell of a candidate. So these moments are
fixed with the first handing over, and are shown until there is an answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from app.core.settings import Settings
from app.tips.clocks import BEFORE_OFFICERS
from app.tips.models import Tip, TipEvent

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Due:
    """What a sender may expect.

    Attributes:
        opened_by: an officer of that place should have opened the tip.
        answered_by: there should be an answer.
    """

    opened_by: datetime
    answered_by: datetime


def of_tip(session: Session, tip_id: UUID, settings: Settings) -> Due:
    """By when the sender of a tip may expect something; meaningful once officers have it.

    Both are rounded up to the full hour: how long the first look at the photos took does not show in them.
    """
    tip = session.get_one(Tip, tip_id)
    handed_over = session.exec(
        select(TipEvent.at)
        .where(TipEvent.tip_id == tip_id, col(TipEvent.state).not_in(BEFORE_OFFICERS))
        .order_by(col(TipEvent.at), col(TipEvent.id))
        .limit(1)
    ).first()
    start = handed_over or tip.received_at
    hours = settings.acknowledge_danger_hours if tip.danger_now else settings.acknowledge_hours
    return Due(
        _full_hour(start + timedelta(hours=hours)),
        _full_hour(start + timedelta(hours=settings.decide_hours)),
    )


def _full_hour(moment: datetime) -> datetime:
    down = moment.replace(minute=0, second=0, microsecond=0)
    return moment if moment == down else down + _HOUR
