"""What officers may do with photos: look at one. `app.photos.moving` says which are one picture."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.context import Context
from app.core.errors import NotFound
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
    context: Context, officer: Officer, photo_id: UUID, kind: RenditionKind, face_position: int
) -> bytes:
    """Open a derived picture for an officer; its audit row is durable by then.

    It is read before the row is written, so that a slow store keeps nobody from writing, and one that was
    erased at this moment leaves no row.

    Raises:
        NotFound: no such picture, not this officer's to see, or erased at this moment.
        StoreTrouble: the photo store is away.
    """
    with context.db.read() as session:
        rendition = queries.get_viewable(session, officer, photo_id, kind, face_position)
    try:
        picture = context.store.get(rendition.store_key, rendition.sealed_key)
    except FileNotFoundError as error:
        raise NotFound from error
    with context.db.write() as session:
        show(session, officer, photo_id, kind, face_position)
    return picture


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
