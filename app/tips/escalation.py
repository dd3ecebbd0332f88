"""The ladder: when a clock runs out, a tip becomes the duty of the area above, up to the nation."""

from datetime import timedelta

from sqlmodel import Session, col, or_, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.tips import clocks, progress, queries
from app.tips.clocks import ClockKind
from app.tips.models import Author, Channel, ChannelKind, Tip, TipMessage, TipState

ESCALATED = "escalated"
"""Notice to the tipster that nobody opened the tip in time. Only the acknowledge clock writes it: leads have
no decide clock any more, so notices of that one would tell, by their absence, which tips are leads."""

WITH_OFFICERS = (
    TipState.ROUTED,
    TipState.ACKNOWLEDGED,
    TipState.IN_REVIEW,
    TipState.AWAITING_TIPSTER,
    TipState.ESCALATED,
)


def overdue(session: Session, settings: Settings) -> list[tuple[Tip, ClockKind]]:
    """Tips of which a clock ran out while there is an area above, with the first such clock."""
    tips = session.exec(
        select(Tip)
        .join(Channel)
        .where(
            col(Tip.state).in_(WITH_OFFICERS),
            col(Channel.kind).not_in([ChannelKind.GOLDEN, ChannelKind.SANDBOX]),
            queries.in_work(),
            or_(
                col(Tip.state).in_(clocks.NOT_OPENED),
                col(Tip.received_at) < now() - timedelta(hours=settings.decide_hours),
            ),
        )
        .order_by(col(Tip.received_at))
    ).all()
    running = clocks.of_tips(session, tips, settings)
    moment = now()
    found = []
    for tip in tips:
        late = [clock.kind for clock in running[tip.id] if clock.overdue(moment)]
        if late and above(session, tip) is not None:
            found.append((tip, late[0]))
    return found


def escalate(session: Session, settings: Settings) -> int:
    """Hand every overdue tip to the area above; its own area keeps it too, and may still act.

    - Its clocks start anew there.
    - At the top of the ladder it stays, and stays overdue before the supervisors.
    - A tip that nobody opened in time tells its sender so.

    Args:
        session: a writing session.
        settings: how long each clock may last.

    Returns:
        Tips that went up.
    """
    late = overdue(session, settings)
    for tip, kind in late:
        area = above(session, tip)
        if area is None:
            continue
        was = tip.escalated_to or tip.jurisdiction_code
        tip.escalated_to = area.code
        audit.record(session, SYSTEM, Action.TIP_ESCALATED, "tip", tip.id, was=was, now=area.code, clock=kind)
        if tip.state == TipState.ESCALATED:
            session.add(tip)
            progress.note(session, tip)
        else:
            progress.move(session, tip, TipState.ESCALATED, SYSTEM)
        if kind == ClockKind.ACKNOWLEDGE:
            session.add(TipMessage(tip_id=tip.id, author=Author.SYSTEM, notice=ESCALATED))
    return len(late)


def above(session: Session, tip: Tip) -> Jurisdiction | None:
    """The next area above the one that has a tip, with an authority of its own; None at the top."""
    held_by = session.get(Jurisdiction, tip.escalated_to or tip.jurisdiction_code or "")
    while held_by is not None and held_by.parent_code is not None:
        held_by = session.get(Jurisdiction, held_by.parent_code)
        if held_by is not None and held_by.authority is not None:
            return held_by
    return None
