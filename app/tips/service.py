"""Accepting tips, and what their senders may do afterwards."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import TIPSTER, Actor
from app.core import jobs
from app.core.context import Context
from app.core.errors import Conflict, Invalid, Unavailable
from app.core.files import StoredFile
from app.photos.models import Photo
from app.tips import progress, receipts
from app.tips.fields import Place
from app.tips.models import Author, Channel, ChannelKind, Disposition, Submission, Tip, TipMessage, TipState
from matching.formats import sniff

WEB_CHANNEL = "web"
LONGEST_MESSAGE = 2_000
LONGEST_KEY = 200


class KeyReused(Conflict):
    """A sender's own key came back with another tip behind it."""

    code = "idempotency-key-reused"


@dataclass(frozen=True)
class SentTip:
    """A tip as it was sent, every field checked.

    Attributes:
        photos: one to six originals.
        place: where it was.
        observed_at: when it was; None for just now or unknown.
        description: what was seen.
        danger_now: the child is in danger at this moment.
        contact: how to reach the tipster; sealed at once.
        language: "zh" or "en".
        external_id: the partner's own number.
        source_url: where the partner found it; never fetched.
    """

    photos: tuple[bytes, ...]
    place: Place
    observed_at: datetime | None
    description: str
    danger_now: bool
    language: str
    contact: str = ""
    external_id: str | None = None
    source_url: str | None = None

    def digest(self) -> str:
        """What tells a repeated request from another one under the same key."""
        parts = [
            repr(self.place),
            repr(self.observed_at),
            self.description,
            repr(self.danger_now),
            self.contact,
            repr(self.external_id),
            repr(self.source_url),
        ]
        return receipts.digest_of(parts, list(self.photos))


@dataclass(frozen=True)
class Accepted:
    """What the sender is told.

    Attributes:
        tip_id: the tip.
        code: its receipt code.
        received_at: when it was durable.
    """

    tip_id: UUID
    code: str
    received_at: datetime


def web_channel(session: Session) -> UUID:
    """The channel of the citizens' form, made at its first tip."""
    found = session.exec(select(Channel).where(Channel.kind == ChannelKind.WEB)).first()
    if found is None:
        found = Channel(kind=ChannelKind.WEB, name=WEB_CHANNEL)
        session.add(found)
        session.flush()
    return found.id


def accept(
    context: Context, sent: SentTip, channel_id: UUID | None, key: str | None, actor: Actor = TIPSTER
) -> Accepted:
    """Make a tip durable, then say so.

    - A key that was used for the same tip gives the same answer and makes nothing.
    - The photos are sealed and fsynced, each with its folder.
    - Tip, photos, job and audit row are committed in one transaction.
    - Only then is there a receipt to show.

    Args:
        context: the open deployment.
        sent: the tip.
        channel_id: where it came from; None for the citizens' form.
        key: the sender's own name for this request, or None.
        actor: whom the audit log names.

    Returns:
        The receipt.

    Raises:
        KeyReused: the key was used for another tip.
        Unavailable: the disk is full or failing; nothing was accepted.
    """
    digest = sent.digest()
    seed = None if key is None else f"{channel_id or WEB_CHANNEL}/{key}/{digest}"
    code = receipts.new_code(context.keys, seed)
    if key is not None:
        with context.db.read() as session:
            earlier = _earlier(session, channel_id, key)
        if earlier is not None:
            return _repeated(context, earlier, digest, code)
    lookup = receipts.lookup_value(context.keys, context.settings, code)
    try:
        files = [context.store.put(photo) for photo in sent.photos]
    except OSError as error:
        raise Unavailable("The tip could not be saved just now. Please send it again in a minute.") from error
    with context.db.write() as session:
        earlier = None if key is None else _earlier(session, channel_id, key)
        if earlier is None:
            return _save(session, context, sent, files, channel_id, key, digest, lookup, code, actor)
    for file in files:
        context.store.delete(file.store_key)
    return _repeated(context, earlier, digest, code)


