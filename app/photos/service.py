"""What officers may do with photos: look at one, and take one out of its cluster."""

from uuid import UUID

from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor, officer_actor
from app.core import jobs
from app.core.errors import Conflict
from app.core.files import PhotoStore
from app.officers.models import Officer
from app.photos import queries
from app.photos.models import Photo, PhotoCluster, RenditionKind


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
    was = photo.cluster_id
    cluster = PhotoCluster()
    session.add(cluster)
    session.flush()
    photo.cluster_id = cluster.id
    photo.kept_apart = True
    session.add(photo)
    audit.record(session, actor, Action.PHOTO_SEPARATED, "photo", photo.id, was=str(was), now=str(cluster.id))
    jobs.enqueue(session, "search_tip", f"search_tip:{cluster.id}", tip_id=str(photo.tip_id))


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
