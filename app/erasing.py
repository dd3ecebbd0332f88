"""Erasing a tip that its sender took back, unless police work rests on it. Runs in the worker.

What stays is what the audit log speaks of: the tip's id, its times, its area and its disposition. What goes:

| room | goes |
|---|---|
| photos | originals, renditions, faces, templates, hashes, fingerprints, links |
| candidates | searches with its faces, and candidates that nobody decided |
| sightings | suggestions that nobody confirmed |
| tips | place, position, words, source, the tipster's messages |

The sender reads the same and nothing sooner or later, whether anything was erased (`app.tips.withdrawing`).
"""

from uuid import UUID

from sqlmodel import Session, col, delete, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import jobs as candidate_jobs
from app.candidates.models import Candidate, CandidateList
from app.cases.models import Case, CaseTip, Lead
from app.core.clock import now
from app.core.context import Context
from app.photos import erasing
from app.photos.models import Face, Photo
from app.referrals.models import REFERRAL_MOVES, Referral
from app.reviews.models import Appeal, AppealState, Review, ReviewState
from app.sightings.models import SightingFace, SightingSuggestion, SuggestionState
from app.tips.models import Author, Disposition, Tip, TipMessage, TipNotification, TipState


def erase_tip(context: Context, tip_id: UUID) -> bool:
    """Erase what a taken-back tip says and shows; repeated, nothing more happens.

    Returns:
        Whether it was erased now: not if police work rests on it, and not twice.
    """
    with context.db.read() as session:
        if session.get_one(Tip, tip_id).disposition != Disposition.WITHDRAWN_BY_TIPSTER:
            return False
    candidate_jobs.withdraw_of_tip(context, tip_id)
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if rests_on(session, tip) or tip.erased_at is not None:
            return False
        _erase(session, context, tip_id)
    context.db.empty_log()
    return True


def erase_again(context: Context, tip_id: UUID) -> bool:
    """Erase a tip of a restored backup that had been erased since, whatever rested on it when it was taken.

    Returns:
        Whether there was anything left to erase.
    """
    with context.db.write() as session:
        tip = session.get(Tip, tip_id)
        if tip is None or tip.erased_at is not None:
            return False
        if tip.disposition is None:
            tip.disposition, tip.disposed_at = Disposition.WITHDRAWN_BY_TIPSTER, now()
            session.add(tip)
            session.flush()
        _erase_or_empty(session, context, tip_id)
    context.db.empty_log()
    return True


def erase_expired(context: Context, tip_id: UUID) -> bool:
    """Erase a closed tip that led to nothing.

    Where officers compared its faces and said no, their decisions stay, and name rows that show nothing.

    Returns:
        Whether it was erased now: not if it is open again or offline work rests on it, and not twice.
    """
    candidate_jobs.withdraw_of_tip(context, tip_id)
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if tip.state != TipState.DISPOSED or tip.erased_at is not None or serves(session, tip_id):
            return False
        _erase_or_empty(session, context, tip_id)
    context.db.empty_log()
    return True


def blur_for_good(context: Context, tip_id: UUID) -> bool:
    """Leave of the photos of a tip that served the redacted renditions; its words stay with the case.

    Returns:
        Whether it was done now.
    """
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        if tip.state != TipState.DISPOSED or tip.erased_at is not None or is_worked_on(session, tip_id):
            return False
        photos = session.exec(select(Photo.id).where(Photo.tip_id == tip_id)).all()
        erasing.blur(session, context.store, photos)
        tip.erased_at = now()
        session.add(tip)
        audit.record(session, SYSTEM, Action.PHOTO_BLURRED, "tip", tip_id, photos=len(photos))
    context.db.empty_log()
    return True


def _erase_or_empty(session: Session, context: Context, tip_id: UUID) -> None:
    of_tip = select(Candidate.id).where(Candidate.tip_id == tip_id)
    named = select(Review.id).where(col(Review.candidate_id).in_(of_tip), Review.state == ReviewState.DECIDED)
    if session.exec(named.limit(1)).first() is None and not serves(session, tip_id):
        _erase(session, context, tip_id)
        return
    photos = session.exec(select(Photo.id).where(Photo.tip_id == tip_id)).all()
    erasing.empty(session, context.store, photos)
    _forget_words(session, tip_id)
    audit.record(session, SYSTEM, Action.TIP_ERASED, "tip", tip_id, photos=len(photos), decided=1)


def _erase(session: Session, context: Context, tip_id: UUID) -> None:
    photos = session.exec(select(Photo.id).where(Photo.tip_id == tip_id)).all()
    _forget_comparisons(session, tip_id)
    erasing.erase(session, context.store, photos)
    _forget_words(session, tip_id)
    audit.record(session, SYSTEM, Action.TIP_ERASED, "tip", tip_id, photos=len(photos))


