"""Triage: what officers do with a tip that no candidate speaks for, and with one that failed."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates import queries as candidate_queries
from app.cases import leads
from app.cases.models import Lead
from app.core import jobs
from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import cleaned, legible
from app.jurisdictions import queries as areas
from app.officers.models import Officer
from app.photos import service as photos
from app.reviews import cluster_queries, triage_queries
from app.tips import progress
from app.tips import queries as tips
from app.tips import service as sending
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState

LONGEST_MESSAGE = 2_000
HANDED_OVER = "handed_over"
"""Notice of a transfer with its reason; it has no sentence for the tipster and is shown to officers only."""

OFFICERS_DISPOSITIONS = tuple(
    disposition
    for disposition in Disposition
    if disposition
    not in {
        Disposition.CONVERTED_TO_CASE,
        Disposition.LINKED_TO_CASE,
        Disposition.TRANSFERRED_OUT,
        Disposition.WITHDRAWN_BY_TIPSTER,
        Disposition.EXPIRED_UNVERIFIED,
    }
)
"""What an officer may close a tip with; the others come from a case, a transfer, the tipster or a clock."""


def open_tip(session: Session, officer: Officer, tip_id: UUID) -> Tip:
    """Open a tip: the first opening acknowledges it, and every one is in the audit log.

    Raises:
        NotFound: not of the officer's area.
    """
    tip = tips.get_visible(session, officer, tip_id)
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.TIP_VIEWED, "tip", tip.id)
    if tip.state in {TipState.ROUTED, TipState.ESCALATED}:
        progress.move(session, tip, TipState.ACKNOWLEDGED, actor)
    return tip


def dispose(
    session: Session,
    officer: Officer,
    tip_id: UUID,
    disposition: Disposition | None,
    reason: str,
    duplicate_of: UUID | None,
) -> None:
    """Close a tip with its final code.

    - The tip is the officer's to see, and the code one that triage gives.
    - No candidate of it still waits for a decision.
    - It is not a lead: a case closes that.
    - A repeated tip names the one it repeats: one that the officer can see, that was not taken back, and that
      was not itself closed as repeating this one.

    Raises:
        NotFound: not of the officer's area, or the other tip is not.
        Invalid: the code, the reason or the other tip is missing.
        Conflict: one of the rules above.
    """
    tip = tips.get_visible(session, officer, tip_id)
    if disposition is None:
        raise Invalid("Choose how the tip is closed.", field="disposition")
    if disposition not in OFFICERS_DISPOSITIONS:
        raise Conflict("A tip is not closed with this here: a case, a transfer or the tipster does that.")
    if candidate_queries.open_of_tip(session, tip.id):
        raise Conflict("A candidate of this tip still waits for a decision.")
    if tip.state in {TipState.LEAD, TipState.DISPOSED}:
        raise Conflict(
            "The tip's present state does not allow this step. Open it again to see where it stands."
        )
    if disposition == Disposition.DUPLICATE_OF and duplicate_of is not None:
        _check_repeated(session, tip, tips.get_visible(session, officer, duplicate_of))
    progress.dispose(
        session,
        tip,
        disposition,
        officer_actor(officer.id),
        reason,
        officer_id=officer.id,
        duplicate_of=duplicate_of if disposition == Disposition.DUPLICATE_OF else None,
    )


def make_lead(session: Session, officer: Officer, tip_id: UUID, reason: str) -> Lead:
    """Make a tip a lead for an offline check; another officer has to open the case.

    Raises:
        NotFound: not of the officer's area.
        Invalid: the reason is too short.
        Conflict: a candidate still waits, or the tip's state does not allow it.
    """
    tip = tips.get_visible(session, officer, tip_id)
    if candidate_queries.open_of_tip(session, tip.id):
        raise Conflict("A candidate of this tip still waits for a decision.")
    if tip.state in {TipState.LEAD, TipState.DISPOSED}:
        raise Conflict(
            "The tip's present state does not allow this step. Open it again to see where it stands."
        )
    return leads.from_triage(session, tip, officer, reason)


def transfer(session: Session, officer: Officer, tip_id: UUID, code: str, reason: str) -> None:
    """Hand a tip to the authority of another area; from then on that area sees it.

    Raises:
        NotFound: not of the officer's area.
        Invalid: no such authority, the same area, or no reason.
        Conflict: the tip is a lead or closed.
    """
    tip = tips.get_visible(session, officer, tip_id)
    reason = cleaned(reason, "transfer_reason")
    if legible(reason) < progress.SHORTEST_REASON:
        raise Invalid("Give the reason in words.", field="transfer_reason")
    area = areas.get(session, code)
    if area is None or area.authority is None or code == tip.jurisdiction_code:
        raise Invalid("Choose another area that has an authority.", field="area")
    if tip.state in {
        TipState.LEAD,
        TipState.DISPOSED,
        TipState.RECEIVED,
        TipState.PROCESSING,
        TipState.FAILED,
    }:
        raise Conflict(
            "The tip's present state does not allow this step. Open it again to see where it stands."
        )
    actor = officer_actor(officer.id)
    was = tip.jurisdiction_code
    tip.jurisdiction_code = code
    tip.escalated_to = None
    session.add(tip)
    audit.record(session, actor, Action.TIP_TRANSFERRED, "tip", tip.id, was=was, now=code)
    if tip.state == TipState.ROUTED:
        progress.note(session, tip)
    else:
        progress.move(session, tip, TipState.ROUTED, actor)
    session.add(
        TipMessage(
            tip_id=tip.id,
            author=Author.SYSTEM,
            officer_id=officer.id,
            notice=HANDED_OVER,
            text=reason,
        )
    )


def write(session: Session, officer: Officer, tip_id: UUID, text: str, *, ask: bool) -> None:
    """Write to the tipster; a question sets the tip waiting for the answer.

    Raises:
        NotFound: not of the officer's area.
        Invalid: empty or too long.
        Conflict: the tip is closed, or a question cannot be asked now.
    """
    tip = tips.get_visible(session, officer, tip_id)
    text = cleaned(text, "text")
    if legible(text) == 0 or len(text) > LONGEST_MESSAGE:
        raise Invalid(
            "Write a message of at most %(longest)s characters.", field="text", longest=LONGEST_MESSAGE
        )
    if tip.state == TipState.DISPOSED:
        raise Conflict("This tip is closed; its answer has been posted.")
    if sending.is_withdrawn(session, tip.id):
        raise Conflict("The tipster took this tip back and reads its thread no more.")
    actor = officer_actor(officer.id)
    session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, officer_id=officer.id, text=text))
    audit.record(session, actor, Action.MESSAGE_SENT, "tip", tip.id)
    if ask:
        progress.move(session, tip, TipState.AWAITING_TIPSTER, actor)


def separate(session: Session, officer: Officer, tip_id: UUID, photo_id: UUID) -> None:
    """Take a photo out of its cluster: it is another picture after all.

    Raises:
        NotFound: not of the officer's area, or not a photo of the tip.
        Conflict: the photo stands alone already.
    """
    tip = tips.get_visible(session, officer, tip_id)
    if photo_id not in {photo.id for photo in tips.photos_of(session, tip.id)}:
        raise NotFound
    photos.separate(session, photo_id, officer_actor(officer.id))


def put_together(session: Session, officer: Officer, tip_id: UUID, photo_id: UUID, other_id: UUID) -> None:
    """Put a photo into the cluster of another: it is the same picture; `separate` undoes it.

    Raises:
        NotFound: not of the officer's area, or nothing says that these photos might be one picture.
        Conflict: a candidate of the photo is before reviewers or was decided, or they are together already.
    """
    tip = tips.get_visible(session, officer, tip_id)
    own = [photo for photo in tips.photos_of(session, tip.id) if photo.id == photo_id]
    known = {
        item.link.other_id: item
        for item in cluster_queries.explained(session, officer, own).get(photo_id, ())
    }
    if other_id not in known or known[other_id].tip is None:
        raise NotFound
    if cluster_queries.stands_for_itself(session, photo_id):
        raise Conflict("This photo has a candidate of its own, on which officers decide or have decided.")
    photos.join(session, photo_id, other_id, officer_actor(officer.id))


def try_again(session: Session, officer: Officer, job_id: UUID) -> None:
    """Let a parked job be tried again.

    Raises:
        NotFound: no such job for this officer.
    """
    failed = {item.job.id: item for item in triage_queries.parked_jobs(session, officer)}
    if job_id not in failed:
        raise NotFound
    jobs.unpark(session, job_id)
    audit.record(session, officer_actor(officer.id), Action.JOB_RETRIED, "job", job_id)


def to_triage(session: Session, officer: Officer, tip_id: UUID) -> None:
    """Bring a failed tip before the officers although its photos could not be looked into.

    Raises:
        NotFound: not of the officer's area.
        Conflict: the tip has not failed, or has no area yet.
    """
    tip = tips.get_visible(session, officer, tip_id)
    if tip.state != TipState.FAILED:
        raise Conflict(
            "The tip's present state does not allow this step. Open it again to see where it stands."
        )
    if tip.jurisdiction_code is None:
        tip.jurisdiction_code = officer.jurisdiction_code
        session.add(tip)
    progress.move(session, tip, TipState.ROUTED, officer_actor(officer.id))


def _check_repeated(session: Session, tip: Tip, repeated: Tip) -> None:
    """A clue closed in favour of another must not be lost with it."""
    if repeated.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        raise Conflict("That tip was taken back; this one has to be decided for itself.")
    following: Tip | None = repeated
    while following is not None and following.duplicate_of_id is not None:
        if following.duplicate_of_id == tip.id:
            raise Conflict("That tip was closed as repeating this one.")
        following = session.get(Tip, following.duplicate_of_id)
