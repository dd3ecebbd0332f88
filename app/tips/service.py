"""What citizens and partners may do with a tip: send it, add to it, take it back."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, func, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import TIPSTER, Actor
from app.core import jobs
from app.core.context import Context
from app.core.errors import Conflict, Invalid, TooMany, Unavailable, message
from app.core.files import StoredFile
from app.photos.models import Photo
from app.tips import fields, progress, queries, receipts
from app.tips.intake import NewTip
from app.tips.models import (
    Author,
    Channel,
    ChannelKind,
    Disposition,
    Submission,
    Tip,
    TipMessage,
    TipState,
)

WEB_CHANNEL = "web"
WITHDRAWN = Disposition.WITHDRAWN_BY_TIPSTER.value
MOST_UNANSWERED = 10
"""Messages that a tipster may write before an officer has answered."""


@dataclass(frozen=True)
class Accepted:
    """A tip that is durable.

    Attributes:
        tip_id: the tip.
        code: its receipt code, known now and never again.
        received_at: when it came first.
    """

    tip_id: UUID
    code: str
    received_at: datetime


SENT_BEFORE = message(
    "This was sent before with other content, and that tip was kept. If this is a new tip, send it once more."
)


class KeyReused(Conflict):
    """A sender's key that stands for another request already."""

    code = "idempotency-key-reused"


def web_channel(context: Context) -> UUID:
    """The channel of the citizens' form, made with the first tip."""
    with context.db.read() as session:
        found = session.exec(select(Channel.id).where(Channel.name == WEB_CHANNEL)).first()
    if found is not None:
        return found
    with contextlib.suppress(IntegrityError), context.db.write() as session:
        if not session.exec(select(Channel.id).where(Channel.name == WEB_CHANNEL)).first():
            session.add(Channel(kind=ChannelKind.WEB, name=WEB_CHANNEL))
    with context.db.read() as session:
        return session.exec(select(Channel.id).where(Channel.name == WEB_CHANNEL)).one()


def accept(context: Context, channel_id: UUID, new: NewTip, actor: Actor) -> Accepted:
    """Keep a tip, and say so only when it is durable.

    Photos are sealed and synced to disk first; then one transaction writes the tip, its photos, the sender's
    key, the job that will look into it and the audit row. Nothing here looks at a picture, and a picture that
    was sent before makes a new tip: the answer tells nothing about either.

    Args:
        context: the open deployment. This is the one step that opens its own transactions, because the
            photos have to be on disk before the transaction begins.
        channel_id: where it came from.
        new: the checked tip.
        actor: who sent it.

    Returns:
        The tip and its receipt code; for a repeated request those of the first one.

    Raises:
        KeyReused: the sender's key stands for another request.
        Unavailable: the disk or the database does not take it; nothing was accepted.
    """
    with context.db.read() as session:
        earlier = _earlier(session, channel_id, new)
    seed = f"{channel_id}:{new.key}:{new.digest}" if new.key else None
    code = receipts.new_code(context.keys, seed)
    if earlier is not None:
        return Accepted(earlier.id, code, earlier.received_at)
    lookup = receipts.lookup_value(context.keys, context.settings, code)
    stored = _store_photos(context, new)
    try:
        with context.db.write() as session:
            earlier = _earlier(session, channel_id, new)
            tip = earlier or _keep(session, context, channel_id, new, lookup, stored, actor)
    except (IntegrityError, OperationalError) as error:
        # The database was busy, or another process was faster with the same key: its tip is there when the
        # sender repeats. The sealed photos stay, since a commit whose answer was lost may stand after all.
        raise Unavailable("The service is busy and saved nothing. Please send it again.") from error
    if earlier is not None:
        _drop(context, stored)
    return Accepted(tip.id, code, tip.received_at)


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
    if tip.state == TipState.DISPOSED or queries.is_answered(session, tip_id):
        raise Conflict("This tip is closed. Send a new one if you see something.")
    if _unanswered(session, tip_id) >= MOST_UNANSWERED:
        raise TooMany("The police have to read your earlier messages first.", retry_after_s=3600)
    session.add(TipMessage(tip_id=tip_id, author=Author.TIPSTER, text=body))
    audit.record(session, TIPSTER, Action.MESSAGE_SENT, "tip", tip_id)
    if tip.state == TipState.AWAITING_TIPSTER:
        progress.move(session, tip, TipState.ACKNOWLEDGED, TIPSTER)


