"""The checks of `homeward doctor`: each says what it found and what to do, and changes nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, text
from sqlmodel import col, select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.core.db import PRAGMAS
from app.core.jobs import Job, JobState
from app.core.objects import PHOTOS, StoreRefused, StoreTrouble
from app.doctor import server, stored
from app.doctor.findings import Finding, Level
from app.keys import rewrapping
from app.photos.confinement import Confinement, confinement

MEGABYTE = 2**20
OLDEST_JOB = timedelta(minutes=15)
OLDEST_BACKUP = timedelta(days=2)
OLDEST_CHECKPOINT = timedelta(minutes=30)
SAMPLE = 200
"""Stored files that are opened unless all are asked for."""


Check = Callable[[Context, bool], Iterator[Finding]]


def examine(context: Context, *, everything: bool = False) -> list[Finding]:
    """Make all checks.

    Args:
        context: the open deployment.
        everything: read every stored file and the whole audit log, too.
    """
    return [finding for check in CHECKS for finding in check(context, everything)]


def _keys(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001 - a check's own form
    del everything
    counts = rewrapping.needed(context)
    missing = [number for number in counts if number and number not in context.keys.numbers]
    if missing:
        yield Finding(
            "keys",
            Level.BROKEN,
            f"{sum(counts[number] for number in missing)} stored values need a key that is not there.",
            "Put the key file of before back, with all its lines.",
        )
    elif counts.get(0):
        yield Finding(
            "keys",
            Level.LOOK,
            f"{counts[0]} stored values were never sealed.",
            "Run: homeward keys rewrap",
        )
    elif counts.keys() - {context.keys.newest}:
        yield Finding(
            "keys", Level.LOOK, "Some values are sealed to an older key.", "Run: homeward keys rewrap"
        )
    else:
        yield Finding("keys", Level.FINE, f"Everything is sealed to key {context.keys.newest}.")


def _database(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    if context.db.engine.dialect.name != "sqlite":
        yield from server.findings(context)
        return
    with context.db.read() as session:
        wrong = [
            name
            for name, wanted in PRAGMAS.items()
            if str(session.execute(text(f"PRAGMA {name}")).scalar()) != wanted
        ]
        ask = "integrity_check" if everything else "quick_check"
        whole = session.execute(text(f"PRAGMA {ask}")).scalar()
    if wrong:
        yield Finding(
            "database",
            Level.BROKEN,
            f"SQLite does not keep: {', '.join(wrong)}.",
            "Stop Homeward and ask for help.",
        )
    if whole == "ok":
        yield Finding("database", Level.FINE, "The database is whole.")
    else:
        yield Finding(
            "database",
            Level.BROKEN,
            "The database is damaged.",
            "Stop Homeward, copy the data folder, restore a backup.",
        )


def _queue(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del everything
    with context.db.read() as session:
        parked = session.exec(select(func.count()).select_from(Job).where(Job.state == JobState.PARKED)).one()
        oldest = session.exec(
            select(func.min(Job.run_at)).where(col(Job.state).in_((JobState.READY, JobState.RUNNING)))
        ).one()
    if parked:
        yield Finding(
            "queue", Level.LOOK, f"{parked} jobs were given up.", "Open /console/failed as a supervisor."
        )
    late = None if oldest is None else now() - oldest
    if late is not None and late > OLDEST_JOB:
        minutes = int(late.total_seconds() // 60)
        yield Finding(
            "queue", Level.BROKEN, f"A job has been due for {minutes} minutes.", "See whether a worker runs."
        )
    elif not parked:
        yield Finding("queue", Level.FINE, "No job is late and none was given up.")


def _store(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del everything
    try:
        context.store.check()
    except StoreRefused as error:
        yield Finding(
            "store",
            Level.BROKEN,
            f"{_sentence(error)}; tips are refused.",
            "Set the bucket and its keys right.",
        )
    except StoreTrouble as error:
        yield Finding(
            "store",
            Level.BROKEN,
            f"{_sentence(error)}; tips are refused and jobs wait.",
            "Bring it back, then nothing else is needed.",
        )
    else:
        yield Finding("store", Level.FINE, f"The photo store answers: {context.store.objects.where}.")
    left = context.settings.data_dir / PHOTOS
    if context.settings.photo_store_url and left.is_dir() and any(left.glob("*/*")):
        yield Finding(
            "store",
            Level.LOOK,
            "There are photos in the data folder still, which nobody reads any more.",
            "Once `homeward photos move` has brought all of them over, remove that folder.",
        )


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def _files(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    try:
        yield from _files_that_answer(context, everything=everything)
    except StoreTrouble:
        yield Finding(
            "files",
            Level.LOOK,
            "Stored files could not be looked at.",
            "See what is said of the photo store.",
        )


def _files_that_answer(context: Context, *, everything: bool) -> Iterator[Finding]:
    named = stored.named_by_rows(context)
    there = {each.name for each in context.store.objects.listed()}
    # What is not in the list may have come since, with its row.
    lost = [key for key in named - there if not _is_there(context, key)]
    if lost:
        yield Finding(
            "files",
            Level.BROKEN,
            f"{len(lost)} stored files are gone.",
            "Restore them from a backup; do not delete rows.",
        )
    broken = stored.unopened(context, None if everything else SAMPLE)
    if broken:
        yield Finding(
            "files",
            Level.BROKEN,
            f"{broken} photos do not open.",
            "Keep them, and restore them from a backup.",
        )
    if not lost and not broken:
        read = "each" if everything else f"the newest {SAMPLE} at most"
        yield Finding("files", Level.FINE, f"{len(named)} stored files are there; opened: {read}.")
    orphans = sum(1 for _ in stored.orphaned(context.store, named))
    if orphans:
        yield Finding(
            "files", Level.LOOK, f"{orphans} old files belong to no row.", "Run: homeward doctor --sweep"
        )


def _is_there(context: Context, key: str) -> bool:
    try:
        context.store.objects.read(key)
    except FileNotFoundError:
        return False
    return True


def _clock(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del everything
    with context.db.read() as session:
        last = session.exec(select(AuditEvent.at).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    if last is not None and last > now() + timedelta(minutes=5):
        yield Finding(
            "clock", Level.BROKEN, "The clock is behind what was logged last.", "Set this machine's clock."
        )
    else:
        yield Finding("clock", Level.FINE, "The clock is not behind the log.")


def _disk(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del everything
    free = shutil.disk_usage(context.settings.data_dir).free // MEGABYTE
    reserve = context.settings.disk_reserve_mb
    if free < reserve:
        yield Finding(
            "disk",
            Level.BROKEN,
            f"{free} MB are free; tips are refused.",
            "Make room, then nothing else is needed.",
        )
    elif free < 4 * reserve:
        yield Finding("disk", Level.LOOK, f"{free} MB are free.", "Make room soon.")
    else:
        yield Finding("disk", Level.FINE, f"{free} MB are free.")


def _log(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    path = audit.checkpoints_path(context.settings)
    if everything:
        with context.db.read() as session:
            verdict = audit.verify(session, path, context.keys.signing)
        if verdict.problems:
            yield Finding(
                "audit",
                Level.BROKEN,
                verdict.problems[0],
                "Keep everything as it is, and tell the oversight.",
            )
        else:
            yield Finding("audit", Level.FINE, f"All {verdict.rows} rows of the audit log are whole.")
    last = path.stat().st_mtime if path.exists() else 0.0
    with context.db.read() as session:
        newest = session.exec(select(AuditEvent.at).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    if newest is not None and newest.timestamp() - last > OLDEST_CHECKPOINT.total_seconds():
        yield Finding(
            "audit", Level.LOOK, "The audit log's head was not signed lately.", "See whether a worker runs."
        )
    elif last:
        yield Finding("audit", Level.FINE, f"The audit log's head was signed at {_moment(last)}.")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _backup(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del everything
    with context.db.read() as session:
        last: datetime | None = session.exec(
            select(func.max(AuditEvent.at)).where(AuditEvent.action == Action.BACKUP_MADE)
        ).one()
    if last is None:
        yield Finding("backup", Level.LOOK, "No backup was ever made.", "Run: homeward backup make FILE")
    elif now() - last > OLDEST_BACKUP:
        yield Finding(
            "backup", Level.LOOK, "The last backup is older than two days.", "Run: homeward backup make FILE"
        )
    else:
        yield Finding("backup", Level.FINE, "A backup was made within two days.")


def _settings(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del everything
    loose = [
        name
        for name, is_loose in (
            ("HOMEWARD_SECOND_FACTOR", not context.settings.second_factor),
            ("HOMEWARD_SECURE_COOKIES", not context.settings.secure_cookies),
            ("HOMEWARD_WEBHOOKS_INSIDE", context.settings.webhooks_inside),
        )
        if is_loose
    ]
    key = context.settings.key_file.resolve()
    if context.settings.data_dir.resolve() in key.parents:
        yield Finding(
            "settings",
            Level.BROKEN,
            "The key file lies in the data folder.",
            "Move it out, and out of the backups.",
        )
    if loose:
        yield Finding(
            "settings",
            Level.LOOK,
            f"Set for a trial: {', '.join(loose)}.",
            "Set them back before real tips come.",
        )
    else:
        yield Finding("settings", Level.FINE, "No setting is one for trials.")


def _values(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    shut = stored.unopened_values(context, None if everything else SAMPLE)
    if shut:
        yield Finding(
            "values",
            Level.BROKEN,
            f"{sum(shut.values())} sealed values do not open: {', '.join(shut)}.",
            "Put the key file of before back, with all its lines; else restore those rows from a backup.",
        )
    else:
        read = "all" if everything else f"the newest {SAMPLE} of each column at most"
        yield Finding("values", Level.FINE, f"Sealed values open; looked at: {read}.")


def _confinement(context: Context, everything: bool) -> Iterator[Finding]:  # noqa: FBT001
    del context, everything
    held = confinement()
    if held == Confinement.FILTERED:
        yield Finding("confinement", Level.FINE, "Photos are decoded behind a filter of system calls.")
    else:
        yield Finding(
            "confinement",
            Level.LOOK,
            f"Photos are decoded with limits alone: {held.value}.",
            "Use a Linux kernel with seccomp, and install what Homeward asks for.",
        )


CHECKS: tuple[Check, ...] = (
    _keys,
    _database,
    _queue,
    _store,
    _files,
    _clock,
    _disk,
    _log,
    _backup,
    _settings,
    _values,
    _confinement,
)


def as_json(findings: list[Finding]) -> str:
    """The findings for programs."""
    return json.dumps([{"check": f.check, "level": f.level, "says": f.says, "do": f.do} for f in findings])
