"""Waves as supervisors see them."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import false
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.clock import now
from app.core.errors import NotFound
from app.floods.models import Flood, FloodKind
from app.jurisdictions import queries as areas
from app.jurisdictions.models import Jurisdiction
from app.officers.access import NATION
from app.officers.models import Officer
from app.tips.models import Channel

SHOWN = timedelta(days=30)
MOST = 100


@dataclass(frozen=True)
class Wave:
    """A wave with what it is of.

    Attributes:
        flood: its row.
        channel: of a wave of a channel.
        area: of one that has a single area.
        seen_by: who looked at it.
    """

    flood: Flood
    channel: Channel | None
    area: Jurisdiction | None
    seen_by: Officer | None


def visible_to(officer: Officer) -> SelectOfScalar[Flood]:
    """Waves of the officer's area and below; one without a single area is the nation's."""
    of_all = col(Flood.jurisdiction_code).is_(None) if officer.jurisdiction_code == NATION else false()
    within = col(Flood.jurisdiction_code).in_(areas.codes_within(officer))
    return select(Flood).where(or_(of_all, within))


def recent(session: Session, officer: Officer) -> list[Wave]:
    """Waves that go on, then those of the last thirty days, the newest first."""
    question = (
        visible_to(officer)
        .where(or_(col(Flood.ended_at).is_(None), col(Flood.began_at) > now() - SHOWN))
        .order_by(col(Flood.ended_at).is_not(None), col(Flood.began_at).desc())
    )
    return [_wave(session, flood) for flood in session.exec(question.limit(MOST)).all()]


def get(session: Session, officer: Officer, flood_id: UUID) -> Flood:
    """One wave.

    Raises:
        NotFound: no such wave, or another area's.
    """
    found = session.exec(visible_to(officer).where(Flood.id == flood_id)).first()
    if found is None:
        raise NotFound
    return found


def _wave(session: Session, flood: Flood) -> Wave:
    channel = session.get(Channel, UUID(flood.subject)) if flood.kind == FloodKind.CHANNEL else None
    area = session.get(Jurisdiction, flood.jurisdiction_code) if flood.jurisdiction_code else None
    seen_by = session.get(Officer, flood.seen_by) if flood.seen_by else None
    return Wave(flood, channel, area, seen_by)
