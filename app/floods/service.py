"""What a supervisor does with a wave."""

from uuid import UUID

from sqlmodel import Session

from app.core.clock import now
from app.floods import queries
from app.officers.models import Officer


def see(session: Session, officer: Officer, flood_id: UUID) -> None:
    """Note that somebody looked at a wave; the first one stays.

    Raises:
        NotFound: no such wave, or another area's.
    """
    flood = queries.get(session, officer, flood_id)
    if flood.seen_by is None:
        flood.seen_by, flood.seen_at = officer.id, now()
        session.add(flood)
