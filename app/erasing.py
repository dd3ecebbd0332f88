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

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import jobs as candidate_jobs
from app.candidates.models import Candidate, CandidateList
from app.cases.models import CaseTip, Lead
from app.core.context import Context
from app.photos import erasing
from app.photos.models import Face, Photo
from app.referrals.models import Referral
from app.reviews.models import Appeal, Review, ReviewState
from app.sightings.models import SightingFace, SightingSuggestion, SuggestionState
from app.tips.models import Author, Disposition, Tip, TipMessage, TipNotification


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
        if rests_on(session, tip) or _is_erased(session, tip):
            return False
        photos = session.exec(select(Photo.id).where(Photo.tip_id == tip_id)).all()
        _forget_comparisons(session, tip_id)
        erasing.erase(session, context.store, photos)
        _forget_words(session, tip_id)
        audit.record(session, SYSTEM, Action.TIP_ERASED, "tip", tip_id, photos=len(photos))
    context.db.empty_log()
    return True


def rests_on(session: Session, tip: Tip) -> bool:
    """Whether police work rests on a tip: a person concluded, confirmed or handed on something with it.

    That is a lead, a case, a referral, a decision on a candidate or an appeal against one, a confirmed
    sighting, or another tip that was closed as repeating it.
    """
    of_tip = select(Candidate.id).where(Candidate.tip_id == tip.id)
    faces = select(Face.id).join(Photo).where(Photo.tip_id == tip.id)
    questions = (
        select(Lead.id).where(Lead.tip_id == tip.id),
        select(CaseTip.tip_id).where(CaseTip.tip_id == tip.id),
        select(Referral.id).where(Referral.tip_id == tip.id),
        select(SightingFace.id).where(SightingFace.tip_id == tip.id),
        select(Tip.id).where(Tip.duplicate_of_id == tip.id),
        select(Review.id).where(col(Review.candidate_id).in_(of_tip), Review.state == ReviewState.DECIDED),
        select(Appeal.id).where(col(Appeal.candidate_id).in_(of_tip)),
        select(SightingSuggestion.id).where(
            or_(col(SightingSuggestion.face_id).in_(faces), col(SightingSuggestion.other_id).in_(faces)),
            SightingSuggestion.state == SuggestionState.CONFIRMED,
        ),
    )
    return any(session.exec(question.limit(1)).first() is not None for question in questions)


def _is_erased(session: Session, tip: Tip) -> bool:
    photo = session.exec(select(Photo.id).where(Photo.tip_id == tip.id).limit(1)).first()
    return photo is None and not tip.place_text and not tip.description and tip.latitude is None


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
        )
    )
    session.exec(
        update(TipMessage)
        .where(col(TipMessage.tip_id) == tip_id, col(TipMessage.author) == Author.TIPSTER)
        .values(text="")
    )
    session.exec(delete(TipNotification).where(col(TipNotification.tip_id) == tip_id))
