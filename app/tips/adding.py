"""Adding to a tip that is open: words and photos."""

from uuid import UUID

from fastapi import Request
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, func, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import TIPSTER
from app.core import jobs
from app.core.context import Context
from app.core.errors import Conflict, Invalid, TooMany, Unavailable
from app.core.files import StoredFile
from app.photos.models import Photo
from app.tips import answers, fields, progress, queries, storing
from app.tips.lanes import lane_of
from app.tips.models import Author, Channel, ChannelKind, Submission, Tip, TipMessage, TipState
from app.tips.parts import PHOTOS, Parts, read_parts

MOST_UNANSWERED = 10
"""Messages that a tipster may write before an officer has answered."""

MOST_PHOTOS_IN_ALL = 12
"""Photos of one tip, those that came with it among them."""

SUBMISSION = "submission"


async def added_parts(request: Request) -> Parts:
    """Read the form for more photos; a dependency, since only reading the body has to wait."""
    return await read_parts(request, frozenset({SUBMISSION}))


def write_message(session: Session, tip_id: UUID, text: str) -> None:
    """Add the tipster's message to the thread; an answer to an officer's question wakes the tip up.

    Raises:
        Invalid: empty or too long.
        Conflict: the tip is closed or was taken back.
        TooMany: many messages wait for an answer already.
    """
    tip = session.get_one(Tip, tip_id)
    body = fields.text({"text": text}, "text")
    if not body:
        raise Invalid("Write something first.", field="text")
    check_open(session, tip)
    if _unanswered(session, tip_id) >= MOST_UNANSWERED:
        raise TooMany("The police have to read your earlier messages first.", retry_after_s=3600)
    session.add(TipMessage(tip_id=tip_id, author=Author.TIPSTER, text=body))
    audit.record(session, TIPSTER, Action.MESSAGE_SENT, "tip", tip_id)
    _wake(session, tip)


def add_photos(context: Context, tip_id: UUID, parts: Parts) -> None:
    """Add photos to an open tip, and say so only when they are durable; the same form adds them once.

    The photos are sealed and synced to disk first; then one transaction writes their rows, the form's key,
    the notice in the thread, the job that looks into them and the audit row.

    Args:
        context: the open deployment; as when a tip is accepted, this opens transactions of its own.
        tip_id: the tip.
        parts: what was sent.

    Raises:
        Refusal: a photo breaks a rule of the tip form.
        Invalid: the form has no key, or the tip would have too many photos.
        Conflict: the tip is closed or was taken back, or the form was sent before with other photos.
        Unavailable: the disk or the database does not take them; nothing was added.
    """
    key = fields.sender_key(parts.texts.get(SUBMISSION), SUBMISSION)
    if key is None:
        raise Invalid("This form is incomplete. Open the page again and send it from there.")
    with context.db.read() as session:
        tip = session.get_one(Tip, tip_id)
        check_open(session, tip)
        if _sent_before(session, tip, key, parts.digest):
            return
        if parts.problem is not None:
            raise parts.problem
        _check_room(session, tip_id, len(parts.photos))
    stored = storing.store(context, parts.photos)
    try:
        with context.db.write() as session:
            kept = _keep(session, session.get_one(Tip, tip_id), key, parts, stored)
    except (IntegrityError, OperationalError) as error:
        # As in `service.accept`: a commit whose answer was lost may stand, so the sealed photos stay.
        raise Unavailable("The service is busy and saved nothing. Please send it again.") from error
    except (Conflict, Invalid):
        storing.drop(context, stored)
        raise
    if not kept:
        storing.drop(context, stored)


def _keep(session: Session, tip: Tip, key: str, parts: Parts, stored: list[StoredFile]) -> bool:
    check_open(session, tip)
    if _sent_before(session, tip, key, parts.digest):
        return False
    held = _check_room(session, tip.id, len(stored))
    for place, (photo, file) in enumerate(zip(parts.photos, stored, strict=True), start=held):
        session.add(
            Photo(
                tip_id=tip.id,
                position=place,
                sha256=file.sha256,
                byte_count=file.byte_count,
                format=photo.format,
                store_key=file.store_key,
                sealed_key=file.sealed_key,
            )
        )
    session.add(
        Submission(channel_id=tip.channel_id, key=_own_key(tip.id, key), digest=parts.digest, tip_id=tip.id)
    )
    session.add(TipMessage(tip_id=tip.id, author=Author.SYSTEM, notice=answers.PHOTOS_ADDED))
    audit.record(session, TIPSTER, Action.PHOTO_ADDED, "tip", tip.id, photos=len(stored))
    if session.get_one(Channel, tip.channel_id).kind != ChannelKind.SANDBOX:
        jobs.enqueue(
            session,
            "add_photos",
            f"add_photos:{tip.id}:{held}",
            urgency=jobs.Urgency.PEOPLE,
            lane=lane_of(tip),
            tip_id=str(tip.id),
        )
    _wake(session, tip)
    return True


def check_open(session: Session, tip: Tip) -> None:
    """Refuse to add to a tip that its sender was answered on.

    Raises:
        Conflict: it is closed or was taken back.
    """
    if tip.state == TipState.DISPOSED or queries.is_answered(session, tip.id):
        raise Conflict("This tip is closed. Send a new one if you see something.")


def _check_room(session: Session, tip_id: UUID, more: int) -> int:
    """How many photos the tip has.

    Raises:
        Invalid: with these it would have too many.
    """
    held = session.exec(select(func.count(col(Photo.id))).where(Photo.tip_id == tip_id)).one()
    if held + more > MOST_PHOTOS_IN_ALL:
        raise Invalid(
            "A tip holds at most %(most)s photos. Send what is most important.",
            field=PHOTOS,
            most=MOST_PHOTOS_IN_ALL,
        )
    return held


def _sent_before(session: Session, tip: Tip, key: str, digest: str) -> bool:
    """Whether the same form added its photos already.

    Raises:
        Conflict: it came with other photos.
    """
    known = session.get(Submission, (tip.channel_id, _own_key(tip.id, key)))
    if known is None:
        return False
    if known.digest != digest:
        raise Conflict("These photos were added already. Open the page again to add others.")
    return True


def _own_key(tip_id: UUID, key: str) -> str:
    """A form's key among the keys of tips."""
    return f"more:{tip_id}:{key}"


def _wake(session: Session, tip: Tip) -> None:
    if tip.state == TipState.AWAITING_TIPSTER:
        progress.move(session, tip, TipState.ACKNOWLEDGED, TIPSTER)


def _unanswered(session: Session, tip_id: UUID) -> int:
    answered = select(func.max(TipMessage.created_at)).where(
        TipMessage.tip_id == tip_id, TipMessage.author == Author.OFFICER
    )
    last = session.exec(answered).one()
    own = select(func.count(col(TipMessage.id))).where(
        TipMessage.tip_id == tip_id, TipMessage.author == Author.TIPSTER
    )
    if last is not None:
        own = own.where(col(TipMessage.created_at) > last)
    return session.exec(own).one()
