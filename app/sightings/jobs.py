"""The background step that suggests sightings; it may be repeated, and computes outside of transactions."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates.gallery import Galleries
from app.core.context import Context
from app.sightings import queries, suggesting
from app.sightings.models import SightingSuggestion
from app.sightings.suggesting import Likeness
from matching.calibration import CalibrationMissing


def suggest(context: Context, gallery: Galleries, tip_id: UUID) -> int:
    """Suggest which faces of other tips may show a child of this tip.

    Where nobody has measured what the active encoder's scores mean, there is no threshold and no suggestion.

    Returns:
        Suggestions made.
    """
    settings = context.settings
    with context.db.read() as session:
        current = gallery.current(session)
        encoded = (current.encoder, current.version)
        own = suggesting.faces_of(session, tip_id, *encoded)
        if not own:
            return 0
        others = suggesting.faces_near(
            session, own[0], *encoded, km=settings.sighting_km, days=settings.sighting_days
        )
    try:
        found = suggesting.alike(current.rules, own, others, settings.short_list)
    except CalibrationMissing:
        return 0
    if not found:
        return 0
    with context.db.write() as session:
        return sum(_write(session, pair, *encoded) for pair in found)


def _write(session: Session, pair: Likeness, encoder: str, version: str) -> bool:
    if not queries.may_be_suggested(session, pair.face_id, pair.other_id):
        return False
    made = SightingSuggestion(
        face_id=pair.face_id,
        other_id=pair.other_id,
        score=pair.score,
        encoder=encoder,
        encoder_version=version,
        distance_m=pair.distance_m,
        hours_apart=pair.hours_apart,
    )
    session.add(made)
    audit.record(
        session,
        SYSTEM,
        Action.SIGHTING_SUGGESTED,
        "sighting_suggestion",
        made.id,
        face=str(pair.face_id),
        other=str(pair.other_id),
    )
    return True
