"""Taking a tip in. `app.tips.adding` adds to one, `app.tips.withdrawing` takes one back."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core import jobs
from app.core.context import Context
from app.core.errors import Conflict, Unavailable, message
from app.core.files import StoredFile
from app.photos.models import Photo
from app.tips import progress, receipts, storing
from app.tips.intake import NewTip
from app.tips.lanes import lane_of
from app.tips.models import Channel, ChannelKind, Submission, Tip, TipFlag

WEB_CHANNEL = "web"


@dataclass(frozen=True)
class Accepted:
    """A tip that is durable.

    Attributes:
        tip_id: the tip.
        code: its receipt code, known now and never again.
        received_at: when it came first.
        is_new: whether this request made it; not, when it was sent again.
    """

    tip_id: UUID
    code: str
    received_at: datetime
    is_new: bool = field(default=True, compare=False)


SENT_BEFORE = message(
    "This was sent before with other content, and that tip was kept. If this is a new tip, send it once more."
)


class KeyReused(Conflict):
    """A sender's key that stands for another request already."""

    code = "idempotency-key-reused"


def web_channel(context: Context) -> UUID:
    """The channel of the citizens' form, made with the first tip."""
    with _patiently(), context.db.read() as session:
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
    with _patiently(), context.db.read() as session:
        earlier = _earlier(session, channel_id, new)
    seed = f"{channel_id}:{new.key}:{new.digest}" if new.key else None
    code = receipts.new_code(context.keys, seed)
    if earlier is not None:
        return Accepted(earlier.id, code, earlier.received_at, is_new=False)
    lookup = receipts.lookup_value(context.keys, context.settings, code)
    stored = storing.store(context, new.photos)
    # Sealed photos stay when this fails, since a commit whose answer was lost may stand after all.
    with _patiently():
        try:
            tip, is_new = _keep_once(context, channel_id, new, lookup, stored, actor)
        except IntegrityError:  # The same request came twice at once: by now the other one stands.
            tip, is_new = _keep_once(context, channel_id, new, lookup, stored, actor)
    if not is_new:
        storing.drop(context, stored)
    return Accepted(tip.id, code, tip.received_at, is_new=is_new)


@contextlib.contextmanager
def _patiently() -> Iterator[None]:
    """Ask the sender to come again while the database is busy or does not answer.

    Another process may have been faster with the same key: its tip is there when the sender repeats.
    """
    try:
        yield
    except (IntegrityError, OperationalError) as error:
        raise Unavailable("The service is busy and saved nothing. Please send it again.") from error


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


def _keep_once(
    context: Context, channel_id: UUID, new: NewTip, lookup: bytes, stored: list[StoredFile], actor: Actor
) -> tuple[Tip, bool]:
    """The tip of a request, and whether this call made it.

    Raises:
        IntegrityError: another process makes the same at this moment.
    """
    with context.db.write_together() as session:
        earlier = _earlier(session, channel_id, new)
        return earlier or _keep(session, context, channel_id, new, lookup, stored, actor), earlier is None


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
    marks = dict(enumerate(new.marks))
    for place_in_form, (photo, file) in enumerate(zip(new.photos, stored, strict=True)):
        marked = marks.get(place_in_form) or (None, None)
        session.add(
            Photo(
                tip_id=tip.id,
                position=place_in_form,
                sha256=file.sha256,
                byte_count=file.byte_count,
                format=photo.format,
                store_key=file.store_key,
                sealed_key=file.sealed_key,
                marked_x=marked[0],
                marked_y=marked[1],
            )
        )
    session.add_all(TipFlag(tip_id=tip.id, kind=kind) for kind in sorted(new.flags))
    if new.key:
        session.add(Submission(channel_id=channel_id, key=new.key, digest=new.digest, tip_id=tip.id))
    if session.get_one(Channel, channel_id).kind != ChannelKind.SANDBOX:
        jobs.enqueue(
            session,
            "process_tip",
            unique_key=f"process_tip:{tip.id}",
            urgency=jobs.Urgency.DANGER if tip.danger_now else jobs.Urgency.PEOPLE,
            lane=lane_of(tip),
            tip_id=str(tip.id),
        )
    audit.record(session, actor, Action.TIP_ACCEPTED, "tip", tip.id, photos=len(stored))
    return tip
