"""What officers may do with photos: look at one, take one out of its cluster, put one into another."""

from uuid import UUID

from sqlmodel import Session, col, select, update

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor, officer_actor
from app.core import jobs
from app.core.clock import now
from app.core.errors import Conflict
from app.core.files import PhotoStore
from app.officers.models import Officer
from app.photos import queries
from app.photos.models import LinkKind, Photo, PhotoCluster, PhotoLink, RenditionKind


def separate(session: Session, photo_id: UUID, actor: Actor) -> None:
    """Undo a merge: give a photo a cluster of its own and never join it to another by itself again.

    Its tip is searched anew, since its picture now stands for itself.

    Raises:
        Conflict: the photo shares its cluster with no other.
    """
    photo = session.get_one(Photo, photo_id)
    others = session.exec(
        select(Photo.id).where(Photo.cluster_id == photo.cluster_id, Photo.id != photo.id)
    ).first()
    if photo.cluster_id is None or others is None:
        raise Conflict("This photo shares its cluster with no other.")
    cluster = PhotoCluster()
    session.add(cluster)
    session.flush()
    photo.kept_apart = True
    session.exec(
        update(PhotoLink)
        .where(col(PhotoLink.photo_id) == photo.id, col(PhotoLink.joined).is_(True))
        .values(joined=False, undone_at=now())
    )
    _move(session, photo, cluster.id, Action.PHOTO_SEPARATED, actor)


def join(session: Session, photo_id: UUID, other_id: UUID, actor: Actor) -> None:
    """Put a photo into another's cluster by hand; `separate` undoes it.

    Only this photo moves: what else is in its cluster was put there for reasons of its own.

    Raises:
        Conflict: they share a cluster already, or one of them has none.
    """
    photo, other = session.get_one(Photo, photo_id), session.get_one(Photo, other_id)
    if photo.cluster_id is None or other.cluster_id is None or photo.cluster_id == other.cluster_id:
        raise Conflict("These photos are together already, or one of them could not be read.")
    photo.kept_apart = False
    session.exec(
        update(PhotoLink)
        .where(col(PhotoLink.photo_id) == photo.id, col(PhotoLink.joined).is_(True))
        .values(joined=False, undone_at=now())
    )
    link = session.get(PhotoLink, (photo.id, other.id))
    if link is None:
        link = PhotoLink(photo_id=photo.id, other_id=other.id, kind=LinkKind.BY_HAND, joined=True)
    link.joined, link.undone_at = True, None
    session.add(link)
    _move(session, photo, other.cluster_id, Action.PHOTO_CLUSTERED, actor, same_as=str(other.id))


def _move(
    session: Session, photo: Photo, cluster_id: UUID, action: Action, actor: Actor, **detail: str
) -> None:
    """Give a photo another cluster and have its tip searched for what stands for itself now."""
    was, photo.cluster_id = photo.cluster_id, cluster_id
    session.add(photo)
    audit.record(session, actor, action, "photo", photo.id, was=str(was), now=str(cluster_id), **detail)
    jobs.enqueue(session, "search_tip", tip_id=str(photo.tip_id))


def view(
    session: Session,
    store: PhotoStore,
    officer: Officer,
    photo_id: UUID,
    kind: RenditionKind,
    face_position: int,
) -> bytes:
    """Open a derived picture for an officer, with its audit row in the same transaction.

    Raises:
        NotFound: no such picture, or not this officer's to see.
    """
    rendition = queries.get_viewable(session, officer, photo_id, kind, face_position)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.PHOTO_VIEWED,
        "photo",
        photo_id,
        kind=kind.value,
        face=face_position,
    )
    return store.get(rendition.store_key, rendition.sealed_key)
