"""What a police system does with the records that it keeps. It reads no others, and no candidate."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Invalid, NotFound
from app.records import erasing, queries, references, service, suppression, writers
from app.records.fields import PhotoAge, RecordFields, ReferenceFile, fields_of, one_line
from app.records.models import Record, RecordState, SuppressedKind
from app.records.service import Expiry

PAGE = 100
"""Records of one page."""

PAGE_WITH_PHOTOS = 5
"""Records of one page that carries photos."""

CLOSED_AT_ONCE = 200
EXPIRED = "Its registry wanted it closed by this day."


@dataclass(frozen=True)
class Put:
    """A record after it was written."""

    record: Record
    created: bool


def put(
    session: Session,
    context: Context,
    actor: Actor,
    fields: RecordFields,
    expires_on: date | None,
    revision: int | None,
) -> Put:
    """Create or change a record; the same again changes nothing.

    Args:
        session: a writing session.
        context: the deployment.
        actor: the registry.
        fields: what the record shall say.
        expires_on: when it is to be closed; None leaves that.
        revision: only change this revision; None changes any.

    Raises:
        Refusal: a rule is broken, the record is another's, changed meanwhile, or was erased.
    """
    expiry = Expiry(expires_on) if expires_on else None
    held = queries.by_number(session, one_line(fields.number))
    if held is None:
        made = service.add_record(session, context.store, context.keys, fields, (), actor, expiry=expiry)
        return Put(made, created=True)
    writers.check(session, actor, held, held.jurisdiction_code)
    changed = service.change_record(
        session,
        context.store,
        context.keys,
        held.id,
        fields,
        actor,
        revision=revision or held.revision,
        expiry=expiry,
    )
    return Put(changed, created=False)


def own(session: Session, actor: Actor, number: str) -> Record:
    """A record that the registry keeps.

    Raises:
        NotFound: none of this number, or another's.
    """
    keeper = writers.keeper(session, actor)
    found = queries.of_keeper(session, keeper, number=one_line(number)) if keeper else []
    if not found:
        raise NotFound
    return found[0]


def page(session: Session, actor: Actor, cursor: str) -> tuple[list[Record], str | None]:
    """Records that the registry keeps, by number, and the cursor of the next page."""
    keeper = writers.keeper(session, actor)
    found = queries.of_keeper(session, keeper, cursor, PAGE + 1) if keeper else []
    return found[:PAGE], found[PAGE - 1].number if len(found) > PAGE else None


def add_photo(
    session: Session, context: Context, actor: Actor, number: str, content: bytes, age: PhotoAge
) -> None:
    """Add one photo; one that the record has already changes nothing.

    Raises:
        Refusal: it is no photo, too large, was erased, or the record is another's or full.
    """
    record = own(session, actor, number)
    photo = ReferenceFile(content, age)
    sha256 = references.digest(content)
    if any(held.sha256 == sha256 for _, held in queries.references_of(session, record.id)):
        return
    service.change_record(
        session,
        context.store,
        context.keys,
        record.id,
        fields_of(record),
        actor,
        revision=record.revision,
        photos=[photo],
    )


def remove_photo(session: Session, context: Context, actor: Actor, number: str, sha256: str) -> None:
    """Take a photo out of a record; taken out already, nothing changes.

    Raises:
        NotFound: the registry does not keep such a record, or it never had this photo.
    """
    record = own(session, actor, number)
    ever = queries.references_of(session, record.id, removed=True)
    held = [reference for reference, photo in ever if photo.sha256 == sha256]
    if not held:
        raise NotFound
    removed = [reference.id for reference in held if reference.removed_at is None]
    service.change_record(
        session,
        context.store,
        context.keys,
        record.id,
        fields_of(record),
        actor,
        revision=record.revision,
        removed=removed,
    )


def close(session: Session, actor: Actor, number: str, reason: str) -> Record:
    """Close a record; closed already, nothing changes.

    Raises:
        Refusal: no reason, or no such record of this registry.
    """
    record = own(session, actor, number)
    if record.state == RecordState.OPEN:
        service.close_record(session, record.id, reason, actor, revision=record.revision)
    return record


def reopen(session: Session, actor: Actor, number: str) -> Record:
    """Open a closed record again; open already, nothing changes.

    Raises:
        NotFound: no such record of this registry.
    """
    record = own(session, actor, number)
    if record.state == RecordState.CLOSED:
        service.reopen_record(session, record.id, actor, revision=record.revision)
    return record


def erase(session: Session, context: Context, actor: Actor, number: str, reason: str) -> None:
    """Erase a record for good; erased before, nothing changes.

    Raises:
        Refusal: no such record of this registry, no cause, or police work rests on it.
    """
    cause = erasing.read_cause(reason)
    try:
        record = own(session, actor, number)
    except NotFound:
        if suppression.is_suppressed(session, context.keys, SuppressedKind.NUMBER, [one_line(number)]):
            return
        raise
    erasing.erase_record(session, context.keys, record, cause, actor)


def close_expired(context: Context) -> int:
    """Close open records whose day has passed; several workers may look at once.

    Returns:
        How many were closed.
    """
    day = today(context)
    with context.db.read() as session:
        if not queries.expired(session, day, 1):
            return 0
    with context.db.write() as session:
        due = queries.expired(session, day, CLOSED_AT_ONCE)
        for record in due:
            service.close_record(session, record.id, EXPIRED, SYSTEM, revision=record.revision)
    return len(due)


def exported(
    session: Session, context: Context, actor: Actor, cursor: str, *, photos: bool
) -> tuple[list[tuple[Record, list[bytes]]], str | None]:
    """A page of the registry's records to hand out, with their photos if wanted; the audit log says so.

    Returns:
        The records, and the cursor of the next page.
    """
    keeper = writers.keeper(session, actor)
    most = PAGE_WITH_PHOTOS if photos else PAGE
    found = queries.of_keeper(session, keeper, cursor, most + 1) if keeper else []
    shown = found[:most]
    held = queries.references_of_many(session, [record.id for record in shown]) if photos else {}
    entries: list[tuple[Record, list[bytes]]] = []
    for record in shown:
        present = [photo for reference, photo in held.get(record.id, []) if reference.removed_at is None]
        if record.expires_on is not None and record.expires_on < today(context):
            present = []
        entries.append((record, [context.store.get(photo.store_key, photo.sealed_key) for photo in present]))
    audit.record(
        session,
        actor,
        Action.RECORDS_EXPORTED,
        "registry",
        "records",
        shape="pfif",
        records=len(entries),
        photos=sum(len(photos_of) for _, photos_of in entries),
    )
    return entries, shown[-1].number if len(found) > most else None


def today(context: Context) -> date:
    """The day it is where the deployment is."""
    return now().astimezone(context.settings.zone).date()


def quoted(cursor: str) -> str:
    """A cursor as a header may carry it; it goes back into the query as it is."""
    return quote(cursor, safe="")


def text_of(body: bytes) -> str:
    """A body as text.

    Raises:
        Invalid: it is no UTF-8.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("The body is not UTF-8.") from error
