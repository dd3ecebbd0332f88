"""What may be done with records: add, change, close, reopen. Clerks of the record's area do it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor, officer_actor
from app.core import jobs
from app.core.clock import now
from app.core.crypto import Keys
from app.core.errors import Conflict, Invalid, NotFound
from app.core.files import PhotoStore
from app.core.paging import Listing
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.records import queries, references, suppression, writers
from app.records.fields import (
    PhotoAge,
    RecordFields,
    ReferenceFile,
    check_count,
    check_photos,
    cleaned,
    fields_of,
    known_age,
)
from app.records.models import Record, RecordState

SHORTEST_REASON = 5
"""Characters; closing a record is justified in words."""

LONGEST_REASON = 1000

STALE = (
    "Somebody changed this record meanwhile. Compare what you typed with what it says now, then save again."
)


@dataclass(frozen=True)
class Expiry:
    """The day after which a registry wants a record closed; None for never."""

    on: date | None


def add_record(
    session: Session,
    store: PhotoStore,
    keys: Keys,
    fields: RecordFields,
    photos: Sequence[ReferenceFile],
    actor: Actor,
    *,
    expiry: Expiry | None = None,
) -> Record:
    """Add an open record with its photos.

    Args:
        session: a writing session; nothing should have been asked of it yet, since photos are stored first.
        store: the photo store.
        keys: the deployment's keys.
        fields: what the record says.
        photos: its first photos, none to ten.
        actor: who adds it; a registry keeps what it adds.
        expiry: when it is to be closed.

    Returns:
        The new record.

    Raises:
        Invalid: a field breaks its rule, or the number is taken.
        Erased: the number or a photo was erased.
        TooLarge: a photo beyond 20 MB.
        UnsupportedPhoto: a file that is no photo we read.
        NotAllowed: the area is not the clerk's.
    """
    clean = cleaned(fields)
    check_photos(photos)
    with references.kept(store, photos) as kept:
        check_area(session, clean.jurisdiction_code)
        writers.check(session, actor, None, clean.jurisdiction_code)
        suppression.check(session, keys, clean.number, [file.sha256 for _, file in kept])
        record = Record(
            **asdict(clean),
            kept_by=writers.keeper(session, actor),
            expires_on=expiry.on if expiry else None,
        )
        session.add(record)
        _flush(session, clean.number, record.id)
        references.add(session, record, kept)
        audit.record(
            session,
            actor,
            Action.RECORD_ADDED,
            "record",
            record.id,
            area=record.jurisdiction_code,
            photos=len(kept),
        )
    return record


def change_record(
    session: Session,
    store: PhotoStore,
    keys: Keys,
    record_id: UUID,
    fields: RecordFields,
    actor: Actor,
    *,
    revision: int,
    photos: Sequence[ReferenceFile] = (),
    removed: Collection[UUID] = (),
    ages: Mapping[UUID, PhotoAge] | None = None,
    expiry: Expiry | None = None,
) -> Record:
    """Change what a record says, add and remove photos; a form that changes nothing leaves no trace.

    Args:
        session: a writing session; nothing should have been asked of it yet, since photos are stored first.
        store: the photo store.
        keys: the deployment's keys.
        record_id: the record.
        fields: what it shall say.
        actor: who changes it.
        revision: the revision that the change was written for.
        photos: photos to add.
        removed: references to take out.
        ages: dates and ages of references that stay; others keep theirs.
        expiry: when it is to be closed; None leaves that as it is.

    Returns:
        The record.

    Raises:
        NotFound: no such record or reference.
        Conflict: somebody changed the record since that revision.
        Invalid: a field breaks its rule, or the number is taken.
        TooLarge: a photo beyond 20 MB.
        UnsupportedPhoto: a file that is no photo we read.
        NotAllowed: the record's area, or the new one, is not the clerk's.
    """
    clean = cleaned(fields)
    check_photos(photos)
    with references.kept(store, photos) as kept:
        record = _locked(session, record_id, revision)
        if clean.jurisdiction_code != record.jurisdiction_code:
            check_area(session, clean.jurisdiction_code)
        writers.check(session, actor, record, record.jurisdiction_code, clean.jurisdiction_code)
        if record.state == RecordState.ERASED:
            raise NotFound
        suppression.check(session, keys, clean.number, [file.sha256 for _, file in kept])
        present = {held.id: held for held, _ in queries.references_of(session, record.id)}
        if not present.keys() >= {*removed, *(ages or {})}:
            raise NotFound
        staying = {key: known_age(record, held) for key, held in present.items() if key not in removed}
        staying |= {key: age for key, age in (ages or {}).items() if key in staying}
        check_count(len(staying) + len(kept))

        before = fields_of(record)
        changed = [name for name, value in asdict(clean).items() if value != getattr(before, name)]
        for name in changed:
            setattr(record, name, getattr(clean, name))
        if expiry is not None and expiry.on != record.expires_on:
            record.expires_on = expiry.on
            changed.append("expires_on")
        redated = references.redate(session, record, [(present[key], age) for key, age in staying.items()])
        if not (changed or redated or removed or kept):
            return record
        for key in removed:
            present[key].removed_at = now()
            jobs.enqueue(
                session, "withdraw_reference_candidates", f"withdraw_reference:{key}", reference_id=str(key)
            )
            session.add(present[key])
        record.revision += 1
        record.updated_at = now()
        session.add(record)
        _flush(session, clean.number, record.id)
        references.add(session, record, kept, first=len(present))
        if record.state == RecordState.OPEN and (redated or "born_on" in changed):
            _search_anew(session, record)
        audit.record(
            session,
            actor,
            Action.RECORD_CHANGED,
            "record",
            record.id,
            revision=record.revision,
            fields=" ".join(changed),
            photos_added=len(kept),
            photos_removed=len(removed),
            ages_changed=redated,
        )
    return record


def close_record(session: Session, record_id: UUID, reason: str, actor: Actor, *, revision: int) -> None:
    """Close a record: it is searched no more, and its open candidates are withdrawn.

    Args:
        session: a writing session.
        record_id: the record.
        reason: why, in words; kept with the record, not in the audit log.
        actor: who closes it.
        revision: the revision that the officer saw.

    Raises:
        NotFound: no such record.
        Conflict: closed already, or changed since that revision.
        Invalid: no reason given.
        NotAllowed: the record's area is not the clerk's.
    """
    why = check_reason(reason)
    record = _locked(session, record_id, revision)
    writers.check(session, actor, record, record.jurisdiction_code)
    _check_state(record, RecordState.OPEN)
    _move(session, record, RecordState.CLOSED, why)
    jobs.enqueue(
        session,
        "withdraw_record_candidates",
        unique_key=f"withdraw_record_candidates:{record.id}:{record.revision}",
        record_id=str(record.id),
    )
    audit.record(session, actor, Action.RECORD_CLOSED, "record", record.id, revision=record.revision)


def reopen_record(session: Session, record_id: UUID, actor: Actor, *, revision: int) -> None:
    """Open a closed record again; retained faces are searched with it anew.

    Raises:
        NotFound: no such record.
        Conflict: open already, or changed since that revision.
        NotAllowed: the record's area is not the clerk's.
    """
    record = _locked(session, record_id, revision)
    writers.check(session, actor, record, record.jurisdiction_code)
    _check_state(record, RecordState.CLOSED)
    _move(session, record, RecordState.OPEN, None)
    _search_anew(session, record)
    audit.record(session, actor, Action.RECORD_REOPENED, "record", record.id, revision=record.revision)


def search(
    session: Session, officer: Officer, text: str, state: RecordState | None, page: int
) -> Listing[Record]:
    """Search the registry by number or name; who searched is in the audit log, what for is not.

    Args:
        session: a writing session.
        officer: who searches.
        text: part of a number or name; empty lists all and is no search.
        state: only records in this state, or None.
        page: counted from 1.

    Returns:
        One page of records.
    """
    found = queries.search(session, officer, text, state, page)
    if text:
        audit.record(
            session,
            officer_actor(officer.id),
            Action.RECORDS_SEARCHED,
            "registry",
            "records",
            found=len(found.items),
        )
    return found


def check_reason(reason: str) -> str:
    """A reason for closing, without stray blanks.

    Raises:
        Invalid: too short or too long.
    """
    why = reason.strip()
    if not SHORTEST_REASON <= len(why) <= LONGEST_REASON:
        raise Invalid("Give the reason in words.", field="reason")
    return why


def check_area(session: Session, code: str) -> None:
    """Refuse an area that has no authority of its own.

    Raises:
        Invalid: no such area, or the one above answers for it.
    """
    area = session.get(Jurisdiction, code)
    if area is None or area.authority is None:
        raise Invalid("Choose an area that has an authority.", field="jurisdiction_code")


def _move(session: Session, record: Record, state: RecordState, reason: str | None) -> None:
    record.state = state
    record.closing_reason = reason
    record.revision += 1
    record.updated_at = now()
    session.add(record)


def _search_anew(session: Session, record: Record) -> None:
    jobs.enqueue(
        session,
        "retroact",
        unique_key=f"retroact:{record.id}:{record.revision}",
        lane=f"area {record.jurisdiction_code}",
        record_id=str(record.id),
    )


def _locked(session: Session, record_id: UUID, revision: int) -> Record:
    record = session.exec(select(Record).where(Record.id == record_id).with_for_update()).first()
    if record is None:
        raise NotFound
    if record.revision != revision:
        raise Conflict(STALE)
    return record


def _check_state(record: Record, wanted: RecordState) -> None:
    if record.state != wanted:
        raise Conflict("The record is in this state already. Open it again to see where it stands.")


def _flush(session: Session, number: str, record_id: UUID) -> None:
    """Send the record's row; a number that another record has is the form's mistake, not ours."""
    taken = Invalid("Another record has this number.", field="number")
    with session.no_autoflush:
        other = queries.by_number(session, number)
    if other is not None and other.id != record_id:
        raise taken
    try:
        session.flush()
    except IntegrityError as error:
        raise taken from error
