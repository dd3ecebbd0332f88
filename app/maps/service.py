"""Writing down who looked at which map."""

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.maps.drawing import Drawing
from app.maps.queries import Kind, View
from app.officers.models import Officer


def viewed(session: Session, officer: Officer, view: View, drawing: Drawing) -> None:
    """Record that an officer looked at the map of an area, and how much was on it."""
    audit.record(
        session,
        officer_actor(officer.id),
        Action.MAP_VIEWED,
        "jurisdiction",
        view.area.code,
        since=view.since.isoformat(),
        until=view.until.isoformat(),
        tips=drawing.total(Kind.TIP),
        sightings=drawing.total(Kind.SIGHTING),
        cases=drawing.total(Kind.CASE),
    )
