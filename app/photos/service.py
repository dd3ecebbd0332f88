"""What officers may do with photos: look at one. `app.photos.moving` says which are one picture."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.errors import NotFound
from app.core.files import PhotoStore
from app.officers.models import Officer
from app.photos import queries, stamping
from app.photos.models import Rendition, RenditionKind


def show(
    session: Session, officer: Officer, photo_id: UUID, kind: RenditionKind, face_position: int
) -> Rendition:
    """A derived picture that an officer is to see, with its audit row; the bytes come after the commit.

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
    return rendition


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
        NotFound: no such picture, not this officer's to see, or erased at this moment.
    """
    rendition = show(session, officer, photo_id, kind, face_position)
    try:
        return store.get(rendition.store_key, rendition.sealed_key)
    except FileNotFoundError as error:
        raise NotFound from error


def marked(
    picture: bytes,
    officer: Officer,
    photo_id: UUID,
    kind: RenditionKind,
    moment: datetime,
    zone: ZoneInfo,
) -> bytes:
    """A picture with who looks and when burnt in; call it after the view is in the audit log, outside of it.

    Raises:
        Unavailable: it could not be marked; there is then no picture.
    """
    text = stamping.words(officer, photo_id, moment, zone)
    return stamping.shared.mark(picture, text, calm=kind == RenditionKind.FACE)
