"""Taking decisions out of account: a reversal by who decided, an appeal by any officer of the area.

Nothing is deleted: a decision that was set aside stays in the log and on the page, and counts nowhere.
"""

from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.candidates import progress as candidates
from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateState
from app.cases import leads
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotAllowed
from app.core.text import cleaned, legible
from app.officers.models import Officer, Role
from app.records.models import Record, RecordState
from app.reviews import appeal_queries, queries
from app.reviews.models import Appeal, AppealKind, AppealState, Review
from app.tips.models import Disposition, Tip

SHORTEST_MOTIVE = 10
"""Characters of a motive or an answer."""
LONGEST_MOTIVE = 4_000


def reverse(session: Session, officer: Officer, candidate_id: UUID, motive: str) -> Appeal:
    """Take one's own decision back while nobody else has decided; it takes effect at once.

    The candidate waits for two other people: who took a decision back does not decide there again.

    Args:
        session: a writing session.
        officer: who decided.
        candidate_id: the candidate.
        motive: why, in words.

    Raises:
        NotFound: no candidate of the officer's area.
        Invalid: no motive in words.
        Conflict: the officer has no decision there that counts, or a second one is in.
    """
    candidate = appeal_queries.get_candidate(session, officer, candidate_id)
    own = next(
        (review for review in queries.decided(session, candidate.id) if review.officer_id == officer.id), None
    )
    if own is None or not appeal_queries.may_reverse(candidate, own):
        raise Conflict("This decision cannot be taken back any more. Once a candidate is settled, appeal.")
    motive = _written(motive, "motive")
    appeal = Appeal(
        candidate_id=candidate.id,
        kind=AppealKind.REVERSAL,
        officer_id=officer.id,
        motive=motive,
        state=AppealState.UPHELD,
        answered_at=now(),
    )
    session.add(appeal)
    session.flush()
    actor = officer_actor(officer.id)
    audit.record(
        session,
        actor,
        Action.REVIEW_REVERSED,
        "candidate",
        candidate.id,
        appeal=str(appeal.id),
        review=str(own.id),
    )
    _set_aside(session, [own])
    candidates.move(session, candidate, CandidateState.PROPOSED)
    return appeal


def appeal(session: Session, officer: Officer, candidate_id: UUID, motive: str) -> Appeal:
    """Appeal against how a candidate was settled; a supervisor who took no part answers.

    Args:
        session: a writing session.
        officer: any officer of the area.
        candidate_id: the candidate.
        motive: why, in words.

    Raises:
        NotFound: no candidate of the officer's area.
        Invalid: no motive in words.
        Conflict: the candidate is not settled, was withdrawn, or an appeal waits already.
    """
    candidate = appeal_queries.get_candidate(session, officer, candidate_id)
    if candidate.state in OPEN_CANDIDATE_STATES:
        raise Conflict("This candidate is still under review. An appeal is possible once it is settled.")
    if candidate.state == CandidateState.WITHDRAWN:
        raise Conflict("This candidate was withdrawn. There is no decision to appeal against.")
    if appeal_queries.open_of(session, candidate.id) is not None:
        raise Conflict("An appeal on this candidate waits for a supervisor already.")
    made = Appeal(
        candidate_id=candidate.id,
        kind=AppealKind.APPEAL,
        officer_id=officer.id,
        motive=_written(motive, "motive"),
    )
    session.add(made)
    session.flush()
    audit.record(
        session,
        officer_actor(officer.id),
        Action.APPEAL_MADE,
        "candidate",
        candidate.id,
        appeal=str(made.id),
        state=candidate.state.value,
    )
    return made


def answer(session: Session, officer: Officer, appeal_id: UUID, text: str, *, uphold: bool | None) -> Appeal:
    """Answer an appeal.

    - Refused: the decisions stand.
    - Upheld: they are all set aside, and two other people review the candidate anew. A lead that rests on it
      is given up; one that has a case is not, since what becomes of it is decided there.

    Args:
        session: a writing session.
        officer: a supervisor of the area who neither appealed nor decided.
        appeal_id: the appeal.
        text: why, in words.
        uphold: the answer; None if none was chosen.

    Raises:
        NotFound: no such appeal in the officer's area.
        NotAllowed: the officer took part, or is no supervisor.
        Invalid: no answer chosen, or no reason in words.
        Conflict: it was answered, the lead has a case, or tip or record went away.
    """
    made = appeal_queries.get_visible(session, officer, appeal_id)
    if not officer.has(Role.SUPERVISOR) or appeal_queries.took_part(session, officer, made):
        raise NotAllowed("An appeal is answered by a supervisor who neither made it nor decided.")
    if made.state != AppealState.OPEN:
        raise Conflict("This appeal has been answered already.")
    if uphold is None:
        raise Invalid("Choose an answer.", field="answer")
    text = _written(text, "text")
    made.state = AppealState.UPHELD if uphold else AppealState.REFUSED
    made.answer, made.answered_by, made.answered_at = text, officer.id, now()
    session.add(made)
    session.flush()
    audit.record(
        session,
        officer_actor(officer.id),
        Action.APPEAL_ANSWERED,
        "candidate",
        made.candidate_id,
        appeal=str(made.id),
        answer=made.state.value,
    )
    if uphold:
        _reopen(session, officer, session.get_one(Candidate, made.candidate_id), text)
    return made


def _reopen(session: Session, officer: Officer, candidate: Candidate, reason: str) -> None:
    tip = session.get_one(Tip, candidate.tip_id)
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        raise Conflict("The tip was withdrawn meanwhile.")
    record = session.get_one(Record, candidate.record_id)
    if record.state == RecordState.CLOSED and not record.golden:
        raise Conflict("The record was closed meanwhile. There is nothing to review anew.")
    lead = leads.of_candidate(session, candidate.id)
    if lead is not None and lead.dismissed_at is None:
        leads.give_up(session, lead, officer, reason)
    _set_aside(session, queries.decided(session, candidate.id))
    candidates.move(session, candidate, CandidateState.PROPOSED)
    audit.record(session, officer_actor(officer.id), Action.CANDIDATE_REOPENED, "candidate", candidate.id)


def _set_aside(session: Session, reviews: list[Review]) -> None:
    for review in reviews:
        review.set_aside_at = review.set_aside_at or now()
        session.add(review)
    session.flush()


def _written(text: str, field: str) -> str:
    body = cleaned(text, field)
    if legible(body) < SHORTEST_MOTIVE or len(body) > LONGEST_MOTIVE:
        raise Invalid("Write why, in at least %(least)s characters.", field=field, least=SHORTEST_MOTIVE)
    return body
