"""Voiding and undoing from end to end, in transactions that hold others up for a moment at most."""

from uuid import UUID

from app.channels import backlog, voiding
from app.channels.backlog import Span, Ticked
from app.channels.models import ChannelVoid
from app.core.context import Context
from app.core.errors import Conflict
from app.officers.models import Officer

AT_A_TIME = 2_000
"""Tips of one transaction; a voiding of no more is done as a whole or not at all."""


def void(
    context: Context,
    officer: Officer,
    channel_id: UUID,
    span: Span,
    ticked: Ticked,
    reason: str,
    shown: int,
) -> ChannelVoid:
    """Set a channel's open tips aside: they leave the officers' work, and nothing is deleted.

    Cut off half-way, the voiding holds what it has; the rest can be voided, or all of it undone.

    Args:
        context: the deployment.
        officer: who does it.
        channel_id: the channel.
        span: which tips.
        ticked: which of those with danger, too.
        reason: why, in words; for officers only.
        shown: how many tips the preview named, those with danger among them.

    Raises:
        NotFound: no such channel.
        Invalid: no reason in words, or the span ends before it begins.
        Conflict: no tip would be set aside, or more than the officer was shown.
    """
    reason = voiding.checked_reason(reason)
    with context.db.read() as session:
        chosen = backlog.choose(session, channel_id, span, ticked, shown)
    with context.db.write() as session:
        made = voiding.begin(session, officer, context.settings, channel_id, span, reason, len(chosen))
        voiding.take(session, made.id, chosen[:AT_A_TIME], span)
        if not made.tips and len(chosen) <= AT_A_TIME:
            # A colleague was faster; nothing is left, and no voiding of nothing is written down.
            raise Conflict("There is no tip in this time that could be set aside.")
    for start in range(AT_A_TIME, len(chosen), AT_A_TIME):
        with context.db.write() as session:
            voiding.take(session, made.id, chosen[start : start + AT_A_TIME], span)
    with context.db.write() as session:
        voiding.search_copies(session, made.id)
    return made


def undo(context: Context, officer: Officer, channel_id: UUID, void_id: UUID) -> None:
    """Give every tip of a voiding back; cut off half-way, `closing.look` gives back the rest.

    Raises:
        NotFound: the channel has no such voiding.
        Conflict: it was undone already, or its time is over.
    """
    with context.db.write() as session:
        voiding.undo(session, officer, channel_id, void_id)
        voiding.give_back(session, void_id, AT_A_TIME)
    give_back(context, void_id)


def give_back(context: Context, void_id: UUID) -> None:
    """Give back what a voiding that was undone still holds."""
    back = 1
    while back:
        with context.db.write() as session:
            back = voiding.give_back(session, void_id, AT_A_TIME)
