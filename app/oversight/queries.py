"""What is late in an officer's area, as lists; every number of the supervisor's page counts one of these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session, col, select

from app.candidates.models import Candidate, CandidateState
from app.cases import queries as case_queries
from app.cases.models import Case, CaseState, CaseTask, Lead
from app.core.clock import now
from app.core.paging import PAGE_ROWS, Listing
from app.core.settings import Settings
from app.officers.models import Officer
from app.referrals import queries as referral_queries
from app.referrals.models import Agency, Referral
from app.tips import clocks, escalation
from app.tips import queries as tip_queries
from app.tips.clocks import ClockKind
from app.tips.models import Tip, TipState

MOST = 1_000
"""Rows that a list looks at, the oldest first: enough to see that an area drowns, and never a whole table."""
NO_AREA = "-"
"""Stands for the area of tips that have none yet."""


class Concern(StrEnum):
    """Which list."""

    TIPS = "tips"
    LEADS = "leads"
    TASKS = "tasks"
    REFERRALS = "referrals"
    DISPUTED = "disputed"


@dataclass(frozen=True)
class Wish:
    """What of a list is wanted.

    Attributes:
        area: code of one area, `NO_AREA` for tips that have none; None for all of the officer's.
        clock: tips of which this clock runs; None for any.
        late: only what ran out.
        escalated: only tips that went up to an area above.
        officer_id: tasks of one officer; None for all.
    """

    area: str | None = None
    clock: ClockKind | None = None
    late: bool = False
    escalated: bool = False
    officer_id: UUID | None = None


@dataclass(frozen=True)
class Line:
    """One thing that waits, and where one can act.

    Attributes:
        path: page where one can act.
        text: what it is: a place, a title or a number.
        area: code of its area; None for a tip that no area has.
        since: from when it waits.
        due: when its time runs out; None where no clock runs.
        late: whether that is past.
        danger: whether the tip's sender saw danger.
        claim: id of the candidate to take for examination, if it is one.
        agency: to whom work was handed, if it is a referral.
    """

    path: str
    text: str
    area: str | None
    since: datetime
    due: datetime | None
    late: bool
    danger: bool = False
    claim: UUID | None = None
    agency: Agency | None = None


@dataclass(frozen=True)
class OpenTip:
    """An open tip with its clocks that still run."""

    tip: Tip
    running: dict[ClockKind, clocks.Clock]

    def late(self, moment: datetime, kind: ClockKind | None = None) -> bool:
        """Whether a clock, or any, ran out."""
        return any(clock.overdue(moment) for clock in self.running.values() if kind in {None, clock.kind})


def open_tips(session: Session, officer: Officer, settings: Settings) -> list[OpenTip]:
    """The oldest open tips of the area with their running clocks; at most `MOST`."""
    tips = session.exec(
        tip_queries.visible_to(officer)
        .where(col(Tip.state).in_(escalation.WITH_OFFICERS))
        .order_by(col(Tip.received_at))
        .limit(MOST)
    ).all()
    found = clocks.of_tips(session, tips, settings)
    return [OpenTip(tip, {clock.kind: clock for clock in found[tip.id] if clock.running}) for tip in tips]


def tips(items: Iterable[OpenTip], wish: Wish) -> list[Line]:
    """Open tips as lines: danger first, then what runs out first.

    Args:
        items: what `open_tips` gave.
        wish: which of them.
    """
    moment = now()
    lines = []
    for item in items:
        kinds = [wish.clock] if wish.clock else list(item.running)
        dues = [item.running[kind].due_at for kind in kinds if kind in item.running]
        wanted = (
            wish.area in {None, item.tip.jurisdiction_code or NO_AREA}
            and (wish.clock is None or wish.clock in item.running)
            and (not wish.late or item.late(moment, wish.clock))
            and (not wish.escalated or item.tip.state == TipState.ESCALATED)
        )
        if wanted:
            lines.append(
                Line(
                    path=f"/console/tips/{item.tip.id}",
                    text=item.tip.place_text,
                    area=item.tip.jurisdiction_code,
                    since=item.tip.received_at,
                    due=min(dues, default=None),
                    late=item.late(moment, wish.clock),
                    danger=item.tip.danger_now,
                )
            )
    return sorted(lines, key=lambda line: (not line.danger, line.due or line.since))


def leads(session: Session, officer: Officer, settings: Settings, wish: Wish) -> list[Line]:
    """Leads without a case, those that waited longest first."""
    limit = timedelta(hours=settings.lead_hours)
    moment = now()
    rows = session.exec(
        select(Lead, Tip)
        .join(Tip, col(Tip.id) == col(Lead.tip_id))
        .where(
            col(Lead.id).in_(case_queries.leads_visible_to(officer).with_only_columns(col(Lead.id))),
            col(Lead.id).not_in(select(Case.lead_id)),
            col(Lead.dismissed_at).is_(None),
            Tip.state == TipState.LEAD,
            *([col(Lead.created_at) < moment - limit] if wish.late else []),
            *([Lead.jurisdiction_code == wish.area] if wish.area else []),
        )
        .order_by(col(Lead.created_at))
        .limit(MOST)
    )
    return [
        Line(
            path="/console/cases",
            text=tip.place_text,
            area=lead.jurisdiction_code,
            since=lead.created_at,
            due=lead.created_at + limit,
            late=moment > lead.created_at + limit,
            danger=tip.danger_now,
        )
        for lead, tip in rows
    ]


def tasks(session: Session, officer: Officer, wish: Wish) -> list[Line]:
    """Tasks of cases that are not done, the earliest due first."""
    moment = now()
    own = case_queries.visible_to(officer).where(
        Case.state != CaseState.CLOSED, col(Case.id).not_in(case_queries.resting())
    )
    rows = session.exec(
        select(CaseTask, Case)
        .join(Case, col(Case.id) == col(CaseTask.case_id))
        .where(
            col(Case.id).in_(own.with_only_columns(col(Case.id))),
            col(CaseTask.done_at).is_(None),
            col(CaseTask.cancelled_at).is_(None),
            *([col(CaseTask.due_at) < moment] if wish.late else []),
            *([Case.jurisdiction_code == wish.area] if wish.area else []),
            *([CaseTask.assignee_id == wish.officer_id] if wish.officer_id else []),
        )
        .order_by(col(CaseTask.due_at).is_(None), col(CaseTask.due_at), col(CaseTask.created_at))
        .limit(MOST)
    )
    return [
        Line(
            path=f"/console/cases/{case.id}",
            text=f"{case.number} · {task.title}",
            area=case.jurisdiction_code,
            since=task.created_at,
            due=task.due_at,
            late=task.due_at is not None and moment > task.due_at,
        )
        for task, case in rows
    ]


def referrals(session: Session, officer: Officer, settings: Settings, wish: Wish) -> list[Line]:
    """Referrals in which an agency owes something, the oldest first; what is due comes from their events."""
    rows = session.exec(
        referral_queries.visible_to(officer)
        .where(
            col(Referral.state).in_(referral_queries.WAITING),
            *([Referral.jurisdiction_code == wish.area] if wish.area else []),
        )
        .order_by(col(Referral.sent_at))
        .limit(MOST)
    ).all()
    return [
        Line(
            path=f"/console/referrals/{line.referral.id}",
            text=line.referral.office,
            area=line.referral.jurisdiction_code,
            since=line.referral.sent_at,
            due=line.clock.due_at if line.clock else None,
            late=line.overdue,
            agency=line.referral.agency,
        )
        for line in referral_queries.lines(session, settings, rows)
        if line.overdue or not wish.late
    ]


def disputed(session: Session, officer: Officer, wish: Wish) -> list[Line]:
    """Candidates on which two reviewers disagreed, as the review queue has them."""
    visible = tip_queries.reviewable_by(officer).with_only_columns(col(Tip.id))
    rows = session.exec(
        select(Candidate, Tip)
        .join(Tip, col(Tip.id) == col(Candidate.tip_id))
        .where(
            Candidate.state == CandidateState.DISPUTED,
            col(Tip.id).in_(visible),
            *([Tip.jurisdiction_code == wish.area] if wish.area else []),
        )
        .order_by(col(Candidate.proposed_at))
        .limit(MOST)
    )
    return [
        Line(
            path="/console/reviews",
            text=tip.place_text,
            area=tip.jurisdiction_code,
            since=candidate.proposed_at,
            due=None,
            late=False,
            danger=tip.danger_now,
            claim=candidate.id,
        )
        for candidate, tip in rows
    ]


def lines(session: Session, officer: Officer, settings: Settings, concern: Concern, wish: Wish) -> list[Line]:
    """One of the lists.

    Args:
        session: any session.
        officer: the supervisor.
        settings: how long each clock may last.
        concern: which list.
        wish: what of it.
    """
    match concern:
        case Concern.TIPS:
            return tips(open_tips(session, officer, settings), wish)
        case Concern.LEADS:
            return leads(session, officer, settings, wish)
        case Concern.TASKS:
            return tasks(session, officer, wish)
        case Concern.REFERRALS:
            return referrals(session, officer, settings, wish)
        case Concern.DISPUTED:
            return disputed(session, officer, wish)


def paged(items: Sequence[Line], page: int) -> Listing[Line]:
    """One page of a list that was counted already."""
    pages = max(1, -(-len(items) // PAGE_ROWS))
    shown = min(page, pages)
    return Listing(items[(shown - 1) * PAGE_ROWS : shown * PAGE_ROWS], len(items), shown, pages)
