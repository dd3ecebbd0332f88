"""Known answers among the candidates: they look and are handled like any other, and lead nowhere.

Reviewers stay attentive to what they are sometimes tried with, and a supervisor learns what their conclusions
are worth. An item becomes a tip on a channel of its own kind, which `tips.queries.visible_to` leaves out of
every list, figure and page; only the comparison of faces is served with it.
"""

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from secrets import token_bytes
from uuid import UUID

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import progress as candidates
from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job
from app.jurisdictions.models import Jurisdiction
from app.reviews import golden_copies, golden_queries, golden_texts
from app.reviews.models import GoldenUse
from app.tips import progress
from app.tips.models import Channel, ChannelKind, Tip, TipState
from app.tips.queries import NATION
from app.tips.receipts import LOOKUP_BYTES

CHANNEL = "golden"
PREPARING_S = (15.0, 90.0)
"""Seconds between the sending of a disguised tip and its coming before officers, as examining takes."""


def mix_in_beside_tip(context: Context, tip_id: UUID) -> int:
    """Mix known answers in among the candidates of a tip; see `mix_in`."""
    with context.db.read() as session:
        return mix_in(context, session.exec(_proposed().where(Candidate.tip_id == tip_id)).all())


def mix_in_beside_record(context: Context, record_id: UUID) -> int:
    """Mix known answers in among the candidates of a record; see `mix_in`."""
    with context.db.read() as session:
        return mix_in(context, session.exec(_proposed().where(Candidate.record_id == record_id)).all())


def mix_in(context: Context, beside: Iterable[Candidate]) -> int:
    """Mix known answers in among candidates, at the rate that is set.

    Asked twice about a candidate, it answers alike and makes nothing twice.

    Args:
        context: the open deployment.
        beside: candidates that were proposed.

    Returns:
        Known answers mixed in.
    """
    made = 0
    for candidate in beside:
        digest = hmac.new(context.keys.derive("golden"), candidate.id.bytes, sha256).digest()
        dice = Random(digest)  # noqa: S311 - what it decides is secret because the key is
        if dice.random() < context.settings.golden_rate:
            # A random id like every candidate's: version 5 would tell it apart.
            own_id = UUID(bytes=digest[:16], version=4)
            made += _disguise(context, candidate, own_id, dice)
    return made


def hand_over(context: Context, tip_id: UUID) -> None:
    """Bring a disguised tip before the officers of its area, and plan when it goes again."""
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if tip.state != TipState.PROCESSING:
            return
        progress.move(session, tip, TipState.ROUTED, SYSTEM)
        _later(session, "take_back_golden", tip, now() + _hours(context.settings.acknowledge_hours))


def take_back(context: Context, tip_id: UUID) -> None:
    """Take a known answer out of the queue when its tip's clock runs out.

    A tip that waits so long would be escalated; a known answer is not, and would be seen through.
    """
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        waiting = session.exec(
            select(Candidate).where(
                Candidate.tip_id == tip_id, col(Candidate.state).in_(OPEN_CANDIDATE_STATES)
            )
        ).all()
        ends = tip.received_at + _hours(context.settings.decide_hours)
        if waiting and tip.state != TipState.ROUTED and now() < ends:
            _later(session, "take_back_golden", tip, ends)
        else:
            candidates.withdraw(session, waiting, "golden_ended")


def _disguise(context: Context, beside: Candidate, own_id: UUID, dice: Random) -> bool:
    with context.db.read() as session:
        area = session.get(Jurisdiction, session.get_one(Tip, beside.tip_id).jurisdiction_code or NATION)
        items = golden_queries.choosable(session, area) if area else []
        if not items or area is None or session.get(Candidate, own_id) is not None:
            return False
        copied = golden_copies.copy_pictures(session, context.store, items[0].photo_id)
    with context.db.write() as session:
        free = {item.id for item in golden_queries.choosable(session, area)}
        fresh = items[0].id in free and session.get(Candidate, own_id) is None
        if fresh:
            tip = _tip(session, area, dice)
            golden_copies.write(session, tip, copied, items[0], beside, own_id)
            audit.record(session, SYSTEM, Action.GOLDEN_MIXED_IN, "candidate", own_id, item=str(items[0].id))
            progress.move(session, tip, TipState.PROCESSING, SYSTEM)
            _later(session, "hand_over_golden", tip, now() + timedelta(seconds=dice.uniform(*PREPARING_S)))
    if not fresh:
        golden_copies.drop(context.store, copied)
    return fresh


def _tip(session: Session, area: Jurisdiction, dice: Random) -> Tip:
    channel = session.exec(select(Channel).where(Channel.kind == ChannelKind.GOLDEN)).first()
    if channel is None:
        channel = Channel(kind=ChannelKind.GOLDEN, name=CHANNEL)
        session.add(channel)
        session.flush()
    tip = Tip(
        channel_id=channel.id,
        language="zh",
        place_text=golden_texts.place(dice, area.name),
        description=golden_texts.description(dice),
        observed_at=now() - timedelta(minutes=dice.randint(4, 180)),
        receipt_lookup=token_bytes(LOOKUP_BYTES),
        jurisdiction_code=area.code,
    )
    session.add(tip)
    session.flush()
    progress.note(session, tip)
    return tip


def _proposed() -> SelectOfScalar[Candidate]:
    disguised = select(GoldenUse.candidate_id)
    return select(Candidate).where(
        Candidate.state == CandidateState.PROPOSED, col(Candidate.id).not_in(disguised)
    )


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)


def _later(session: Session, kind: str, tip: Tip, moment: datetime) -> None:
    session.add(
        Job(
            kind=kind,
            args={"tip_id": str(tip.id)},
            unique_key=f"{kind}:{tip.id}:{moment.isoformat()}",
            run_at=moment,
            later=True,
        )
    )
