"""What officers do with the copies of a picture: put one with the others, take it out, take either back.

Closing one of the tips closes no other, and no step moves a photo whose own candidate officers decide on, or
have decided on, into the cluster of another picture.
"""

from uuid import UUID

from sqlmodel import Session

from app.audit.service import officer_actor
from app.candidates import progress
from app.candidates.models import Candidate, CandidateState
from app.core.errors import Conflict, NotFound
from app.officers.models import Officer
from app.photos import moving
from app.photos.models import Photo
from app.photos.moving import Step
from app.reviews import cluster_members
from app.tips import queries as tips


def put_together(session: Session, officer: Officer, photo_id: UUID, other_id: UUID) -> None:
    """Put a photo into the cluster of another: it is the same picture; `take_back` undoes it.

    Raises:
        NotFound: one of them is no photo of a tip that the officer sees.
        Conflict: a candidate of the photo is before reviewers or was decided, or they are together already.
    """
    visible_photo(session, officer, photo_id)
    visible_photo(session, officer, other_id)
    if cluster_members.stands_for_itself(session, photo_id):
        raise Conflict("This photo has a candidate of its own, on which officers decide or have decided.")
    moving.join(session, photo_id, other_id, officer_actor(officer.id))


def add(session: Session, officer: Officer, cluster_id: UUID, photo_id: UUID) -> None:
    """Put a photo with the first photo of a cluster that the officer may see.

    Raises:
        NotFound: no such cluster or photo for this officer.
        Conflict: as in `put_together`.
    """
    put_together(
        session, officer, photo_id, cluster_members.members(session, officer, cluster_id)[0].photo.id
    )


def separate(session: Session, officer: Officer, photo_id: UUID) -> None:
    """Take a photo out of its cluster: it is another picture after all; `take_back` undoes it.

    Raises:
        NotFound: no photo of a tip that the officer sees.
        Conflict: the photo stands alone already.
    """
    photo = visible_photo(session, officer, photo_id)
    moving.separate(session, photo.id, officer_actor(officer.id))
    _follow(session, photo)


def take_back(session: Session, officer: Officer, photo_id: UUID) -> Step:
    """Take back the last step by hand of a photo: it stands where it stood, with the links it had.

    Where that puts it with copies again, a candidate that was found meanwhile, and that nobody decided on,
    goes if a copy has one with the same record: officers see a picture once.

    Returns:
        The step that stands no more.

    Raises:
        NotFound: no photo of a tip that the officer sees.
        Conflict: no step by hand stands, or officers decide or have decided on the same record for both.
    """
    photo = visible_photo(session, officer, photo_id)
    step = moving.last_steps(session, [photo.id]).get(photo.id)
    if step is not None:
        _make_room(session, photo, step)
    taken = moving.take_back(session, photo.id, officer_actor(officer.id))
    _follow(session, photo)
    return taken


def visible_photo(session: Session, officer: Officer, photo_id: UUID) -> Photo:
    """A photo of a tip that the officer sees.

    Raises:
        NotFound: no such photo, a reference's, or another area's.
    """
    photo = session.get(Photo, photo_id)
    if photo is None or photo.tip_id is None:
        raise NotFound
    tips.get_visible(session, officer, photo.tip_id)
    return photo


def _make_room(session: Session, photo: Photo, step: Step) -> None:
    """Withdraw what would stand twice for the picture."""
    there = cluster_members.records_of(session, step.was, but=photo.id)
    twice = [each for each in cluster_members.candidates_of(session, photo.id) if each.record_id in there]
    if any(_touched(session, candidate) for candidate in twice):
        raise Conflict("This photo has a candidate of its own, on which officers decide or have decided.")
    progress.withdraw(session, twice, "put_together")


def _touched(session: Session, candidate: Candidate) -> bool:
    return candidate.state != CandidateState.PROPOSED or cluster_members.is_held(session, candidate.id)


def _follow(session: Session, photo: Photo) -> None:
    """Candidates stand for the cluster that their photo is in."""
    assert photo.tip_id is not None
    session.flush()
    progress.follow_photos(session, photo.tip_id)
