"""Closing what a voiding set aside, once it cannot be undone any more; cut off anywhere, it goes on."""

import time
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import progress as candidate_progress
from app.candidates import queries as candidates
from app.channels import queries, running
from app.channels.fates import KEPT, Fate, copied_elsewhere, fates
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.core.context import Context
from app.tips import progress, set_aside
from app.tips.models import Disposition, Tip, TipState

TIPS_AT_A_TIME = 25
"""Tips closed in one transaction: other writers wait for a moment."""
LONGEST_S = 10.0
"""Seconds of one look; the rest is for the next."""


def look(context: Context) -> int:
    """Close the tips of every voiding whose time is over, and finish what was cut off while it was undone.

    Args:
        context: the deployment.

    Returns:
        Tips closed, or given back because something speaks for them.
    """
    done, end = 0, time.monotonic() + LONGEST_S
    with context.db.read() as session:
        undone = queries.undone_but_held(session)
        due = queries.due_to_close(session)
    for void_id in undone:
        running.give_back(context, void_id)
    for void_id in due:
        with context.db.read() as session:
            held = (col(Tip.set_aside_by) == void_id, col(Tip.state) != TipState.DISPOSED)
            copied = set(session.execute(copied_elsewhere(*held)).scalars())
        while time.monotonic() < end:
            with context.db.write() as session:
                closed = _close_some(session, void_id, copied)
            done += closed
            if not closed:
                break
    return done


def _close_some(session: Session, void_id: UUID, copied: Collection[UUID]) -> int:
    """Close a few tips; with the last of them gone, the voiding itself.

    A tip for which something has come to speak meanwhile goes back to the officers: another channel sent the
    same picture, or its sender answered a question.

    Returns:
        Tips closed or given back; 0 when there is nothing more to do.
    """
    void = session.get_one(ChannelVoid, void_id)
    if void.closed_at is not None or void.undone_at is not None:
        return 0
    tips = session.exec(
        select(Tip)
        .where(Tip.set_aside_by == void_id, Tip.state != TipState.DISPOSED)
        .order_by(col(Tip.id))
        .limit(TIPS_AT_A_TIME)
    ).all()
    if not tips:
        void.closed_at = now()
        session.add(void)
        audit.record(
            session, SYSTEM, Action.CHANNEL_VOID_CLOSED, "channel", void.channel_id, void=str(void_id)
        )
        return 0
    kept = _spoken_for(session, [tip.id for tip in tips], copied)
    for tip in tips:
        if tip.id in kept:
            audit.record(session, SYSTEM, Action.CHANNEL_VOID_UNDONE, "tip", tip.id, void=str(void_id))
        else:
            candidate_progress.withdraw(
                session, candidates.open_of_tip(session, tip.id), reason="channel_voided"
            )
            progress.dispose(
                session, tip, Disposition.FALSE_MALICIOUS, SYSTEM, void.reason, officer_id=void.made_by
            )
    session.flush()
    if kept:
        set_aside.give_back(session, void_id, now(), sorted(kept))
    return len(tips)


def _spoken_for(session: Session, tip_ids: Sequence[UUID], copied: Collection[UUID]) -> set[UUID]:
    found = fates(col(Tip.id).in_(tip_ids), copies=False, void_again=True)
    rows = session.execute(select(found.c.id, found.c.fate))
    return {tip_id for tip_id, fate in rows if Fate(fate) in KEPT or tip_id in copied}
