"""Importing a folder of records: each line for itself, and the same folder twice changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor
from app.core.columns import new_id
from app.core.context import Context
from app.core.errors import Invalid, Refusal
from app.core.render import translate
from app.records import queries, references, service
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
from app.records.import_file import Row, fields_in, photos_in, read_list, read_photo
from app.records.models import Record

OnProgress = Callable[[int, int], None]
"""Called with the lines done and the lines there are."""

LONGEST_REPORT = 200
"""Refused lines that a printed report names; the rest are counted."""


class Outcome(StrEnum):
    """What became of a line."""

    ADDED = "added"  # A new record.
    CHANGED = "changed"  # A known record says something new, or has a new photo.
    UNCHANGED = "unchanged"  # A known record says the same already.
    REFUSED = "refused"  # Nothing of this line was taken.


@dataclass(frozen=True)
class LineResult:
    """One line's result.

    Attributes:
        line: its number in the file.
        number: the record's number, empty when the line could not be read.
        outcome: what became of it.
        refusal: why it was refused.
    """

    line: int
    number: str
    outcome: Outcome
    refusal: Refusal | None = None

    def reason(self, language: str = "en") -> str:
        """Why the line was refused, in words; empty when it was not."""
        if self.refusal is None:
            return ""
        sentence = translate(language, self.refusal.message, **self.refusal.values)
        return f"{self.refusal.field}: {sentence}" if self.refusal.field else sentence


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        encoding: what the list was written in.
        dry_run: whether it only looked.
        lines: one result a line, in order.
    """

    encoding: str
    dry_run: bool
    lines: tuple[LineResult, ...]

    def count(self, outcome: Outcome) -> int:
        """How many lines came out this way."""
        return sum(line.outcome == outcome for line in self.lines)


@dataclass(frozen=True)
class Parcel:
    """A line that can be read: what it says, with its photos' bytes."""

    fields: RecordFields
    photos: tuple[ReferenceFile, ...]


def import_folder(
    context: Context,
    folder: Path,
    *,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
    actor: Actor = SYSTEM,
) -> ImportReport:
    """Import a folder with `records.csv` or `records.jsonl` and photo files beside it.

    A line whose number is known changes that record: its fields become the line's, photos are added or dated
    anew. No photo is taken away, and one that a clerk removed does not come back. A closed record stays
    closed.

    Args:
        context: the open deployment.
        folder: the folder; photo paths may not leave it.
        dry_run: only say what would happen.
        on_progress: told after each line.
        actor: who imports.

    Returns:
        One result a line; a refused line has changed nothing and stops no other.

    Raises:
        Invalid: the list as a whole cannot be read; nothing was imported.
    """
    found = read_list(folder)
    seen: dict[str, int] = {}
    results: list[LineResult] = []
    for done, row in enumerate(found.rows, start=1):
        results.append(_line(context, folder, row, seen, actor, dry_run=dry_run))
        if on_progress is not None:
            on_progress(done, len(found.rows))
    report = ImportReport(found.encoding, dry_run, tuple(results))
    if not dry_run:
        with context.db.write() as session:
            counts = {outcome.value: report.count(outcome) for outcome in Outcome}
            audit.record(session, actor, Action.RECORDS_IMPORTED, "import", new_id(), **counts)
    return report


@contextmanager
def progress_bar(console: Console) -> Iterator[OnProgress]:
    """A bar on a console, for `on_progress`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Records", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_report(report: ImportReport, console: Console, language: str = "en") -> None:
    """Print what an import did: the counts, then every refused line with its reason.

    Args:
        report: the result.
        console: where to print.
        language: language of the reasons.
    """
    counts = ", ".join(f"{report.count(outcome)} {outcome.value}" for outcome in Outcome)
    head = "Dry run, nothing was stored. It would be: " if report.dry_run else "Imported: "
    console.print(Text(f"{head}{counts} (list read as {report.encoding})."))
    refused = [line for line in report.lines if line.outcome == Outcome.REFUSED]
    if not refused:
        return
    table = Table("Line", "Number", "Reason")
    for line in refused[:LONGEST_REPORT]:
        table.add_row(str(line.line), Text(line.number), Text(line.reason(language)))
    console.print(table)
    if len(refused) > LONGEST_REPORT:
        console.print(Text(f"... and {len(refused) - LONGEST_REPORT} more refused lines."))


def _line(
    context: Context, folder: Path, row: Row, seen: dict[str, int], actor: Actor, *, dry_run: bool
) -> LineResult:
    number = one_line(row.values.get("number", ""))
    try:
        if row.problem is not None:
            raise row.problem
        if number in seen:
            raise Invalid("The number stands already in line %(line)s.", field="number", line=seen[number])
        if number:
            seen[number] = row.line
        outcome = _take(context, _parcel(folder, row), actor, dry_run=dry_run)
    except Refusal as refusal:
        return LineResult(row.line, number, Outcome.REFUSED, refusal)
    return LineResult(row.line, number, outcome)


def _parcel(folder: Path, row: Row) -> Parcel:
    fields = cleaned(fields_in(row.values))
    photos: dict[str, ReferenceFile] = {}
    for position, named in enumerate(photos_in(row.values), start=1):
        age_years(named.age, fields.born_on)
        content = read_photo(folder, named.name, position)
        photos.setdefault(references.digest(content), ReferenceFile(content, named.age))
    check_photos(list(photos.values()))
    return Parcel(fields, tuple(photos.values()))


def _take(context: Context, parcel: Parcel, actor: Actor, *, dry_run: bool) -> Outcome:
    with context.db.read() as session:
        service.check_area(session, parcel.fields.jurisdiction_code)
        record = queries.by_number(session, parcel.fields.number)
        change = _difference(session, record, parcel) if record else None
    if record is None:
        if not dry_run:
            with context.db.write() as session:
                service.add_record(session, context.store, parcel.fields, parcel.photos, actor)
        return Outcome.ADDED
    if change is None:
        return Outcome.UNCHANGED
    new, ages = change
    if not dry_run:
        with context.db.write() as session:
            service.change_record(
                session,
                context.store,
                record.id,
                parcel.fields,
                actor,
                revision=record.revision,
                photos=new,
                ages=ages,
            )
    return Outcome.CHANGED


def _difference(
    session: Session, record: Record, parcel: Parcel
) -> tuple[list[ReferenceFile], dict[UUID, PhotoAge]] | None:
    """What a line would change in a known record, by its photos' bytes; None for nothing."""
    held = {photo.sha256: reference for reference, photo in queries.references_of(session, record.id)}
    ever = {photo.sha256 for _, photo in queries.references_of(session, record.id, removed=True)}
    new: list[ReferenceFile] = []
    ages: dict[UUID, PhotoAge] = {}
    for photo in parcel.photos:
        digest = references.digest(photo.content)
        if digest not in ever:
            new.append(photo)
        elif digest in held and photo.age != PhotoAge() and photo.age != known_age(record, held[digest]):
            ages[held[digest].id] = photo.age
    check_count(len(held) + len(new))
    if fields_of(record) == parcel.fields and not new and not ages:
        return None
    return new, ages
