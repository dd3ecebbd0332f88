"""Questions about referrals. `visible_to` is the only door to them for an officer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.clock import now
from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer, Role
from app.referrals import clocks
from app.referrals.clocks import ReferralClock
from app.referrals.models import Agency, Referral, ReferralEvent, ReferralState

READERS = (Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR)
RUNS_CASES = (Role.INVESTIGATOR, Role.SUPERVISOR)
WAITING = (ReferralState.SENT, ReferralState.ACCEPTED)
"""States in which the agency still owes something."""


@dataclass(frozen=True)
class ReferralLine:
    """A referral in a list.

    Attributes:
        referral: the referral.
        area: whose officers follow it up.
        clock: what is due next; None when nothing is.
        overdue: whether that ran out.
    """

    referral: Referral
    area: Jurisdiction
    clock: ReferralClock | None
    overdue: bool


def visible_to(officer: Officer) -> SelectOfScalar[Referral]:
    """The referrals of an officer's area; those within a case only for officers who run cases."""
    return select(Referral).where(
        col(Referral.jurisdiction_code).in_(codes_within(officer)),
        officer.active and officer.has(*READERS),
        or_(col(Referral.case_id).is_(None), officer.has(*RUNS_CASES)),
    )


def get_visible(session: Session, officer: Officer, referral_id: UUID) -> Referral:
    """One referral.

    Raises:
        NotFound: none such in the officer's area.
    """
    found = session.exec(visible_to(officer).where(Referral.id == referral_id)).first()
    if found is None:
        raise NotFound
    return found


def search(
    session: Session, officer: Officer, state: ReferralState | None, agency: Agency | None, page: int
) -> Listing[Referral]:
    """A page of referrals, those that were sent first at the top.

    Args:
        session: any session.
        officer: who asks.
        state: one state; None for all in which the agency still owes something.
        agency: one kind of agency; None for all.
        page: number wanted, from 1.
    """
    question = visible_to(officer).order_by(col(Referral.sent_at), col(Referral.id))
    question = question.where(Referral.state == state if state else col(Referral.state).in_(WAITING))
    if agency:
        question = question.where(Referral.agency == agency)
    return listing(session, question, page)


def lines(session: Session, settings: Settings, referrals: Sequence[Referral]) -> list[ReferralLine]:
    """Referrals as lists show them: overdue ones first, otherwise in the order given."""
    events = events_of(session, [referral.id for referral in referrals])
    moment: datetime = now()
    made = []
    for referral in referrals:
        due = clocks.next_due(clocks.of_events(events.get(referral.id, []), settings))
        area = session.get_one(Jurisdiction, referral.jurisdiction_code)
        made.append(ReferralLine(referral, area, due, due is not None and due.overdue(moment)))
    return sorted(made, key=lambda line: not line.overdue)


def events_of(session: Session, referral_ids: Sequence[UUID]) -> dict[UUID, list[ReferralEvent]]:
    """Events by referral, oldest first."""
    found: dict[UUID, list[ReferralEvent]] = {}
    for event in session.exec(
        select(ReferralEvent)
        .where(col(ReferralEvent.referral_id).in_(referral_ids))
        .order_by(col(ReferralEvent.at), col(ReferralEvent.id))
    ):
        found.setdefault(event.referral_id, []).append(event)
    return found


def of_case(session: Session, case_id: UUID) -> list[Referral]:
    """A case's referrals, in the order they were sent; the caller has checked that the case may be seen."""
    question = select(Referral).where(Referral.case_id == case_id)
    return list(session.exec(question.order_by(col(Referral.sent_at), col(Referral.id))))


def of_tip(session: Session, tip_id: UUID) -> list[Referral]:
    """A tip's referrals; the caller has checked that the tip may be seen."""
    question = select(Referral).where(Referral.tip_id == tip_id)
    return list(session.exec(question.order_by(col(Referral.sent_at), col(Referral.id))))


def civil_affairs_reported(session: Session, case_ids: Sequence[UUID], since: datetime | None = None) -> bool:
    """Whether civil affairs completed a referral of one of these cases, with an outcome.

    Args:
        session: any session.
        case_ids: cases about one child.
        since: what was reported before this moment does not count; None counts everything.
    """
    question = (
        select(Referral.id)
        .join(ReferralEvent, col(ReferralEvent.referral_id) == col(Referral.id))
        .where(
            col(Referral.case_id).in_(case_ids),
            Referral.agency == Agency.CIVIL_AFFAIRS,
            Referral.state == ReferralState.COMPLETED,
            col(Referral.outcome).is_not(None),
            ReferralEvent.state == ReferralState.COMPLETED,
        )
    )
    if since is not None:
        question = question.where(col(ReferralEvent.at) >= since)
    return session.exec(question).first() is not None


def people(session: Session, events: Sequence[ReferralEvent]) -> dict[UUID, Officer]:
    """Officers who recorded these events, by id."""
    ids = {event.officer_id for event in events}
    return {officer.id: officer for officer in session.exec(select(Officer).where(col(Officer.id).in_(ids)))}