def serves(session: Session, tip_id: UUID) -> bool:
    """Whether offline work was done with a tip: a lead, a case, a referral, a sighting, an appeal."""
    return any(session.exec(question.limit(1)).first() is not None for question in _served(tip_id))


def is_worked_on(session: Session, tip_id: UUID) -> bool:
    """Whether such work goes on: an open case, referral or appeal, or a lead without a case."""
    of_tip = select(Candidate.id).where(Candidate.tip_id == tip_id)
    cases = select(CaseTip.case_id).where(CaseTip.tip_id == tip_id)
    questions = (
        select(Case.id).where(col(Case.id).in_(cases), col(Case.closed_at).is_(None)),
        select(Lead.id).where(
            Lead.tip_id == tip_id,
            col(Lead.dismissed_at).is_(None),
            col(Lead.id).not_in(select(Case.lead_id)),
        ),
        select(Referral.id).where(
            or_(Referral.tip_id == tip_id, col(Referral.case_id).in_(cases)),
            col(Referral.state).in_([state for state, moves in REFERRAL_MOVES.items() if moves]),
        ),
        select(Appeal.id).where(col(Appeal.candidate_id).in_(of_tip), Appeal.state == AppealState.OPEN),
    )
    return any(session.exec(question.limit(1)).first() is not None for question in questions)


def rests_on(session: Session, tip: Tip) -> bool:
    """Whether police work rests on a tip: a person concluded, confirmed or handed on something with it.

    That is a lead, a case, a referral, a decision on a candidate or an appeal against one, a confirmed
    sighting, or another tip that was closed as repeating it.
    """
    of_tip = select(Candidate.id).where(Candidate.tip_id == tip.id)
    questions = (
        *_served(tip.id),
        select(Tip.id).where(Tip.duplicate_of_id == tip.id),
        select(Review.id).where(col(Review.candidate_id).in_(of_tip), Review.state == ReviewState.DECIDED),
    )
    return any(session.exec(question.limit(1)).first() is not None for question in questions)


def _served(tip_id: UUID) -> tuple[SelectOfScalar[UUID], ...]:
    of_tip = select(Candidate.id).where(Candidate.tip_id == tip_id)
    faces = select(Face.id).join(Photo).where(Photo.tip_id == tip_id)
    return (
        select(Lead.id).where(Lead.tip_id == tip_id),
        select(CaseTip.tip_id).where(CaseTip.tip_id == tip_id),
        select(Referral.id).where(Referral.tip_id == tip_id),
        select(SightingFace.id).where(SightingFace.tip_id == tip_id),
        select(Appeal.id).where(col(Appeal.candidate_id).in_(of_tip)),
        select(SightingSuggestion.id).where(
            or_(col(SightingSuggestion.face_id).in_(faces), col(SightingSuggestion.other_id).in_(faces)),
            SightingSuggestion.state == SuggestionState.CONFIRMED,
        ),
    )


def _forget_comparisons(session: Session, tip_id: UUID) -> None:
    """Delete what was found with the tip's faces; nobody has decided on any of it."""
    faces = select(Face.id).join(Photo).where(Photo.tip_id == tip_id)
    candidates = select(Candidate.id).where(Candidate.tip_id == tip_id)
    session.exec(delete(Review).where(col(Review.candidate_id).in_(candidates)))
    session.exec(delete(Candidate).where(col(Candidate.tip_id) == tip_id))
    session.exec(delete(CandidateList).where(col(CandidateList.face_id).in_(faces)))
    session.exec(
        delete(SightingSuggestion).where(
            or_(col(SightingSuggestion.face_id).in_(faces), col(SightingSuggestion.other_id).in_(faces))
        )
    )


def _forget_words(session: Session, tip_id: UUID) -> None:
    # The database's guard lets the words of a taken-back tip be blanked, all of them and nothing else.
    session.exec(
        update(Tip)
        .where(col(Tip.id) == tip_id)
        .values(
            place_text="",
            latitude=None,
            longitude=None,
            accuracy_m=None,
            given_system=None,
            description="",
            source_url=None,
            contact_sealed=None,
            erased_at=now(),
        )
    )
    session.exec(
        update(TipMessage)
        .where(col(TipMessage.tip_id) == tip_id, col(TipMessage.author) == Author.TIPSTER)
        .values(text="")
    )
    session.exec(delete(TipNotification).where(col(TipNotification.tip_id) == tip_id))
