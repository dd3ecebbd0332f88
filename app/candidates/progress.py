"""Moving a candidate along its states, and withdrawing it when its cause goes away."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session, col, select, update

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates.models import CANDIDATE_MOVES, OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.core import jobs
from app.core.clock import now
from app.core.errors import Conflict
from app.photos.models import Face, Photo


def move(session: Session, candidate: Candidate, to: CandidateState) -> None:
    """Bring a candidate to another state, if the table of moves allows it.

    Raises:
        Conflict: it is settled or withdrawn already.
    """
    if to not in CANDIDATE_MOVES[candidate.state]:
        raise Conflict("This candidate has been settled or withdrawn meanwhile.")
    candidate.state = to
    candidate.settled_at = None if to in OPEN_CANDIDATE_STATES else now()
    session.add(candidate)


def withdraw(session: Session, candidates: Sequence[Candidate], reason: str) -> None:
    """Withdraw open candidates whose tip, photo or record went away."""
    for candidate in candidates:
        move(session, candidate, CandidateState.WITHDRAWN)
        audit.record(session, SYSTEM, Action.CANDIDATE_WITHDRAWN, "candidate", candidate.id, reason=reason)


def follow_photos(session: Session, tip_id: UUID) -> None:
    """Give a tip's candidates the clusters that their photos have now."""
    for photo in session.exec(select(Photo).where(Photo.tip_id == tip_id)).all():
        session.exec(
            update(Candidate)
            .where(
                col(Candidate.face_id).in_(select(Face.id).where(Face.photo_id == photo.id)),
                col(Candidate.cluster_id).is_distinct_from(photo.cluster_id),
            )
            .values(cluster_id=photo.cluster_id)
        )


def search_other_copies(session: Session, tip_id: UUID) -> None:
    """Have other tips with the same pictures searched, so that nothing hangs on the one withdrawn."""
    clusters = select(Photo.cluster_id).where(Photo.tip_id == tip_id, col(Photo.cluster_id).is_not(None))
    others = session.exec(
        select(Photo.tip_id)
        .where(col(Photo.cluster_id).in_(clusters), Photo.tip_id != tip_id, col(Photo.tip_id).is_not(None))
        .distinct()
    )
    for other in others:
        jobs.enqueue(session, "search_tip", f"search_tip:{other}:after:{tip_id}", tip_id=str(other))
