"""A sealed original: one officer asks with a reason, another allows it, the first opens it, once.

What is opened must be the bytes that came in: they are held against the digest taken when it was sealed.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import structlog
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.audit import sealed
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Keys, Unsealable
from app.core.errors import Conflict, Invalid, NotAllowed, NotFound
from app.core.files import PhotoStore
from app.officers.models import Officer, Role
from app.photos.models import OriginalRequest, Photo
from app.tips import queries as tip_queries
from app.tips.models import Tip

ASKING_ROLES = (Role.INVESTIGATOR, Role.SUPERVISOR)
DECIDING_ROLES = (Role.SUPERVISOR,)
LASTING = timedelta(hours=24)
"""A wish lapses this long after it was asked, whether it was allowed by then or not."""
SHORTEST_REASON, LONGEST_REASON = 20, 1000
"""Characters; a reason says in a sentence what the rendition does not show."""
SHOWN = timedelta(days=30)
"""How long a finished wish stays in the list."""

log = structlog.get_logger()


class WishState(StrEnum):
    """How far a wish has come; computed, so that no clock has to run for one to lapse."""

    WAITING = "waiting"  # Nobody has decided.
    ALLOWED = "allowed"  # Its asker may open the original, once.
    REFUSED = "refused"
    OPENED = "opened"
    LAPSED = "lapsed"  # A day went by before it was opened.


@dataclass(frozen=True)
class Wish:
    """A wish as its readers see it.

    Attributes:
        request: its row.
        photo: the photo.
        asker: who asks.
        decider: who decided.
        state: how far it has come.
        may_decide: the reader is a second person who may allow or refuse it now.
        may_open: the reader asked and may open it now.
    """

    request: OriginalRequest
    photo: Photo
    asker: Officer
    decider: Officer | None
    state: WishState
    may_decide: bool
    may_open: bool


def state_of(request: OriginalRequest) -> WishState:
    """How far a wish has come."""
    if request.opened_at is not None:
        return WishState.OPENED
    if request.allowed is False:
        return WishState.REFUSED
    if now() - request.asked_at >= LASTING:
        return WishState.LAPSED
    return WishState.ALLOWED if request.allowed else WishState.WAITING


def photo_of(session: Session, officer: Officer, photo_id: UUID) -> Photo:
    """A tip's photo whose original the officer may ask for.

    Raises:
        NotAllowed: a role that asks for no originals.
        NotFound: no such photo, another area's, or a reference, which clerks hold themselves.
    """
    if not officer.has(*ASKING_ROLES):
        raise NotAllowed("Your role does not include this.")
    photo = session.get(Photo, photo_id)
    if photo is None or photo.tip_id is None:
        raise NotFound
    tip_queries.get_visible(session, officer, photo.tip_id)
    return photo


def visible_to(officer: Officer) -> SelectOfScalar[OriginalRequest]:
    """The wishes an officer may see: their own, and all of their area for those who decide."""
    area = tip_queries.visible_to(officer).with_only_columns(col(Tip.id))
    question = select(OriginalRequest).join(Photo).where(col(Photo.tip_id).in_(area))
    if not officer.has(*DECIDING_ROLES):
        question = question.where(OriginalRequest.asked_by == officer.id)
    return question


def get(session: Session, officer: Officer, request_id: UUID) -> Wish:
    """One wish.

    Raises:
        NotFound: no such wish, or not this officer's to see.
    """
    request = session.exec(visible_to(officer).where(OriginalRequest.id == request_id)).first()
    if request is None:
        raise NotFound
    return _wish(session, officer, request)


def recent(session: Session, officer: Officer, most: int = 200) -> list[Wish]:
    """The wishes of the last weeks that an officer may see, newest first."""
    question = visible_to(officer).where(col(OriginalRequest.asked_at) > now() - SHOWN)
    rows = session.exec(question.order_by(col(OriginalRequest.asked_at).desc()).limit(most))
    return [_wish(session, officer, row) for row in rows]


def reason_of(keys: Keys, wish: Wish) -> str | None:
    """Why it was asked; None if the words do not open with this deployment's keys."""
    try:
        return keys.unseal(wish.request.reason_sealed).decode()
    except (Unsealable, UnicodeDecodeError):
        return None


