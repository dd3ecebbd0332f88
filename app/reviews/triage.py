"""Triage: what officers do with a tip that no candidate speaks for, and with one that failed."""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates import queries as candidate_queries
from app.cases import leads
from app.cases.models import Lead
from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import cleaned, legible
from app.jurisdictions import queries as areas
from app.officers.models import Officer
from app.referrals import service as referrals
from app.referrals.models import Agency, Referral
from app.reviews import triage_queries
from app.tips import progress, withdrawing
from app.tips import queries as tips
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState
from app.workload import service as workload

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
        Disposition.WITH_FAMILY_WELFARE_REFERRAL,
    }
)
"""What an officer may close a tip with by a reason alone; the others come with a case, a transfer, a
referral, a word of the tipster or a clock."""

QUICK_DISPOSITIONS = (
    Disposition.WITH_FAMILY_NO_CONCERN,
    Disposition.NOT_A_CHILD,
    Disposition.INSUFFICIENT_INFORMATION,
    Disposition.UNABLE_TO_LOCATE,
    Disposition.RECIRCULATED_OLD_PHOTO,
    Disposition.ALREADY_KNOWN,
    Disposition.FALSE_MALICIOUS,
    Disposition.DUPLICATE_OF,
)
"""The same in the order in which they are offered with a key each: the most frequent first."""


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
    if disposition == Disposition.WITH_FAMILY_WELFARE_REFERRAL:
        raise Conflict("A tip is closed with this by sending the referral to civil affairs.")
    if disposition not in OFFICERS_DISPOSITIONS:
        raise Conflict("A tip is not closed with this here: a case, a transfer or the tipster does that.")
    _check_undecided(session, tip)
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


def refer_to_welfare(session: Session, officer: Officer, tip_id: UUID, office: str, request: str) -> Referral:
    """Hand a family in need to civil affairs and close the tip with that, both or neither.

    Args:
        session: a writing session.
        officer: who decides.
        tip_id: the tip.
        office: which office of civil affairs; may be empty.
        request: what it is asked to do; also the reason for closing the tip.

    Returns:
        The referral; its own clocks run from now.

    Raises:
        NotFound: not of the officer's area.
        Invalid: no request in words.
        Conflict: a candidate still waits, or the tip is a lead or closed.
    """
    tip = tips.get_visible(session, officer, tip_id)
    _check_undecided(session, tip)
    referral = referrals.send(
        session,
        officer,
        jurisdiction_code=tip.jurisdiction_code or officer.jurisdiction_code,
        agency=Agency.CIVIL_AFFAIRS,
        office=office,
        request=request,
        tip_id=tip.id,
    )
    progress.dispose(
        session,
        tip,
        Disposition.WITH_FAMILY_WELFARE_REFERRAL,
        officer_actor(officer.id),
        referral.request,
        officer_id=officer.id,
    )
    return referral


def make_lead(session: Session, officer: Officer, tip_id: UUID, reason: str) -> Lead:
    """Make a tip a lead for an offline check; another officer has to open the case.

    Raises:
        NotFound: not of the officer's area.
        Invalid: the reason is too short.
        Conflict: a candidate still waits, or the tip's state does not allow it.
    """
    tip = tips.get_visible(session, officer, tip_id)
    _check_undecided(session, tip)
    try:
        return leads.from_triage(session, tip, officer, reason)
    except Invalid as refusal:
        # The page has other forms with a field of that name.
        refusal.field = "lead_reason" if refusal.field == "reason" else refusal.field
        raise


def transfer(session: Session, officer: Officer, tip_id: UUID, code: str, reason: str) -> None:
    """Hand a tip to the authority of another area; from then on that area sees it.

    Raises:
        NotFound: not of the officer's area.
        Invalid: no such authority, the same area, or no reason.
        Conflict: the tip is a lead or closed.
    """
    hand_over(session, officer, tips.get_visible(session, officer, tip_id), code, reason)


def hand_over(session: Session, officer: Officer, tip: Tip, code: str, reason: str) -> None:
    """Hand a tip that the caller may see to the authority of another area; see `transfer`.

    Raises:
        Invalid: no such authority, the same area, or no reason.
        Conflict: the tip is a lead or closed.
    """
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
    if withdrawing.is_withdrawn(session, tip.id):
        raise Conflict("The tipster took this tip back and reads its thread no more.")
    actor = officer_actor(officer.id)
    session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, officer_id=officer.id, text=text))
    audit.record(session, actor, Action.MESSAGE_SENT, "tip", tip.id)
    if ask:
        progress.move(session, tip, TipState.AWAITING_TIPSTER, actor)


def try_again(session: Session, officer: Officer, job_id: UUID) -> None:
    """Let a parked job be tried again.

    Raises:
        NotFound: no such job for this officer.
    """
    failed = {item.job.id: item for item in triage_queries.parked_jobs(session, officer)}
    if job_id not in failed:
        raise NotFound
    workload.try_again(session, officer_actor(officer.id), job_id)


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


def _check_undecided(session: Session, tip: Tip) -> None:
    if candidate_queries.open_of_tip(session, tip.id):
        raise Conflict("A candidate of this tip still waits for a decision.")
    if tip.state in {TipState.LEAD, TipState.DISPOSED}:
        raise Conflict(
            "The tip's present state does not allow this step. Open it again to see where it stands."
        )


def _check_repeated(session: Session, tip: Tip, repeated: Tip) -> None:
    """A clue closed in favour of another must not be lost with it."""
    if repeated.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        raise Conflict("That tip was taken back; this one has to be decided for itself.")
    following: Tip | None = repeated
    while following is not None and following.duplicate_of_id is not None:
        if following.duplicate_of_id == tip.id:
            raise Conflict("That tip was closed as repeating this one.")
        following = session.get(Tip, following.duplicate_of_id)
