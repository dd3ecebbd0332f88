"""The nightly run: what is due goes, unless clock or amount are unbelievable. Then a person looks first.

A run is a job under the name of its day, so it runs once whatever the number of workers, and a killed one
goes on with what is left.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import func
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.retention import queries
from app.retention.acting import ACTS
from app.retention.classes import CLASSES, Keeping
from app.retention.models import RetentionRun, RetentionState
from app.retention.queries import Due

log = structlog.get_logger()

QUIET_HOUR = 3
"""Local hour from which a night's run begins."""
LONGEST_GAP = timedelta(hours=36)
"""Between two nights; more means a clock that jumped, or a machine that slept for long."""
AT_ONCE = 200
"""Ids read at a time."""
CLOCK, SHARE = "clock", "share"


def look(context: Context) -> bool:
    """Order the night's run once its hour has come; asked again on the same day, nothing more happens."""
    local = now().astimezone(context.settings.zone)
    if local.hour < QUIET_HOUR:
        return False
    with context.db.write() as session:
        jobs.enqueue(session, "retention_night", f"retention_night:{local.date()}", day=str(local.date()))
    return True


def run(context: Context) -> RetentionRun:
    """Let everything go that is due, or refuse the night; a run that was stopped half-way goes on.

    Returns:
        The run: done or refused. While an earlier one waits for a person, that one.
    """
    with context.db.read() as session:
        waiting = _waiting(session)
        ahead = _clock_is_ahead(session)
    if waiting is not None:
        return waiting
    due = queries.preview(context)
    too_much = any(each.is_too_much(context.settings.retention_share) for each in due)
    with context.db.write() as session:
        this = _begun(session) or RetentionRun()
        if (ahead or too_much) and not _is_released(this, due):
            this.released_by = this.released_at = None
            this.state, this.reason = RetentionState.REFUSED, CLOCK if ahead else SHARE
            this.counts = {each.keeping.code: each.count for each in due}
        session.add(this)
        session.flush()
        if this.state == RetentionState.REFUSED:
            _close(session, this)
            log.error("retention_refused", reason=this.reason)
            return this
    counts = {keeping.code: _let_go(context, keeping) for keeping in CLASSES}
    with context.db.write() as session:
        this = session.get_one(RetentionRun, this.id)
        this.state, this.counts = RetentionState.DONE, counts
        _close(session, this)
    log.info("retention_done", count=sum(counts.values()))
    return this


def _is_released(this: RetentionRun, due: Sequence[Due]) -> bool:
    """Whether a person let this very night go on: lately, and for hardly more than they saw."""
    if this.released_at is None or abs(now() - this.released_at) > LONGEST_GAP:
        return False
    return all(each.count <= this.counts.get(each.keeping.code, 0) + queries.FLOOR for each in due)


def _let_go(context: Context, keeping: Keeping) -> int:
    """Deal with one class; what is left for a reason is not asked for again in this run."""
    gone, left = 0, set[UUID]()
    while True:
        cutoff = keeping.cutoff(context.settings, now())
        with context.db.read() as session:
            found = session.exec(keeping.question(cutoff).limit(AT_ONCE + len(left))).all()
        ids = [each for each in found if each not in left]
        if not ids:
            return gone
        for each in ids:
            if ACTS[keeping.code](context, each):
                gone += 1
            else:
                left.add(each)


def _close(session: Session, this: RetentionRun) -> None:
    this.finished_at = now()
    session.add(this)
    details = {code: count for code, count in this.counts.items() if count}
    audit.record(
        session, SYSTEM, Action.RETENTION_RUN, "retention", this.id, state=this.state.value, **details
    )


def _waiting(session: Session) -> RetentionRun | None:
    """The refused run that a person has not looked at; one of a clock that ran ahead counts as none."""
    return session.exec(
        select(RetentionRun)
        .where(
            RetentionRun.state == RetentionState.REFUSED, col(RetentionRun.started_at) < now() + LONGEST_GAP
        )
        .limit(1)
    ).first()


def _begun(session: Session) -> RetentionRun | None:
    return session.exec(select(RetentionRun).where(RetentionRun.state == RetentionState.RUNNING)).first()


def _clock_is_ahead(session: Session) -> bool:
    """Whether the last night, or without one the beginning of the log, lies too long ago to be true.

    The newest row of the log says nothing: a service whose clock jumped goes on writing with it.
    """
    moment = now()
    nights = select(func.max(RetentionRun.finished_at)).where(col(RetentionRun.finished_at) <= moment)
    before = session.exec(nights).one()
    before = before or session.exec(select(AuditEvent.at).order_by(col(AuditEvent.seq)).limit(1)).first()
    return before is not None and moment - before > LONGEST_GAP
