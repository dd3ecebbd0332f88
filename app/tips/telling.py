"""Telling a tipster that something is new, without a word of what, and at moments that say nothing.

Notices leave at full quarter hours only, for all that came before: when one comes does not tell when an
officer wrote.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, delete, func, select, update

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Unsealable
from app.tips import answers, mail, push, queries
from app.tips.models import Author, NotificationKind, TipMessage, TipNotification

log = structlog.get_logger()

QUARTER = timedelta(minutes=15)
WINDOW = timedelta(minutes=5)
"""After a full quarter hour: a worker that was busy until then waits for the next one."""
MOST_FAILURES = 5
KEPT_AFTER_ANSWER = timedelta(days=30)
MOST_AT_A_TIME = 500
"""Notices that one look reads; the next one goes on."""
LONGEST_LOOK_S = 20.0
"""After this a look ends, whatever mail servers and push services do; the next one goes on."""


@dataclass(frozen=True)
class _Due:
    """One notice that is due.

    Attributes:
        row: whom to tell.
        newest: moment of the newest message.
    """

    row: TipNotification
    newest: datetime


def look(context: Context) -> int:
    """Tell whoever is to be told, if a quarter hour has just begun; what has ended is erased first.

    Returns:
        Notices that were taken by a mail server or a push service.
    """
    moment = now()
    slot = _slot(moment)
    _erase_ended(context, moment)
    if moment - slot > WINDOW:
        return 0
    with context.db.read() as session:
        due = list(_due(session, slot))
    with ExitStack() as stack:
        return _tell_all(context, due, stack)


def _slot(moment: datetime) -> datetime:
    """The last full quarter hour."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def _due(session: Session, slot: datetime) -> Iterator[_Due]:
    """Who has something new that came before a quarter hour, as their page shows it."""
    newest = func.max(col(TipMessage.created_at))
    rows = session.exec(
        select(TipNotification, newest)
        .join(TipMessage, col(TipMessage.tip_id) == col(TipNotification.tip_id))
        .where(
            col(TipMessage.author) != Author.TIPSTER,
            col(TipMessage.created_at) > col(TipNotification.told_until),
            col(TipMessage.created_at) <= slot,
        )
        .group_by(col(TipNotification.id))
        .order_by(col(TipNotification.failures), newest, col(TipNotification.id))
        .limit(MOST_AT_A_TIME)
    ).all()
    for row, _ in rows:
        if _rests(row, slot):
            continue
        lines = answers.of_tip(session, row.tip_id, row.language).lines
        fresh = [line.at for line in lines if line.is_news and row.told_until < line.at <= slot]
        if fresh:
            yield _Due(row, max(fresh))


def _rests(row: TipNotification, slot: datetime) -> bool:
    """After each failure twice as many quarter hours are left out."""
    return bool(row.failures) and int(slot.timestamp() // QUARTER.total_seconds()) % 2**row.failures != 0


def _tell_all(context: Context, due: list[_Due], stack: ExitStack) -> int:
    told, server, lost = 0, None, False
    ends = time.monotonic() + LONGEST_LOOK_S
    for each in due:
        if time.monotonic() > ends:
            break
        by_mail = each.row.kind == NotificationKind.EMAIL
        if by_mail and (lost or not mail.is_offered(context.settings)):
            continue
        if not _claim(context, each):
            continue
        try:
            if by_mail:
                server = server or stack.enter_context(mail.connection(context.settings))
                mail.send(server, context.settings, _address(context, each), each.row.language)
            else:
                push.send(_address(context, each), context.keys, context.settings, each.row.language)
            told += 1
        except mail.MailLost:
            # Nobody's address is to blame: all of them are tried again at the next quarter hour.
            lost = True
            log.warning("mail_lost")
            _give_back(context, each, failed=False)
        except (mail.AddressRefused, push.PushFailed):
            _give_back(context, each, failed=True)
        except (push.SubscriptionGone, Unsealable):
            _drop(context, each.row)
    return told


def _address(context: Context, each: _Due) -> str:
    return context.keys.unseal(each.row.address_sealed).decode()


def _claim(context: Context, each: _Due) -> bool:
    """Mark a notice as told before it is sent: of several workers one sends it; a crash sends it never."""
    with context.db.write() as session:
        changed = session.exec(
            update(TipNotification)
            .where(
                col(TipNotification.id) == each.row.id,
                col(TipNotification.told_until) == each.row.told_until,
            )
            .values(told_until=each.newest)
        )
        return bool(changed.rowcount)


def _give_back(context: Context, each: _Due, *, failed: bool) -> None:
    """Let a notice be tried again; one that failed too often is dropped."""
    if failed and each.row.failures + 1 >= MOST_FAILURES:
        _drop(context, each.row)
        return
    with context.db.write() as session:
        row = session.get(TipNotification, each.row.id)
        if row is not None:
            row.told_until = each.row.told_until
            row.failures += failed
            session.add(row)


def _drop(context: Context, row: TipNotification) -> None:
    with context.db.write() as session:
        _erase(session, [row])


def _erase_ended(context: Context, moment: datetime) -> None:
    """Erase addresses of tips that were answered some time ago."""
    ended = (
        select(TipNotification)
        .join(TipMessage, col(TipMessage.tip_id) == col(TipNotification.tip_id))
        .where(
            col(TipMessage.notice).in_(sorted(queries.FINAL_NOTICES)),
            col(TipMessage.created_at) < moment - KEPT_AFTER_ANSWER,
        )
        .distinct()
    )
    with context.db.read() as session:
        if session.exec(ended.limit(1)).first() is None:
            return
    with context.db.write() as session:
        _erase(session, list(session.exec(ended)))


def _erase(session: Session, rows: list[TipNotification]) -> None:
    for row in rows:
        gone = session.exec(delete(TipNotification).where(col(TipNotification.id) == row.id))
        if gone.rowcount:
            audit.record(session, SYSTEM, Action.NOTIFICATION_ENDED, "tip", row.tip_id, kind=row.kind.value)
