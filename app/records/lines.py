"""One line of an import: what it says, what of it is new, and doing that."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from sqlmodel import Session

from app.audit.service import Actor
from app.core.context import Context
from app.core.errors import Invalid, NotFound, Refusal
from app.core.render import translate
from app.photos.models import Photo
from app.records import erasing, queries, references, service, suppression, writers
from app.records.fields import (
    PhotoAge,
    RecordFields,
    ReferenceFile,
    age_years,
    check_count,
    check_photos,
    cleaned,
    fields_of,
    known_age,
    one_line,
)
from app.records.form import read_day
from app.records.import_file import Row, fields_in, photos_in, read_photo
from app.records.models import Record, RecordState, Reference, SuppressedKind
from app.records.service import Expiry


class Outcome(StrEnum):
    """What became of a line."""

    ADDED = "added"  # A new record.
    CHANGED = "changed"  # A known record says something new, or has a new photo.
    UNCHANGED = "unchanged"  # A known record says the same already.
    CLOSED = "closed"  # A known record was closed.
    REOPENED = "reopened"  # A closed record was opened again.
    ERASED = "erased"  # A record was erased for good.
    REFUSED = "refused"  # Nothing of this line was taken.


@dataclass(frozen=True)
class LineResult:
    """One line's result.

    Attributes:
        line: its number in the file.
        number: the record's number, empty when the line could not be read.
        outcome: what became of it.
        refusal: why it was refused.
        changed: names of the fields that changed.
    """

    line: int
    number: str
    outcome: Outcome
    refusal: Refusal | None = None
    changed: tuple[str, ...] = ()

    def reason(self, language: str = "en") -> str:
        """Why the line was refused, in words; empty when it was not."""
        if self.refusal is None:
            return ""
        sentence = translate(language, self.refusal.message, **self.refusal.values)
        return f"{self.refusal.field}: {sentence}" if self.refusal.field else sentence


@dataclass(frozen=True)
class Parcel:
    """A line that can be read.

    Attributes:
        fields: what the record says.
        photos: its photos' bytes.
        state: the state it is to have; None leaves that.
        reason: why it is closed, or the cause of its erasure.
        expiry: when it is to be closed; None leaves that.
    """

    fields: RecordFields
    photos: tuple[ReferenceFile, ...]
    state: RecordState | None = None
    reason: str = ""
    expiry: Expiry | None = None


@dataclass(frozen=True)
class Known:
    """A stored record and its photos, those that were taken out included."""

    record: Record
    held: list[tuple[Reference, Photo]]


def known_by_number(session: Session, numbers: list[str]) -> dict[str, Known]:
    """Stored records of a batch of lines, each asked for once."""
    records = queries.by_numbers(session, numbers)
    held = queries.references_of_many(session, [record.id for record in records])
    return {record.number: Known(record, held.get(record.id, [])) for record in records}


def parcel(folder: Path | None, row: Row) -> Parcel:
    """Read a line with its photos.

    Args:
        folder: where its photos lie; None takes none.
        row: the line.

    Raises:
        Refusal: a field or a photo breaks its rule.
    """
    fields = cleaned(fields_in(row.values))
    photos: dict[str, ReferenceFile] = {}
    for position, named in enumerate(photos_in(row.values), start=1):
        if folder is None:
            raise Invalid("Photos come with a folder or one by one.", field="photos")
        age_years(named.age, fields.born_on)
        content = read_photo(folder, named.name, position)
        photos.setdefault(references.digest(content), ReferenceFile(content, named.age))
    for content in row.photos:
        photos.setdefault(references.digest(content), ReferenceFile(content))
    check_photos(list(photos.values()))
    expiry = None
    if "expires_on" in row.values:
        expiry = Expiry(read_day(row.values["expires_on"], "expires_on"))
    return Parcel(fields, tuple(photos.values()), state_in(row.values), row.values.get("reason", ""), expiry)


def state_in(values: Mapping[str, str]) -> RecordState | None:
    """The state a line wants, None when it says nothing of it.

    Raises:
        Invalid: no such state.
    """
    written = values.get("state", "").strip()
    try:
        return RecordState(written) if written else None
    except ValueError as error:
        raise Invalid("A state is open, closed or erased.", field="state") from error


def erase(
    session: Session, context: Context, row: Row, known: Known | None, actor: Actor, *, dry_run: bool
) -> Outcome:
    """Erase the record that a line names; erased before, nothing changes.

    Raises:
        Refusal: no such record, no cause, or police work rests on it.
    """
    number = one_line(row.values.get("number", ""))
    if known is None:
        if suppression.is_suppressed(session, context.keys, SuppressedKind.NUMBER, [number]):
            return Outcome.UNCHANGED
        raise NotFound("There is no record of this number.")
    cause = erasing.read_cause(row.values.get("reason", ""))
    writers.check(session, actor, known.record, known.record.jurisdiction_code)
    erasing.check(session, known.record)
    if not dry_run:
        erasing.erase_record(session, context.keys, known.record, cause, actor)
    return Outcome.ERASED


@dataclass(frozen=True)
class Difference:
    """What a line would change in a known record."""

    fields: tuple[str, ...]
    photos: list[ReferenceFile]
    ages: dict[UUID, PhotoAge]


def difference(known: Known, sent: Parcel) -> Difference:
    """What a line would change in a known record, by its photos' bytes.

    Raises:
        Invalid: more photos than a record takes.
    """
    present = {photo.sha256: held for held, photo in known.held if held.removed_at is None}
    ever = {photo.sha256 for _, photo in known.held}
    new: list[ReferenceFile] = []
    ages: dict[UUID, PhotoAge] = {}
    for photo in sent.photos:
        digest = references.digest(photo.content)
        if digest not in ever:
            new.append(photo)
        elif (
            digest in present
            and photo.age != PhotoAge()
            and photo.age != known_age(known.record, present[digest])
        ):
            ages[present[digest].id] = photo.age
    check_count(len(present) + len(new))
    before = fields_of(known.record)
    changed = [name for name in vars(before) if getattr(before, name) != getattr(sent.fields, name)]
    if sent.expiry is not None and sent.expiry.on != known.record.expires_on:
        changed.append("expires_on")
    if new or ages:
        changed.append("photos")
    return Difference(tuple(changed), new, ages)


def put(
    session: Session, context: Context, sent: Parcel, known: Known | None, actor: Actor, *, dry_run: bool
) -> tuple[Outcome, tuple[str, ...]]:
    """Add or change a record, then bring it to the state that is wanted.

    Returns:
        What became of it, and the names of the fields that changed.

    Raises:
        Refusal: a rule is broken; nothing has changed.
    """
    service.check_area(session, sent.fields.jurisdiction_code)
    record = known.record if known else None
    codes = [sent.fields.jurisdiction_code, *([record.jurisdiction_code] if record else [])]
    writers.check(session, actor, record, *codes)
    files = [references.digest(photo.content) for photo in sent.photos]
    suppression.check(session, context.keys, sent.fields.number, files)
    if sent.state == RecordState.CLOSED and (record is None or record.state != RecordState.CLOSED):
        service.check_reason(sent.reason)
    change = difference(known, sent) if known else None
    outcome = Outcome.ADDED if known is None else Outcome.CHANGED
    if change is not None and not change.fields:
        outcome = Outcome.UNCHANGED
    moved = {RecordState.CLOSED: Outcome.CLOSED, RecordState.OPEN: Outcome.REOPENED}
    moves = record is not None and sent.state in moved and record.state != sent.state
    result = moved[sent.state] if moves and sent.state else outcome
    if dry_run:
        return result, change.fields if change else ()
    if known is None:
        record = service.add_record(
            session, context.store, context.keys, sent.fields, sent.photos, actor, expiry=sent.expiry
        )
    elif change is not None and change.fields and record is not None:
        record = service.change_record(
            session,
            context.store,
            context.keys,
            record.id,
            sent.fields,
            actor,
            revision=record.revision,
            photos=change.photos,
            ages=change.ages,
            expiry=sent.expiry,
        )
    if record is not None and sent.state == RecordState.CLOSED and record.state == RecordState.OPEN:
        service.close_record(session, record.id, sent.reason, actor, revision=record.revision)
    elif record is not None and sent.state == RecordState.OPEN and record.state == RecordState.CLOSED:
        service.reopen_record(session, record.id, actor, revision=record.revision)
    return result, change.fields if change else ()
