"""A repost of a picture that was answered before: its sender gets the same answer, by an officer's one step.

Nothing is closed by itself: the step is offered on the tip's page where all of its pictures were answered,
and alike, in tips that the officer sees. It closes this tip alone, with a disposition of its own.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, or_, select

from app.audit.service import officer_actor
from app.candidates import queries as candidate_queries
from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate
from app.core.errors import Conflict
from app.officers.models import Officer
from app.photos.models import Photo, PhotoState
from app.reviews import triage
from app.reviews.cluster_queries import mine
from app.reviews.triage_list import TRIAGE_STATES
from app.tips import answers, progress
from app.tips import queries as tips
from app.tips.models import Disposition, Tip, TipState

ANSWERS_OF_A_PICTURE = frozenset(
    {
        Disposition.CONVERTED_TO_CASE,
        Disposition.LINKED_TO_CASE,
        Disposition.ALREADY_KNOWN,
        Disposition.WITH_FAMILY_NO_CONCERN,
        Disposition.WITH_FAMILY_WELFARE_REFERRAL,
        Disposition.NOT_A_CHILD,
        Disposition.INSUFFICIENT_INFORMATION,
        Disposition.UNABLE_TO_LOCATE,
        Disposition.RECIRCULATED_OLD_PHOTO,
    }
)
"""What holds for a picture whoever sent it. That a sender lied, took a tip back or was not heard in time says
nothing of another one's tip; what was handed to another area is not answered yet."""

REPEATS = frozenset({Disposition.CONVERTED_TO_CASE, Disposition.LINKED_TO_CASE})
"""Answers that came with a case: a repost repeats that tip, and its sender reads the same sentence."""


@dataclass(frozen=True)
class Given:
    """An answer that was given on the same picture.

    Attributes:
        tip: the tip that was answered, the latest of them.
        disposition: what a repost of it is closed with.
        sentence: what its sender read, English; also the translation key.
    """

    tip: Tip
    disposition: Disposition
    sentence: str


def offered(session: Session, officer: Officer, tip: Tip) -> Given | None:
    """The answer that may be given to a repost; None where officers have to find one.

    - Nobody has decided on the tip, and no candidate or lead with its pictures waits.
    - Each of its photos could be read, and a copy of it was answered in a tip that the officer sees.
    - All those answers read alike.
    """
    if tip.state not in TRIAGE_STATES or candidate_queries.open_of_tip(session, tip.id):
        return None
    photos = tips.photos_of(session, tip.id)
    if any(photo.state != PhotoState.EXAMINED or photo.cluster_id is None for photo in photos):
        return None
    found: list[Tip] = []
    for cluster_id in {photo.cluster_id for photo in photos}:
        copies = _answered(session, officer, tip, cluster_id)
        if not copies:
            return None
        found += copies
    sentences = {answers.NOTICES[answered.disposition or ""] for answered in found}
    if len(sentences) != 1:
        return None
    latest = max(found, key=lambda answered: (answered.disposed_at or answered.received_at, answered.id))
    assert latest.disposition is not None
    code = Disposition.DUPLICATE_OF if latest.disposition in REPEATS else latest.disposition
    return Given(latest, code, sentences.pop())


def give(session: Session, officer: Officer, tip_id: UUID, as_tip: UUID, reason: str) -> None:
    """Close a repost with the answer that was given on its picture.

    Args:
        session: a writing session.
        officer: who decides.
        tip_id: the repost.
        as_tip: the answered tip that the officer was shown.
        reason: why, in words; for officers only.

    Raises:
        NotFound: not of the officer's area.
        Conflict: that answer does not stand any more, or the repost may not be closed.
        Invalid: no reason.
    """
    tip = tips.get_visible(session, officer, tip_id)
    given = offered(session, officer, tip)
    if given is None or given.tip.id != as_tip:
        raise Conflict("The answers on this picture have changed meanwhile. Open the tip again.")
    if given.disposition in triage.OFFICERS_DISPOSITIONS:
        repeated = given.tip.id if given.disposition == Disposition.DUPLICATE_OF else None
        triage.dispose(session, officer, tip_id, given.disposition, reason, repeated)
        return
    # A referral that was sent for the picture's first tip is not sent twice.
    progress.dispose(
        session, tip, given.disposition, officer_actor(officer.id), reason, officer_id=officer.id
    )


def _answered(session: Session, officer: Officer, tip: Tip, cluster_id: UUID | None) -> list[Tip]:
    """The latest tip with each of the answers that were given on a picture; none while officers work on it.

    A tip that repeats another stands for that other's answer. A flood of copies costs no more than a few do.
    """
    inside = select(Photo.tip_id).where(Photo.cluster_id == cluster_id, Photo.tip_id != tip.id)
    lead = select(Tip.id).where(col(Tip.id).in_(inside), Tip.state == TipState.LEAD)
    waiting = select(Candidate.id).where(
        col(Candidate.tip_id).in_(inside), col(Candidate.state).in_(OPEN_CANDIDATE_STATES)
    )
    if any(session.exec(question.limit(1)).first() is not None for question in (lead, waiting)):
        return []
    repeated = select(Tip.duplicate_of_id).where(
        col(Tip.id).in_(inside), Tip.disposition == Disposition.DUPLICATE_OF
    )
    roots = {_root(session, root_id) for root_id in session.exec(repeated.distinct()) if root_id}
    standing = select(Tip).where(
        or_(col(Tip.id).in_(inside), col(Tip.id).in_(roots - {tip.id})), col(Tip.id).in_(mine(officer))
    )
    latest = (
        session.exec(
            standing.where(Tip.disposition == code).order_by(col(Tip.disposed_at).desc()).limit(1)
        ).first()
        for code in sorted(ANSWERS_OF_A_PICTURE)
    )
    return [answered for answered in latest if answered is not None]


def _root(session: Session, tip_id: UUID) -> UUID:
    """The tip that a chain of repeated ones ends with."""
    passed: set[UUID] = set()
    following: UUID | None = tip_id
    while following is not None and following not in passed:
        passed.add(following)
        tip_id = following
        tip = session.get_one(Tip, tip_id)
        following = tip.duplicate_of_id if tip.disposition == Disposition.DUPLICATE_OF else None
    return tip_id
