"""Deciding suggestions, and undoing what was decided, step by step.

A joining ends the rows of the sighting that goes into the other and adds rows to that one; nothing is
deleted. All that one step does bears one moment, so that undoing it finds just that and gives back the rows
as they were. A step is undone only while no later one rests on it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import cleaned
from app.officers.models import Officer
from app.sightings import queries
from app.sightings.models import Sighting, SightingFace, SightingSuggestion, SuggestionState

LONGEST_NOTE = 2_000
TOGETHER = 2
"""Faces that make a sighting."""


class Declined(StrEnum):
    """Why a suggestion is declined."""

    DIFFERENT = "different"  # Not the same child.
    CANNOT_TELL = "cannot_tell"  # The pictures do not say.


def confirm(session: Session, officer: Officer, suggestion_id: UUID) -> Sighting:
    """Join two faces as the same child, and with them the sightings that hold them.

    It changes no tip and makes no lead.

    Returns:
        The sighting that holds both faces now.

    Raises:
        NotFound: no such suggestion among those the officer may see.
        Conflict: somebody decided it meanwhile, or a face no longer counts.
    """
    suggestion = _open(session, officer, suggestion_id)
    rows = [queries.standing_row(session, face) for face in (suggestion.face_id, suggestion.other_id)]
    held = {row.sighting_id for row in rows if row is not None}
    sightings = sorted(
        (session.get_one(Sighting, sighting_id, with_for_update=True) for sighting_id in held),
        key=lambda sighting: (sighting.made_at, sighting.id),
    )
    at = _moment(session, held, [suggestion.face_id, suggestion.other_id])
    shown = queries.faces_shown(session, [suggestion.face_id, suggestion.other_id])
    if sightings:
        kept = sightings[0]
    else:
        kept = Sighting(
            jurisdiction_code=queries.common_area(
                session, {tip.jurisdiction_code for _, _, tip in shown.values()}
            ),
            made_by=officer.id,
            made_at=at,
        )
        session.add(kept)
        session.flush()
    for other in sightings[1:]:
        _move_all(session, other, kept, officer, at)
    for face_id, row in zip((suggestion.face_id, suggestion.other_id), rows, strict=True):
        if row is None:
            _add(session, kept, face_id, shown[face_id][2].id, officer, at)
    _decide(session, officer, suggestion, SuggestionState.CONFIRMED, at)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.SIGHTING_CONFIRMED,
        "sighting",
        kept.id,
        suggestion=str(suggestion.id),
        joined=str(sightings[1].id) if len(sightings) == TOGETHER else None,
    )
    return kept


def decline(session: Session, officer: Officer, suggestion_id: UUID, why: Declined) -> None:
    """Say that two faces are not one child, or that it cannot be told.

    Raises:
        NotFound: no such suggestion among those the officer may see.
        Conflict: somebody decided it meanwhile, or a face no longer counts.
    """
    suggestion = _open(session, officer, suggestion_id)
    _decide(session, officer, suggestion, SuggestionState.DECLINED, now())
    audit.record(
        session,
        officer_actor(officer.id),
        Action.SIGHTING_DECLINED,
        "sighting_suggestion",
        suggestion.id,
        why=why.value,
    )


def undo(session: Session, officer: Officer, suggestion_id: UUID) -> None:
    """Take a decision back: the suggestion waits again, and what it joined is as it was.

    Raises:
        NotFound: no such suggestion among those the officer may see.
        Conflict: it is not decided, or a later step rests on what it joined.
    """
    suggestion = queries.get_suggestion(session, officer, suggestion_id)
    if suggestion.state not in {SuggestionState.CONFIRMED, SuggestionState.DECLINED}:
        raise Conflict("This suggestion is not decided.")
    sighting_id = _part(session, suggestion) if suggestion.state == SuggestionState.CONFIRMED else None
    suggestion.state, suggestion.decided_by, suggestion.decided_at = SuggestionState.OPEN, None, None
    session.add(suggestion)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.SIGHTING_UNDONE,
        "sighting_suggestion",
        suggestion.id,
        step="decision",
        sighting=str(sighting_id) if sighting_id else None,
    )


def take_out(session: Session, officer: Officer, sighting_id: UUID, face_id: UUID) -> None:
    """Take a face out of a sighting; with fewer than two left, the sighting ends.

    Raises:
        NotFound: no such sighting, or no such face of a tip that the officer may see.
        Conflict: the face was taken out already.
    """
    sighting = queries.get_visible(session, officer, sighting_id, hold=True)
    rows = _own_rows(session, officer, sighting, face_id)
    at = _moment(session, [sighting.id], [face_id])
    standing = [row for row in queries.rows_of(session, [sighting.id]) if row.removed_at is None]
    taken = next((row for row in rows if row.removed_at is None), None)
    if taken is None:
        raise Conflict("This face was taken out already.")
    ends = len(standing) <= TOGETHER
    for row in standing if ends else [taken]:
        _end(session, row, officer, at)
    if ends:
        sighting.ended_at = at
        session.add(sighting)
    _undone(session, officer, sighting, "face_taken_out", face_id)


def put_back(session: Session, officer: Officer, sighting_id: UUID, face_id: UUID) -> None:
    """Put back a face that was taken out; a sighting that ended with it stands again.

    Raises:
        NotFound: no such sighting, or no such face of a tip that the officer may see.
        Conflict: the face is in a sighting, or this one was joined to another.
    """
    sighting = queries.get_visible(session, officer, sighting_id, hold=True)
    rows = _own_rows(session, officer, sighting, face_id)
    back = rows[-1]
    if back.removed_at is None:
        raise Conflict("This face is in the sighting already.")
    returning = [back]
    if sighting.ended_at is not None:
        returning = [
            row
            for row in queries.rows_of(session, [sighting.id])
            if row.removed_at == sighting.ended_at == back.removed_at
        ]
    if not returning or any(queries.standing_row(session, row.face_id) for row in returning):
        raise Conflict("This sighting was joined to another, or the face is in another one now.")
    sighting.ended_at = None
    session.add(sighting)
    for row in returning:
        _revive(session, row)
    _undone(session, officer, sighting, "face_put_back", face_id)


def write_note(session: Session, officer: Officer, sighting_id: UUID, note: str) -> None:
    """Write what officers should know of a sighting.

    Raises:
        NotFound: no such sighting among those the officer may see.
        Invalid: too long, or signs that cannot be saved.
    """
    sighting = queries.get_visible(session, officer, sighting_id, hold=True)
    text = cleaned(note, "note")
    if len(text) > LONGEST_NOTE:
        raise Invalid("At most %(most)s characters.", field="note", most=LONGEST_NOTE)
    sighting.note = text
    session.add(sighting)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.SIGHTING_CONFIRMED,
        "sighting",
        sighting.id,
        step="note",
        characters=len(text),
    )


def viewed(session: Session, officer: Officer, sighting_id: UUID, places: int) -> None:
    """Write down that an officer looked at a sighting's track."""
    audit.record(
        session, officer_actor(officer.id), Action.MAP_VIEWED, "sighting", sighting_id, places=places
    )


