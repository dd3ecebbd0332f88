"""Saying who a face is: the child that a tip is about, or a bystander who is not searched."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates import progress
from app.candidates import queries as candidates
from app.candidates.models import CandidateState
from app.core import jobs
from app.core.errors import NotFound
from app.officers.models import Officer
from app.photos.models import Face, FaceRole, Photo
from app.tips import queries as tips


def mark(session: Session, officer: Officer, tip_id: UUID, face_id: UUID, role: FaceRole) -> None:
    """Say who a face is; marking it as it was before undoes this.

    A bystander's candidates that nobody decided on are withdrawn, and the face is left out of later searches.
    What reviewers have decided on goes its way: a mark is no way past them. Whoever is a bystander no more is
    searched anew.

    Raises:
        NotFound: not of the officer's area, or no face of the tip.
    """
    tip = tips.get_visible(session, officer, tip_id)
    face = session.get(Face, face_id)
    photo = session.get_one(Photo, face.photo_id) if face else None
    if face is None or photo is None or photo.tip_id != tip.id:
        raise NotFound
    was = face.role
    if was == role:
        return
    face.role = role
    session.add(face)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.FACE_MARKED,
        "face",
        face.id,
        tip=str(tip.id),
        was=was.value,
        now=role.value,
    )
    if role == FaceRole.BYSTANDER:
        undecided = [
            candidate
            for candidate in candidates.open_of_tip(session, tip.id)
            if candidate.face_id == face.id and candidate.state == CandidateState.PROPOSED
        ]
        progress.withdraw(session, undecided, "bystander")
    elif was == FaceRole.BYSTANDER:
        jobs.enqueue(session, "search_tip", tip_id=str(tip.id), photo_id=str(photo.id))
