"""Which ids are due: one question a class, the oldest first. What police work rests on is in none of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, exists, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import Candidate, CandidateState
from app.cases.models import CaseTip, Lead
from app.core.jobs import Job, JobState
from app.officers.models import OfficerSession
from app.photos.models import Face, Photo, Template
from app.records.models import Record, RecordState
from app.referrals.models import Referral
from app.reviews.models import Appeal, Review, ReviewState
from app.sightings.models import SightingFace
from app.tips.models import Channel, ChannelKind, Tip, TipState

Question = SelectOfScalar[UUID]

BEFORE_A_DECISION = (TipState.LEAD, TipState.DISPOSED)
OPEN_WITH_OPINION = (CandidateState.DECIDED_ONCE, CandidateState.DISPUTED, CandidateState.AGREED_SAME)


def _sent() -> ColumnElement[bool]:
    """By somebody: a known answer among the candidates is no tip of anybody's."""
    golden = select(Channel.id).where(Channel.kind == ChannelKind.GOLDEN)
    return col(Tip.channel_id).not_in(golden)


def _served() -> ColumnElement[bool]:
    of_tip = select(Candidate.id).where(Candidate.tip_id == Tip.id)
    return or_(
        exists().where(Lead.tip_id == Tip.id),  # type: ignore[arg-type]
        exists().where(CaseTip.tip_id == Tip.id),  # type: ignore[arg-type]
        exists().where(Referral.tip_id == Tip.id),  # type: ignore[arg-type]
        exists().where(SightingFace.tip_id == Tip.id),  # type: ignore[arg-type]
        exists().where(col(Appeal.candidate_id).in_(of_tip)),
    )


def _closed_before(moment: datetime | None) -> ColumnElement[bool]:
    closed = and_(col(Tip.state) == TipState.DISPOSED, col(Tip.erased_at).is_(None), _sent())
    return closed if moment is None else and_(closed, col(Tip.disposed_at) < moment)


def all_open_tips() -> Question:
    """Tips without a final code that no lead holds, and on which no officer's opinion waits for a second."""
    of_tip = select(Candidate.id).where(Candidate.tip_id == Tip.id)
    looked_at = and_(col(Review.candidate_id).in_(of_tip), col(Review.state) == ReviewState.CLAIMED)
    waits = and_(col(Candidate.tip_id) == Tip.id, col(Candidate.state).in_(OPEN_WITH_OPINION))
    return select(Tip.id).where(
        col(Tip.state).not_in(BEFORE_A_DECISION), _sent(), ~exists().where(looked_at), ~exists().where(waits)
    )


def open_tips(moment: datetime) -> Question:
    """Such tips that came before a moment."""
    return all_open_tips().where(col(Tip.received_at) < moment).order_by(col(Tip.received_at))


def all_contacts() -> Question:
    """Tips that hold a contact."""
    return select(Tip.id).where(col(Tip.contact_sealed).is_not(None))


def contacts(moment: datetime) -> Question:
    """Closed ones among them."""
    closed = and_(col(Tip.state) == TipState.DISPOSED, col(Tip.disposed_at) < moment)
    return all_contacts().where(closed).order_by(col(Tip.disposed_at))


def all_templates() -> Question:
    """Tips with measured faces."""
    measured = select(Template.id).join(Face).join(Photo).where(Photo.tip_id == Tip.id)
    return select(Tip.id).where(_sent(), measured.exists())


def templates(moment: datetime) -> Question:
    """Closed ones among them that led to nothing."""
    return all_templates().where(_closed_before(moment), ~_served()).order_by(col(Tip.disposed_at))


def all_tips() -> Question:
    """Tips that still say or show something."""
    return select(Tip.id).where(col(Tip.erased_at).is_(None), _sent())


def tips(moment: datetime) -> Question:
    """Closed ones among them that led to nothing."""
    return all_tips().where(_closed_before(moment), ~_served()).order_by(col(Tip.disposed_at))


def all_served_tips() -> Question:
    """Tips that police work was done with, and whose photos are kept."""
    return all_tips().where(_served())


def served_tips(moment: datetime) -> Question:
    """Closed ones among them; whether all work is closed is asked for each."""
    return all_served_tips().where(_closed_before(moment)).order_by(col(Tip.disposed_at))


def all_records() -> Question:
    """Records that are not erased."""
    return select(Record.id).where(Record.state != RecordState.ERASED, col(Record.golden).is_(False))


def records(moment: datetime) -> Question:
    """Closed ones among them."""
    closed = and_(col(Record.state) == RecordState.CLOSED, col(Record.updated_at) < moment)
    return all_records().where(closed).order_by(col(Record.updated_at))


def sessions(moment: datetime) -> Question:
    """Sessions that ended, or were left alone, before a moment."""
    return (
        select(OfficerSession.id)
        .where(col(OfficerSession.last_seen_at) < moment)
        .order_by(col(OfficerSession.last_seen_at))
    )


def jobs(moment: datetime) -> Question:
    """Jobs that were done before a moment."""
    return (
        select(Job.id)
        .where(Job.state == JobState.DONE, col(Job.finished_at) < moment)
        .order_by(col(Job.finished_at))
    )