def withdraw(session: Session, tip_id: UUID) -> None:
    """Take a tip back: its contact goes at once, and it is closed unless offline work rests on it.

    A lead stays as evidence. Its thread gets the same notice, so that the tipster's page does not tell
    whether there is one. Taken back twice, nothing more happens.

    Raises:
        Conflict: the police have closed the tip.
    """
    tip = session.get_one(Tip, tip_id)
    if is_withdrawn(session, tip_id):
        return
    if tip.state == TipState.DISPOSED or queries.is_answered(session, tip_id):
        raise Conflict("This tip is closed. It cannot be taken back any more.")
    tip.contact_sealed = None
    session.add(tip)
    if tip.state == TipState.LEAD:
        session.add(TipMessage(tip_id=tip_id, author=Author.SYSTEM, notice=WITHDRAWN))
        audit.record(session, TIPSTER, Action.MESSAGE_SENT, "tip", tip_id, notice=WITHDRAWN)
        return
    progress.dispose(
        session, tip, Disposition.WITHDRAWN_BY_TIPSTER, TIPSTER, "The tipster took the tip back."
    )
    jobs.enqueue(session, "withdraw_candidates", f"withdraw_candidates:{tip_id}", tip_id=str(tip_id))


def is_withdrawn(session: Session, tip_id: UUID) -> bool:
    """Whether its sender took a tip back, closed or not."""
    notice = select(TipMessage.id).where(TipMessage.tip_id == tip_id, TipMessage.notice == WITHDRAWN)
    return session.exec(notice).first() is not None


def _earlier(session: Session, channel_id: UUID, new: NewTip) -> Tip | None:
    """The tip that the same request made before.

    Raises:
        KeyReused: the key came with another body.
    """
    known = session.get(Submission, (channel_id, new.key)) if new.key else None
    if known is None:
        return None
    if known.digest != new.digest:
        raise KeyReused(SENT_BEFORE)
    return session.get_one(Tip, known.tip_id)


def _keep(
    session: Session,
    context: Context,
    channel_id: UUID,
    new: NewTip,
    lookup: bytes,
    stored: list[StoredFile],
    actor: Actor,
) -> Tip:
    place = new.place
    tip = Tip(
        channel_id=channel_id,
        language=new.language,
        place_text=new.place_text,
        latitude=place.latitude if place else None,
        longitude=place.longitude if place else None,
        accuracy_m=place.accuracy_m if place else None,
        given_system=place.given_system if place else None,
        observed_at=new.observed_at,
        description=new.description,
        danger_now=new.danger_now,
        external_id=new.external_id,
        source_url=new.source_url,
        contact_sealed=context.keys.seal(new.contact.encode()) if new.contact else None,
        receipt_lookup=lookup,
    )
    session.add(tip)
    session.flush()
    progress.note(session, tip)
    for place_in_form, (photo, file) in enumerate(zip(new.photos, stored, strict=True)):
        session.add(
            Photo(
                tip_id=tip.id,
                position=place_in_form,
                sha256=file.sha256,
                byte_count=file.byte_count,
                format=photo.format,
                store_key=file.store_key,
                sealed_key=file.sealed_key,
            )
        )
    if new.key:
        session.add(Submission(channel_id=channel_id, key=new.key, digest=new.digest, tip_id=tip.id))
    jobs.enqueue(session, "process_tip", unique_key=f"process_tip:{tip.id}", tip_id=str(tip.id))
    audit.record(session, actor, Action.TIP_ACCEPTED, "tip", tip.id, photos=len(stored))
    return tip


def _store_photos(context: Context, new: NewTip) -> list[StoredFile]:
    stored: list[StoredFile] = []
    try:
        stored.extend(context.store.put(photo.data) for photo in new.photos)
    except OSError as error:
        _drop(context, stored)
        raise Unavailable(
            "The service cannot keep photos just now and saved nothing. Please send it again later.",
            retry_after_s=60,
        ) from error
    return stored


def _drop(context: Context, stored: list[StoredFile]) -> None:
    """Remove files that no row names. One that stays is sealed, and its key is gone."""
    for file in stored:
        with contextlib.suppress(OSError):
            context.store.delete(file.store_key)


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
