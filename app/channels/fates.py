"""What a voiding does with each tip of a channel, and why it leaves some alone: one question, one answer."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, case, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.candidates.models import Candidate, CandidateState
from app.cases.models import CaseTip, Lead
from app.core.errors import message
from app.photos.models import Photo
from app.reviews.models import Review, ReviewState
from app.sightings.models import SightingFace
from app.tips.models import (
    Author,
    Channel,
    ChannelKind,
    Disposition,
    Tip,
    TipEvent,
    TipMessage,
    TipState,
)


class Fate(StrEnum):
    """What becomes of a tip; the first that holds counts."""

    CLOSED = "closed"
    ASIDE = "aside"
    OFFLINE = "offline"
    DECIDED = "decided"
    ANSWERED = "answered"
    COPIED = "copied"
    OPENED = "opened"
    DANGER = "danger"
    TAKEN = "taken"


LEFT_OUT: dict[Fate, str] = {
    Fate.CLOSED: message("They are closed."),
    Fate.ASIDE: message("They are set aside already."),
    Fate.OFFLINE: message("They belong to a lead or a case."),
    Fate.DECIDED: message("An officer has decided on a candidate or a sighting of theirs."),
    Fate.ANSWERED: message("An officer asked something, and the sender has answered."),
    Fate.COPIED: message("Another channel sent the same picture: it may be true whoever repeats it."),
    Fate.OPENED: message("An officer has opened them."),
}
"""Why tips stay where they are."""

KEPT = frozenset({Fate.OFFLINE, Fate.DECIDED, Fate.ANSWERED, Fate.COPIED})
"""What speaks for a tip: it is never closed with its channel's backlog."""

_OFFICERS_STATES = (
    TipState.ACKNOWLEDGED,
    TipState.IN_REVIEW,
    TipState.AWAITING_TIPSTER,
    TipState.LEAD,
    TipState.DISPOSED,
)
_NO_EVIDENCE = (Disposition.FALSE_MALICIOUS, Disposition.WITHDRAWN_BY_TIPSTER)
_UNDECIDED = (CandidateState.PROPOSED, CandidateState.WITHDRAWN)


def fates(
    *which: ColumnElement[bool], unopened: bool = False, copies: bool = True, void_again: bool = False
) -> CTE:
    """Ask what a voiding does with tips.

    Args:
        which: the tips, all of one channel.
        unopened: whether tips that an officer has opened are left alone.
        copies: whether copies of other channels' pictures are looked for. It takes time in proportion to all
            copies of these tips' pictures, so whoever goes through tips in small steps asks once for all.
        void_again: whether tips that are set aside are asked about as if they were not.

    Returns:
        Rows of tip id, state, area, danger, time of receipt and fate.
    """
    whens: list[tuple[ColumnElement[bool], Fate]] = [(col(Tip.state) == TipState.DISPOSED, Fate.CLOSED)]
    if not void_again:
        whens.append((col(Tip.set_aside_by).is_not(None), Fate.ASIDE))
    whens += [
        (_offline(), Fate.OFFLINE),
        (_decided(), Fate.DECIDED),
        (_answered(), Fate.ANSWERED),
    ]
    if copies:
        whens.append((_copied(which), Fate.COPIED))
    if unopened:
        whens.append((_opened(), Fate.OPENED))
    whens.append((col(Tip.danger_now).is_(True), Fate.DANGER))
    fate = case(*((condition, name.value) for condition, name in whens), else_=Fate.TAKEN.value)
    columns: Select[Any] = select(
        col(Tip.id),
        col(Tip.state),
        col(Tip.jurisdiction_code),
        col(Tip.received_at),
        fate.label("fate"),
    )
    # Written down once: a database that unfolds it asks everything again for each use of the fate.
    return columns.where(*which).cte("fates").prefix_with("MATERIALIZED")


def copied_elsewhere(*which: ColumnElement[bool]) -> Select[Any]:
    """Ask for those of some tips of one channel of which another channel sent a picture."""
    return select(col(Tip.id)).where(*which, _copied(which))


def _exists(question: Select[Any]) -> ColumnElement[bool]:
    return question.correlate(Tip).exists()


def _offline() -> ColumnElement[bool]:
    return or_(
        col(Tip.state) == TipState.LEAD,
        _exists(select(col(Lead.id)).where(col(Lead.tip_id) == col(Tip.id))),
        _exists(select(col(CaseTip.tip_id)).where(col(CaseTip.tip_id) == col(Tip.id))),
    )


def _decided() -> ColumnElement[bool]:
    """A decision stands or was made once: reviewers' work is never thrown away with the channel."""
    reviewed = (
        select(col(Review.id))
        .join(Candidate, col(Candidate.id) == col(Review.candidate_id))
        .where(col(Candidate.tip_id) == col(Tip.id), col(Review.state) == ReviewState.DECIDED)
    )
    settled = select(col(Candidate.id)).where(
        col(Candidate.tip_id) == col(Tip.id), col(Candidate.state).not_in(_UNDECIDED)
    )
    seen = select(col(SightingFace.id)).where(
        col(SightingFace.tip_id) == col(Tip.id), col(SightingFace.removed_at).is_(None)
    )
    return or_(_exists(reviewed), _exists(settled), _exists(seen))


def _answered() -> ColumnElement[bool]:
    asked, said = aliased(TipMessage), aliased(TipMessage)
    return _exists(
        select(col(said.id))
        .join(asked, col(asked.tip_id) == col(said.tip_id))
        .where(
            col(said.tip_id) == col(Tip.id),
            col(said.author) == Author.TIPSTER,
            col(asked.author) == Author.OFFICER,
            col(asked.created_at) <= col(said.created_at),
        )
    )


def _copied(which: tuple[ColumnElement[bool], ...]) -> ColumnElement[bool]:
    """Another channel's tip that counts has one of the pictures.

    Each picture is asked about once, however often the channel sent it: asking for each tip would take the
    square of a flood's size.
    """
    own, copy, its_tip, its_channel = aliased(Photo), aliased(Photo), aliased(Tip), aliased(Channel)
    pictures = (
        select(col(own.cluster_id), col(Tip.channel_id))
        .join(Tip, col(Tip.id) == col(own.tip_id))
        .where(*which, col(own.cluster_id).is_not(None))
        .distinct()
        .cte("pictures")
    )
    elsewhere = (
        select(col(copy.id))
        .join(its_tip, col(its_tip.id) == col(copy.tip_id))
        .join(its_channel, col(its_channel.id) == col(its_tip.channel_id))
        .where(
            col(copy.cluster_id) == pictures.c.cluster_id,
            col(its_tip.channel_id) != pictures.c.channel_id,
            col(its_channel.kind).not_in([ChannelKind.GOLDEN, ChannelKind.SANDBOX]),
            col(its_tip.set_aside_by).is_(None),
            or_(col(its_tip.disposition).is_(None), col(its_tip.disposition).not_in(_NO_EVIDENCE)),
        )
    )
    known = select(pictures.c.cluster_id).where(elsewhere.correlate(pictures).exists())
    shown = aliased(Photo)
    return _exists(
        select(col(shown.id)).where(col(shown.tip_id) == col(Tip.id), col(shown.cluster_id).in_(known))
    )


def _opened() -> ColumnElement[bool]:
    return or_(
        col(Tip.state).in_(_OFFICERS_STATES),
        _exists(
            select(col(TipEvent.id)).where(
                col(TipEvent.tip_id) == col(Tip.id), col(TipEvent.state).in_(_OFFICERS_STATES)
            )
        ),
    )