def _open(session: Session, officer: Officer, suggestion_id: UUID) -> SightingSuggestion:
    suggestion = queries.get_suggestion(session, officer, suggestion_id)
    if suggestion.state != SuggestionState.OPEN or not queries.still_counts(session, suggestion):
        raise Conflict("This suggestion was decided or withdrawn meanwhile.")
    return suggestion


def _decide(
    session: Session, officer: Officer, suggestion: SightingSuggestion, state: SuggestionState, at: datetime
) -> None:
    suggestion.state, suggestion.decided_by, suggestion.decided_at = state, officer.id, at
    session.add(suggestion)
    session.flush()


def _part(session: Session, suggestion: SightingSuggestion) -> UUID:
    """Undo what confirming a suggestion joined; see `confirm`."""
    at = suggestion.decided_at
    row = queries.standing_row(session, suggestion.face_id)
    if row is None or at is None:
        raise Conflict("The faces were taken apart since. Put them back first.")
    kept = session.get_one(Sighting, row.sighting_id, with_for_update=True)
    rows = queries.rows_of(session, [kept.id])
    if any(each.added_at > at or (each.removed_at is not None and each.removed_at > at) for each in rows):
        raise Conflict("A later step of this sighting rests on this one. Undo that first.")
    added = [each for each in rows if each.added_at == at]
    for each in added:
        _end(session, each, None, at)
    for each in queries.ended_into(session, [each.face_id for each in added], at):
        joined = session.get_one(Sighting, each.sighting_id)
        joined.ended_at = None
        session.add(joined)
        _revive(session, each)
    if kept.made_at == at:
        kept.ended_at = at
        session.add(kept)
    return kept.id


def _move_all(session: Session, other: Sighting, kept: Sighting, officer: Officer, at: datetime) -> None:
    for row in queries.rows_of(session, [other.id]):
        if row.removed_at is None:
            _end(session, row, officer, at)
            _add(session, kept, row.face_id, row.tip_id, officer, at)
    other.ended_at = at
    session.add(other)


def _add(
    session: Session, sighting: Sighting, face_id: UUID, tip_id: UUID, officer: Officer, at: datetime
) -> None:
    session.add(
        SightingFace(
            sighting_id=sighting.id, face_id=face_id, tip_id=tip_id, added_by=officer.id, added_at=at
        )
    )
    session.flush()


def _end(session: Session, row: SightingFace, officer: Officer | None, at: datetime) -> None:
    row.removed_at, row.removed_by = at, officer.id if officer else None
    session.add(row)
    # Before another row of the same face is written: a face is in one sighting at a time.
    session.flush()


def _revive(session: Session, row: SightingFace) -> None:
    row.removed_at, row.removed_by = None, None
    session.add(row)
    session.flush()


def _own_rows(session: Session, officer: Officer, sighting: Sighting, face_id: UUID) -> list[SightingFace]:
    rows = [row for row in queries.rows_of(session, [sighting.id]) if row.face_id == face_id]
    if not rows or not queries.visible_tip_ids(session, officer, [row.tip_id for row in rows]):
        raise NotFound
    return rows


def _moment(session: Session, sighting_ids: Collection[UUID], face_ids: Collection[UUID]) -> datetime:
    """Now, and later than every step of these sightings and faces, whatever the clock does."""
    last = queries.last_step(session, sighting_ids, face_ids)
    return now() if last is None else max(now(), last + timedelta(microseconds=1))


def _undone(session: Session, officer: Officer, sighting: Sighting, step: str, face_id: UUID) -> None:
    audit.record(
        session,
        officer_actor(officer.id),
        Action.SIGHTING_UNDONE,
        "sighting",
        sighting.id,
        step=step,
        face=str(face_id),
    )
