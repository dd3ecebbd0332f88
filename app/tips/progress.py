"""Moving a tip along its states: the only place that changes one."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.text import cleaned, legible
from app.tips.models import TIP_MOVES, Author, Disposition, Tip, TipEvent, TipMessage, TipState

SHORTEST_REASON = 5
"""Characters; a disposition is justified in words."""


def move(session: Session, tip: Tip, to: TipState, actor: Actor, reason: str | None = None) -> None:
    """Bring a tip to another state, if the table of moves allows it.

    Args:
        session: a writing session.
        tip: the tip.
        to: the state it shall have; the one it has already is no move.
        actor: who moves it.
        reason: code or sentence kept with a failed state; never sent to the tipster.

    Raises:
        Conflict: the tip's state does not allow this.
    """
    if tip.state == to:
        return
    if to not in TIP_MOVES[tip.state]:
        raise Conflict(
            "The tip's present state does not allow this step. Open it again to see where it stands."
        )
    audit.record(session, actor, Action.TIP_STATE, "tip", tip.id, was=tip.state.value, now=to.value)
    if tip.state == TipState.DISPOSED:
        tip.disposition = tip.disposition_reason = tip.disposed_at = tip.disposed_by = None
        tip.duplicate_of_id = None
    tip.state = to
    tip.state_reason = reason
    session.add(tip)
    note(session, tip)


def note(session: Session, tip: Tip) -> None:
    """Write down where a tip stands from now on: after every move, transfer and escalation."""
    session.add(
        TipEvent(
            tip_id=tip.id,
            state=tip.state,
            jurisdiction_code=tip.jurisdiction_code,
            escalated_to=tip.escalated_to,
        )
    )


def dispose(
    session: Session,
    tip: Tip,
    disposition: Disposition,
    actor: Actor,
    reason: str,
    *,
    officer_id: UUID | None = None,
    duplicate_of: UUID | None = None,
) -> None:
    """Give a tip its final code and post the answer to its thread.

    Args:
        session: a writing session.
        tip: the tip; one with a live lead or case is disposed by closing that.
        disposition: the final code.
        actor: who decides.
        reason: why, in words; for officers only.
        officer_id: the deciding officer, None for the tipster's own withdrawal.
        duplicate_of: the tip this one repeats, for `duplicate_of`.

    Raises:
        Invalid: no reason given, or a duplicate that names no other tip.
        Conflict: the tip's state does not allow this.
    """
    reason = cleaned(reason, "reason")
    if legible(reason) < SHORTEST_REASON:
        raise Invalid("Give the reason in words.", field="reason")
    if (disposition == Disposition.DUPLICATE_OF) != (duplicate_of is not None) or duplicate_of == tip.id:
        raise Invalid("Name the tip that this one repeats.", field="duplicate_of")
    move(session, tip, TipState.DISPOSED, actor)
    tip.disposition = disposition
    tip.disposition_reason = reason
    tip.disposed_at = now()
    tip.disposed_by = officer_id
    tip.duplicate_of_id = duplicate_of
    session.add(tip)
    session.add(TipMessage(tip_id=tip.id, author=Author.SYSTEM, notice=disposition.value))
    audit.record(session, actor, Action.TIP_DISPOSED, "tip", tip.id, disposition=disposition.value)