def _save(
    session: Session,
    context: Context,
    sent: SentTip,
    files: list[StoredFile],
    channel_id: UUID | None,
    key: str | None,
    digest: str,
    lookup: bytes,
    code: str,
    actor: Actor,
) -> Accepted:
    channel_id = channel_id or web_channel(session)
    tip = Tip(
        channel_id=channel_id,
        language=sent.language,
        place_text=sent.place.text,
        latitude=sent.place.latitude,
        longitude=sent.place.longitude,
        accuracy_m=sent.place.accuracy_m,
        given_system=sent.place.system,
        observed_at=sent.observed_at,
        description=sent.description,
        danger_now=sent.danger_now,
        external_id=sent.external_id,
        source_url=sent.source_url,
        contact_sealed=context.keys.seal(sent.contact.encode()) if sent.contact else None,
        receipt_lookup=lookup,
    )
    session.add(tip)
    session.flush()
    for position, (file, data) in enumerate(zip(files, sent.photos, strict=True)):
        session.add(
            Photo(
                tip_id=tip.id,
                position=position,
                sha256=file.sha256,
                byte_count=file.byte_count,
                format=sniff(data) or "unknown",
                store_key=file.store_key,
                sealed_key=file.sealed_key,
            )
        )
    if key is not None:
        session.add(Submission(channel_id=channel_id, key=key, digest=digest, tip_id=tip.id))
    jobs.enqueue(session, "process_tip", f"process_tip:{tip.id}", tip_id=str(tip.id))
    audit.record(session, actor, Action.TIP_ACCEPTED, "tip", tip.id, photos=len(files))
    return Accepted(tip.id, code, tip.received_at)


def _earlier(session: Session, channel_id: UUID | None, key: str) -> Submission | None:
    if channel_id is None:
        channel_id = session.exec(select(Channel.id).where(Channel.kind == ChannelKind.WEB)).first()
    return None if channel_id is None else session.get(Submission, (channel_id, key))


def _repeated(context: Context, earlier: Submission, digest: str, code: str) -> Accepted:
    if earlier.digest != digest:
        raise KeyReused("This was sent before with other content. Open the form anew to send another tip.")
    with context.db.read() as session:
        return Accepted(earlier.tip_id, code, session.get_one(Tip, earlier.tip_id).received_at)


def find_by_code(session: Session, context: Context, code: str) -> Tip | None:
    """The tip of a receipt code; an unknown code costs the same work."""
    lookup = receipts.lookup_value(context.keys, context.settings, code)
    return session.exec(select(Tip).where(Tip.receipt_lookup == lookup)).first()


def write(session: Session, tip: Tip, text: str) -> None:
    """Add a tipster's message to the thread; an answer to a question brings the tip back to the officers.

    Raises:
        Invalid: empty or too long.
    """
    if not text.strip():
        raise Invalid("Write something first.", field="text")
    if len(text) > LONGEST_MESSAGE:
        raise Invalid(
            "This text is too long: at most %(longest)s characters.", field="text", longest=LONGEST_MESSAGE
        )
    session.add(TipMessage(tip_id=tip.id, author=Author.TIPSTER, text=text.strip()))
    audit.record(session, TIPSTER, Action.MESSAGE_SENT, "tip", tip.id)
    if tip.state == TipState.AWAITING_TIPSTER:
        progress.move(session, tip, TipState.ACKNOWLEDGED, TIPSTER)


def withdraw(session: Session, tip: Tip) -> None:
    """Take a tip back for its sender.

    - The contact is erased in any case.
    - A closed tip stays as it is.
    - One that officers already follow up as a lead is kept as evidence; the wish is noted in the thread.
    - Any other is closed, and its candidates are withdrawn.
    """
    tip.contact_sealed = None
    session.add(tip)
    if tip.state == TipState.DISPOSED:
        return
    if tip.state == TipState.LEAD:
        session.add(TipMessage(tip_id=tip.id, author=Author.SYSTEM, notice="withdrawal_noted"))
        return
    progress.dispose(session, tip, Disposition.WITHDRAWN_BY_TIPSTER, TIPSTER, "Withdrawn by the tipster.")
    jobs.enqueue(session, "withdraw_candidates", f"withdraw_candidates:{tip.id}", tip_id=str(tip.id))
