"""Noticing what partners have not been told yet.

Rows of moves and messages are read in the order of their ids, which grow with time: nothing is asked of the
database but what came since the last look, however many tips there are.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlmodel import Session, col, select

from app.core.clock import now
from app.core.context import Context
from app.core.db import Database
from app.tips import answers
from app.tips.answers import STATUS_OF, Answer, Status
from app.tips.models import Tip, TipEvent, TipMessage, TipState
from app.webhooks import messages, queries, service
from app.webhooks.models import EventType, ToldTip, WebhookEndpoint, WebhookMessage

OVERLAP = timedelta(minutes=2)
"""A row gets its id before it is committed: what is younger than this is read again at the next look."""
FURTHEST = timedelta(days=30)
"""How far back the first look of a process reads, for what happened while no worker ran."""
ROWS_AT_A_TIME = 2_000
TIPS_AT_A_TIME = 25
"""Tips told of in one transaction: other writers wait for milliseconds."""
LONGEST_S = 2.0
"""Seconds of one look at each table; the rest is for the next."""

_Log = type[TipEvent] | type[TipMessage]
_read_until: "WeakKeyDictionary[Database, dict[_Log, datetime]]" = WeakKeyDictionary()
"""Rows made before this were read by this process. A new one begins further back, and tells nothing twice."""


def notice(context: Context) -> int:
    """Write a message for each tip whose sender would read something new, and a delivery for each endpoint.

    Several workers may do so at once: what was told stands in the transaction that tells it.

    Returns:
        Messages that were written.
    """
    with context.db.read() as session:
        endpoints = session.exec(
            select(WebhookEndpoint.channel_id, WebhookEndpoint.created_at).where(
                col(WebhookEndpoint.removed_at).is_(None)
            )
        ).all()
    marks = _read_until.setdefault(context.db, {})
    moment = now()
    if not endpoints:
        marks.update(dict.fromkeys((TipEvent, TipMessage), moment - OVERLAP))
        return 0
    channels = {channel_id for channel_id, _ in endpoints}
    first = max(min(created for _, created in endpoints), moment - FURTHEST)
    return sum(_read_on(context, log, channels, marks, first) for log in (TipEvent, TipMessage))


def _read_on(
    context: Context,
    log: _Log,
    channels: Collection[UUID],
    marks: dict[_Log, datetime],
    first: datetime,
) -> int:
    told, end = 0, time.monotonic() + LONGEST_S
    settled = now() - OVERLAP
    after = _id_at(marks.setdefault(log, min(first, settled)))
    while True:
        with context.db.read() as session:
            rows = session.exec(
                select(log.id, log.tip_id)
                .where(col(log.id) > after)
                .order_by(col(log.id))
                .limit(ROWS_AT_A_TIME)
            ).all()
            newest = {tip_id: _moment_of(row_id) for row_id, tip_id in rows}
            due = [
                tip_id
                for tip_id in _maybe_untold(session, log, newest, channels)
                if _news(session, session.get_one(Tip, tip_id), session.get(ToldTip, tip_id)) is not None
            ]
        for start in range(0, len(due), TIPS_AT_A_TIME):
            if time.monotonic() > end:
                return told
            with context.db.write() as session:
                told += _tell(session, due[start : start + TIPS_AT_A_TIME])
        if len(rows) < ROWS_AT_A_TIME:
            marks[log] = settled
            return told
        after = rows[-1][0]
        marks[log] = min(_moment_of(after), settled)
        if time.monotonic() > end:
            return told


def _maybe_untold(
    session: Session, log: _Log, newest: Mapping[UUID, datetime], channels: Collection[UUID]
) -> Iterator[UUID]:
    """Tips of channels with endpoints whose threads are worth reading.

    Args:
        session: any session.
        log: the table that was read.
        newest: when something happened to some tips last, as that table has it.
        channels: those with endpoints.
    """
    # Asked by ids alone: given their channels, a planner might begin with all tips of these.
    rows = session.exec(
        select(Tip.id, Tip.channel_id, Tip.state, ToldTip)
        .join(ToldTip, col(ToldTip.tip_id) == col(Tip.id), isouter=True)
        .where(col(Tip.id).in_(newest))
    )
    for tip_id, channel_id, state, so_far in rows:
        if channel_id not in channels:
            continue
        if so_far is not None and newest[tip_id] < so_far.told_at - OVERLAP:
            continue
        before = so_far.status if so_far else Status.RECEIVED.value
        if log is TipMessage or STATUS_OF[TipState(state)].value != before:
            yield tip_id


def _news(session: Session, tip: Tip, so_far: ToldTip | None) -> Answer | None:
    """The answer to a tip's sender, if it is another than was told; an untold tip is a received one."""
    answer = answers.answer_to(session, tip, tip.language)
    before = (so_far.status, so_far.messages) if so_far else (Status.RECEIVED.value, 0)
    return None if (answer.status.value, messages.messages_in(answer)) == before else answer


def _tell(session: Session, tip_ids: Sequence[UUID]) -> int:
    told = 0
    for tip_id in tip_ids:
        tip, so_far = session.get_one(Tip, tip_id), session.get(ToldTip, tip_id)
        answer = _news(session, tip, so_far)
        endpoints = queries.endpoints(session, tip.channel_id)
        if answer is None or not endpoints:
            continue
        message = WebhookMessage(
            channel_id=tip.channel_id,
            tip_id=tip_id,
            type=EventType.TIP_UPDATED,
            body=messages.tip_updated(answer),
        )
        session.add(message)
        session.flush()
        session.add_all(service.outgoing(message, endpoint) for endpoint in endpoints)
        so_far = so_far or ToldTip(tip_id=tip_id, status="")
        so_far.status, so_far.messages = answer.status.value, messages.messages_in(answer)
        so_far.told_at = now()
        session.add(so_far)
        told += 1
    return told


def _id_at(moment: datetime) -> UUID:
    """An id below all that are made from a moment on: UUIDv7 begins with milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _moment_of(row_id: UUID) -> datetime:
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)
