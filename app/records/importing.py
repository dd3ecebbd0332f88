"""Importing records, a folder or a registry's batch: each line for itself; the same twice changes nothing.

Lines are settled in short transactions that carry the run's own row along, so that an import which was
cut off goes on where it stopped.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor
from app.core import jobs, pressure
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Invalid, Refusal, Unavailable
from app.records import lines
from app.records.fields import one_line
from app.records.import_file import Row, read_list
from app.records.lines import Known, LineResult, Outcome
from app.records.models import ImportProblem, ImportRun, ImportState, RecordState
from app.tips import storing

OnProgress = Callable[[int, int], None]
"""Called with the lines done and the lines there are."""

LONGEST_REPORT = 200
"""Refused lines that a printed report names; the rest are counted."""

BATCH = 200
"""Lines whose records are looked up at once."""

LONGEST_WRITE_S = 0.25
"""How long lines are added to one transaction: a tip that comes in waits no longer for the write lock."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        encoding: what the list was written in.
        dry_run: whether it only looked.
        lines: one result a line, in order; lines settled before it was cut off are not among them.
        resumed: how many lines were settled before.
    """

    encoding: str
    dry_run: bool
    lines: tuple[LineResult, ...]
    resumed: int = 0

    def count(self, outcome: Outcome) -> int:
        """How many lines came out this way."""
        return sum(line.outcome == outcome for line in self.lines)


@dataclass
class Work:
    """An import under way."""

    context: Context
    folder: Path | None
    actor: Actor
    dry_run: bool
    run: ImportRun | None = None
    seen: dict[str, int] = field(default_factory=dict)
    results: list[LineResult] = field(default_factory=list)
    written: int = 0
    """Results that the run's row knows of."""


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
    anew. No photo is taken away, and one that a clerk removed does not come back. Without a state in the
    line a closed record stays closed. The same list, cut off before, goes on where it stopped.

    Args:
        context: the open deployment.
        folder: the folder; photo paths may not leave it.
        dry_run: only say what would happen.
        on_progress: told after each batch.
        actor: who imports.

    Returns:
        One result a line; a refused line has changed nothing and stops no other.

    Raises:
        Invalid: the list as a whole cannot be read; nothing was imported.
    """
    found = read_list(folder)
    work = Work(context, folder, actor, dry_run)
    work.run = _start(work, found.path.name, found.digest, found.total)
    before = work.run.done
    try:
        for done in _settle(work, found.rows(), before):
            if on_progress is not None:
                on_progress(done, found.total)
    except BaseException:
        # Results of the transaction that was cut off are not counted: its lines are done again.
        with context.db.write() as session:
            stopped = session.get_one(ImportRun, work.run.id)
            stopped.state = ImportState.STOPPED
            session.add(stopped)
        raise
    with context.db.write() as session:
        _note(session, work, ImportState.DONE)
    return ImportReport(found.encoding, dry_run, tuple(work.results), before)


def import_rows(context: Context, rows: Iterable[Row], actor: Actor, *, dry_run: bool) -> list[LineResult]:
    """Import lines without photos that came over the wire; repeated, they change nothing.

    Returns:
        One result a line.
    """
    work = Work(context, None, actor, dry_run)
    for _ in _settle(work, iter(rows), 0):
        pass
    if not dry_run:
        with context.db.write() as session:
            audit.record(session, actor, Action.RECORDS_IMPORTED, "import", "api", **_counts(work))
    return work.results


def _settle(work: Work, rows: Iterator[Row], skip: int) -> Iterator[int]:
    done = skip
    for row in islice(rows, skip):
        # A number of a settled line must still be known as taken further down.
        work.seen.setdefault(one_line(row.values.get("number", "")), row.line)
    while batch := list(islice(rows, BATCH)):
        if not work.dry_run:
            _check_room(work.context)
        if work.folder is not None and not work.dry_run:
            pressure.wait_for_calm(work.context)
        numbers = [one_line(row.values.get("number", "")) for row in batch]
        with work.context.db.read() as session:
            known = lines.known_by_number(session, numbers)
            looked = [_line(session, work, row, known, dry_run=True) for row in batch]
        if work.dry_run or all(result.outcome == Outcome.UNCHANGED for result in looked):
            work.results += looked
        else:
            _write(work, batch, looked)
        done += len(batch)
        yield done


def _check_room(context: Context) -> None:
    try:
        storing.check_room(context)
    except OSError as error:
        raise Unavailable(
            "There is too little room for photos. Nothing more was imported; make room, then import the same "
            "list again: it goes on where it stopped."
        ) from error


def _write(work: Work, batch: list[Row], looked: list[LineResult]) -> None:
    """Do what a look at a batch found to do, in transactions of a fraction of a second."""
    passed = {Outcome.UNCHANGED, Outcome.REFUSED}
    pairs = iter(zip(batch, looked, strict=True))
    pair = next(pairs, None)
    while pair is not None:
        with work.context.db.write() as session:
            jobs.in_bulk(session)
            started = time.monotonic()
            while pair is not None and time.monotonic() - started < LONGEST_WRITE_S:
                row, result = pair
                if result.outcome not in passed:
                    number = one_line(row.values.get("number", ""))
                    known = lines.known_by_number(session, [number])
                    work.seen.pop(number, None)
                    result = _line(session, work, row, known, dry_run=False)
                work.results.append(result)
                pair = next(pairs, None)
            _note(session, work, ImportState.RUNNING)


def _line(session: Session, work: Work, row: Row, known: dict[str, Known], *, dry_run: bool) -> LineResult:
    number = one_line(row.values.get("number", ""))
    changed: tuple[str, ...] = ()
    try:
        if row.problem is not None:
            raise row.problem
        if number in work.seen:
            raise Invalid(
                "The number stands already in line %(line)s.", field="number", line=work.seen[number]
            )
        if number:
            work.seen[number] = row.line
        held = known.get(number)
        erases = lines.state_in(row.values) == RecordState.ERASED
        sent = None if erases else lines.parcel(work.folder, row)
        with session.begin_nested():
            if sent is None:
                outcome = lines.erase(session, work.context, row, held, work.actor, dry_run=dry_run)
            else:
                outcome, changed = lines.put(session, work.context, sent, held, work.actor, dry_run=dry_run)
    except Refusal as refusal:
        return LineResult(row.line, number, Outcome.REFUSED, refusal)
    return LineResult(row.line, number, outcome, None, changed)


def _start(work: Work, source: str, digest: str, total: int) -> ImportRun:
    """The row of this run; one of the same list that was cut off goes on."""
    with work.context.db.write() as session:
        question = select(ImportRun).where(
            ImportRun.digest == digest,
            ImportRun.dry_run == work.dry_run,
            ImportRun.state != ImportState.DONE,
        )
        run = session.exec(question.order_by(col(ImportRun.started_at).desc()).limit(1)).first()
        if run is None or work.dry_run:
            run = ImportRun(source=source, digest=digest, dry_run=work.dry_run, total=total)
        run.state = ImportState.RUNNING
        session.add(run)
    return run


def _note(session: Session, work: Work, state: ImportState) -> None:
    """Write down how far a run has come, with the lines that were refused since."""
    if work.run is None:
        return
    run = session.get_one(ImportRun, work.run.id)
    new = work.results[work.written :]
    counts: dict[str, Any] = dict(run.counts)
    fields: Counter[str] = Counter(counts.get("fields", {}))
    for result in new:
        counts[result.outcome.value] = counts.get(result.outcome.value, 0) + 1
        fields.update(result.changed)
        if result.refusal is not None:
            session.add(
                ImportProblem(
                    run_id=run.id,
                    line=result.line,
                    field=result.refusal.field,
                    message=result.refusal.message,
                    details=dict(result.refusal.values),
                )
            )
    if fields:
        counts["fields"] = dict(fields)
    run.counts, run.state = counts, state
    run.done += len(new)
    if state != ImportState.RUNNING:
        run.finished_at = now()
    session.add(run)
    work.written = len(work.results)
    if state == ImportState.DONE and not work.dry_run:
        audit.record(session, work.actor, Action.RECORDS_IMPORTED, "import", run.id, **_counts(work))


def _counts(work: Work) -> dict[str, int]:
    found = Counter(result.outcome for result in work.results)
    return {outcome.value: found[outcome] for outcome in Outcome}


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
    if report.resumed:
        console.print(Text(f"It went on after {report.resumed} lines that were settled before."))
    refused = [line for line in report.lines if line.outcome == Outcome.REFUSED]
    if not refused:
        return
    table = Table("Line", "Number", "Reason")
    for line in refused[:LONGEST_REPORT]:
        table.add_row(str(line.line), Text(line.number), Text(line.reason(language)))
    console.print(table)
    if len(refused) > LONGEST_REPORT:
        console.print(Text(f"... and {len(refused) - LONGEST_REPORT} more refused lines."))
