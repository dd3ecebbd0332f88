"""Referrals to other agencies, with every step they took."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Agency(StrEnum):
    """Whom work is handed to."""

    CIVIL_AFFAIRS = "civil_affairs"  # Families in need, children in care.
    URBAN_MANAGEMENT = "urban_management"  # Officers of the street.
    HOSPITAL = "hospital"  # Injury, illness, an examination.
    SCHOOL = "school"  # Attendance, teachers who know the child.


class ReferralState(StrEnum):
    """How far a referral has come."""

    SENT = "sent"  # The agency has not answered.
    ACCEPTED = "accepted"  # It works on it.
    DECLINED = "declined"  # It does not, with a reason.
    COMPLETED = "completed"  # It reported an outcome.
    CANCELLED = "cancelled"  # The police took it back.


REFERRAL_MOVES: dict[ReferralState, frozenset[ReferralState]] = {
    ReferralState.SENT: frozenset(
        {
            ReferralState.ACCEPTED,
            ReferralState.DECLINED,
            ReferralState.COMPLETED,
            ReferralState.CANCELLED,
        }
    ),
    ReferralState.ACCEPTED: frozenset(
        {ReferralState.DECLINED, ReferralState.COMPLETED, ReferralState.CANCELLED}
    ),
    ReferralState.DECLINED: frozenset(),
    ReferralState.COMPLETED: frozenset(),
    ReferralState.CANCELLED: frozenset(),
}
"""Where a referral may go from each state; one that was declined is sent anew, perhaps to another agency."""


class ReferralOutcome(StrEnum):
    """What an agency reports."""

    FAMILY_SUPPORTED = "family_supported"  # The child stays with its family, which gets help.
    RETURNED_TO_FAMILY = "returned_to_family"  # The child was brought back to its family.
    TAKEN_INTO_CARE = "taken_into_care"  # The child is in the care of the state.
    TREATED = "treated"  # A hospital has treated the child.
    ATTENDING_SCHOOL = "attending_school"  # The child goes to school.
    NOT_FOUND = "not_found"  # The agency could not find the child.
    NO_NEED = "no_need"  # The agency saw no need to act.


class Referral(Row, table=True):
    """Work handed to another agency: about a tip, or within a case."""

    __tablename__ = "referral"

    tip_id: UUID | None = Field(default=None, foreign_key="tip.id", index=True)
    case_id: UUID | None = Field(default=None, foreign_key="police_case.id", index=True)
    jurisdiction_code: str = Field(foreign_key="jurisdiction.code", index=True)
    agency: Agency = Field(sa_type=stored(Agency))
    office: str = ""
    """Which office, hospital or school."""
    request: str
    """What is asked for; never a tipster's contact."""
    state: ReferralState = Field(default=ReferralState.SENT, sa_type=stored(ReferralState), index=True)
    outcome: ReferralOutcome | None = Field(default=None, sa_type=stored(ReferralOutcome))
    sent_by: UUID = Field(foreign_key="officer.id")
    sent_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ReferralEvent(Row, table=True):
    """One step of a referral, as an officer recorded it; never changed. Clocks are computed from these."""

    __tablename__ = "referral_event"

    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    state: ReferralState = Field(sa_type=stored(ReferralState))
    officer_id: UUID = Field(foreign_key="officer.id")
    informant: str = ""
    """Who at the agency said so."""
    text: str = ""
