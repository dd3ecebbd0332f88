"""The sandbox: a partner's program is tried on the real API, and nothing of it reaches an officer.

What it sends is checked, answered and kept as any tip; no job looks at it. This watch walks it through what a
sender may meet, with invented messages. Its photos are erased after a day.

| age | what the sender sees |
|---|---|
| at once | received |
| 30 s | with_police |
| 2 min | question |
| 5 min | closed |
"""

from datetime import timedelta

from sqlmodel import Session, col, select

from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.photos import erasing
from app.photos.models import Photo
from app.tips import progress
from app.tips.models import Author, Channel, ChannelKind, Disposition, Tip, TipMessage, TipState

WITH_POLICE, QUESTION, CLOSED = timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=5)
"""Age of a tip at each step."""
PHOTOS_KEPT = timedelta(days=1)
AT_ONCE = 200
"""Tips that one look moves on, so that it ends soon."""
ASKED = "Sandbox: was the child alone? (Nobody reads the answer.)"
REASON = "Closed by the sandbox."


def walk(context: Context) -> int:
    """Move sandbox tips on that are due, one step each, and erase photos of yesterday.

    Returns:
        Tips that moved.
    """
    moment = now()
    with context.db.write() as session:
        moved = [
            *_step(session, TipState.RECEIVED, TipState.PROCESSING, WITH_POLICE),
            *_step(session, TipState.PROCESSING, TipState.ROUTED, WITH_POLICE),
            *_step(session, TipState.ROUTED, TipState.AWAITING_TIPSTER, QUESTION),
        ]
        for tip in moved:
            if tip.state == TipState.AWAITING_TIPSTER:
                session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text=ASKED))
        closing = _due(session, [TipState.AWAITING_TIPSTER, TipState.ACKNOWLEDGED], CLOSED)
        for tip in closing:
            progress.dispose(session, tip, Disposition.WITH_FAMILY_NO_CONCERN, SYSTEM, REASON)
    with context.db.write() as session:
        old = session.exec(
            select(Photo.id)
            .join(Tip, col(Photo.tip_id) == col(Tip.id))
            .join(Channel)
            .where(Channel.kind == ChannelKind.SANDBOX, col(Tip.received_at) < moment - PHOTOS_KEPT)
            .limit(AT_ONCE)
        ).all()
        if old:
            erasing.erase(session, context.store, old)
    return len(moved) + len(closing)


def _step(session: Session, state: TipState, to: TipState, age: timedelta) -> list[Tip]:
    due = _due(session, [state], age)
    for tip in due:
        progress.move(session, tip, to, SYSTEM)
    return due


def _due(session: Session, states: list[TipState], age: timedelta) -> list[Tip]:
    return list(
        session.exec(
            select(Tip)
            .join(Channel)
            .where(
                Channel.kind == ChannelKind.SANDBOX,
                col(Tip.state).in_(states),
                col(Tip.received_at) <= now() - age,
            )
            .order_by(col(Tip.received_at))
            .limit(AT_ONCE)
        )
    )