def ask(session: Session, keys: Keys, officer: Officer, photo_id: UUID, reason: str) -> OriginalRequest:
    """Ask to see a sealed original.

    Args:
        session: a writing session.
        keys: the deployment's keys; the reason is kept sealed.
        officer: who asks.
        photo_id: the photo.
        reason: what its rendition does not show.

    Raises:
        NotAllowed: a role that asks for no originals.
        NotFound: no such photo of a tip in the officer's area.
        Invalid: no reason in words.
        Conflict: the officer has asked for it already.
    """
    photo = photo_of(session, officer, photo_id)
    why = reason.strip()
    if not SHORTEST_REASON <= len(why) <= LONGEST_REASON:
        raise Invalid(
            "Write in %(least)s to %(most)s characters why the picture shown here is not enough.",
            field="reason",
            least=SHORTEST_REASON,
            most=LONGEST_REASON,
        )
    mine = select(OriginalRequest).where(
        OriginalRequest.photo_id == photo.id, OriginalRequest.asked_by == officer.id
    )
    if any(state_of(row) in {WishState.WAITING, WishState.ALLOWED} for row in session.exec(mine)):
        raise Conflict("You have asked for this original already.")
    request = OriginalRequest(photo_id=photo.id, asked_by=officer.id, reason_sealed=keys.seal(why.encode()))
    session.add(request)
    session.flush()
    audit.record(
        session,
        officer_actor(officer.id),
        Action.ORIGINAL_ASKED,
        "photo",
        photo.id,
        request=str(request.id),
        reason_sealed=sealed.seal(keys, why),
    )
    return request


def decide(session: Session, officer: Officer, request_id: UUID, *, allowed: bool) -> None:
    """Allow or refuse a wish, as a second person.

    Raises:
        NotFound: no such wish in the officer's area, or a role that does not see it.
        NotAllowed: the officer asked for it, or decides no wishes.
        Conflict: it was decided already, or has lapsed.
    """
    wish = get(session, officer, request_id)
    if not _is_second_person(officer, wish.asker):
        raise NotAllowed("Another supervisor has to decide this.")
    if wish.state != WishState.WAITING:
        raise Conflict("This was decided already, or a day has gone by since it was asked.")
    wish.request.decided_by = officer.id
    wish.request.decided_at = now()
    wish.request.allowed = allowed
    session.add(wish.request)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.ORIGINAL_DECIDED,
        "photo",
        wish.photo.id,
        request=str(request_id),
        allowed=allowed,
    )


def take(
    session: Session, store: PhotoStore, officer: Officer, request_id: UUID
) -> tuple[Photo, bytes | None]:
    """Use up an allowed wish, with its audit row; the bytes may leave once this is committed.

    Returns:
        The photo, and its original; None if the stored file is not the one that came in.

    Raises:
        NotFound: no such wish of this officer's, or the photo is no longer in their area.
        NotAllowed: somebody else asked, or the asker's role has gone.
        Conflict: it is not allowed, was opened already, or has lapsed.
    """
    wish = get(session, officer, request_id)
    if wish.request.asked_by != officer.id or not officer.has(*ASKING_ROLES):
        raise NotAllowed("Only the officer who asked may open it.")
    if wish.state != WishState.ALLOWED:
        raise Conflict("This original cannot be opened: it is not allowed, was opened, or a day has gone by.")
    data = _same_bytes(store, wish.photo)
    wish.request.opened_at = now()
    session.add(wish.request)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.ORIGINAL_OPENED,
        "photo",
        wish.photo.id,
        request=str(request_id),
        sha256=wish.photo.sha256,
        same=data is not None,
    )
    return wish.photo, data


def opened(context: Context, officer: Officer, request_id: UUID) -> tuple[Photo, bytes]:
    """Open an original; that it was opened is durable before anybody holds a byte of it.

    Raises:
        NotFound, NotAllowed, Conflict: as `take` has them, or the stored file is another than came in.
    """
    with context.db.write() as session:
        photo, data = take(session, context.store, officer, request_id)
    if data is None:
        log.error("original_altered", photo_id=str(photo.id))
        raise Conflict("The stored file is not the one that came in. Nothing was opened; call the operator.")
    return photo, data


def _same_bytes(store: PhotoStore, photo: Photo) -> bytes | None:
    """The original, if it is whole and what was sealed."""
    try:
        data = store.get(photo.store_key, photo.sealed_key)
    except (FileNotFoundError, Unsealable):
        return None
    same = hmac.compare_digest(hashlib.sha256(data).hexdigest(), photo.sha256)
    return data if same and len(data) == photo.byte_count else None


def _wish(session: Session, officer: Officer, request: OriginalRequest) -> Wish:
    asker = session.get_one(Officer, request.asked_by)
    state = state_of(request)
    return Wish(
        request,
        session.get_one(Photo, request.photo_id),
        asker,
        session.get_one(Officer, request.decided_by) if request.decided_by else None,
        state,
        state == WishState.WAITING and _is_second_person(officer, asker),
        state == WishState.ALLOWED and asker.id == officer.id,
    )


def _is_second_person(officer: Officer, asker: Officer) -> bool:
    """Whether an officer who decides is another person: not the account alone counts, the badge does too."""
    same = officer.id == asker.id or _bare(officer.badge) == _bare(asker.badge)
    return officer.has(*DECIDING_ROLES) and not same


def _bare(badge: str) -> str:
    return "".join(filter(str.isalnum, badge)).casefold()
