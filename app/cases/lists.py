"""The lists of cases and tasks: filters, counts, what is overdue, how long a lead may wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from app.cases import queries
from app.cases.models import Case, CaseState, CaseTask, Lead
from app.core.clock import now
from app.core.paging import Listing, listing
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer


@dataclass(frozen=True)
class CaseFilters:
    """Which cases a list shows.

    Attributes:
        state: one state; None for all that are not closed.
        area: code of an area, with all areas in it; empty for the officer's whole area.
        number: part of the case number; with it closed and merged cases are found, too.
        mine: only cases with an open task of the officer's.
        overdue: only cases with an open task whose time has passed.
    """

    state: CaseState | None = None
    area: str = ""
    number: str = ""
    mine: bool = False
    overdue: bool = False

    def query(self, **other: object) -> dict[str, str]:
        """The filters as they stand in the page's address, some of them replaced."""
        wanted: dict[str, object] = {
            "state": self.state.value if self.state else "",
            "area": self.area,
            "number": self.number,
            "mine": self.mine,
            "overdue": self.overdue,
        } | other
        return {name: "true" if value is True else str(value) for name, value in wanted.items() if value}


def cases(session: Session, officer: Officer, filters: CaseFilters, page: int) -> Listing[Case]:
    """A page of cases, the newest first.

    Args:
        session: any session.
        officer: who asks.
        filters: which ones.
        page: number wanted, from 1.
    """
    question = _filtered(officer, filters)
    if filters.state:
        question = question.where(Case.state == filters.state)
    elif not filters.number:
        question = question.where(Case.state != CaseState.CLOSED)
    return listing(session, question.order_by(col(Case.opened_at).desc(), col(Case.id).desc()), page)


def counts(session: Session, officer: Officer, filters: CaseFilters) -> dict[CaseState, int]:
    """How many cases stand in each state under the other filters."""
    seen = _filtered(officer, filters).subquery()
    found = session.exec(select(seen.c.state, func.count()).group_by(seen.c.state))
    known = {CaseState(state): number for state, number in found}
    return {state: known.get(state, 0) for state in CaseState}


def resting_among(session: Session, case_ids: Sequence[UUID]) -> set[UUID]:
    """Those of some cases that rest in another."""
    return set(session.exec(select(Case.id).where(col(Case.id).in_(case_ids), _resting())))


def tasks(session: Session, officer: Officer, page: int, *, mine: bool, overdue: bool) -> Listing[CaseTask]:
    """A page of the open tasks of cases on which work goes on: the earliest due first.

    Args:
        session: any session.
        officer: who asks.
        page: number wanted, from 1.
        mine: only those the officer is to do.
        overdue: only those whose time has passed.
    """
    working = queries.visible_to(officer).where(Case.state != CaseState.CLOSED, ~_resting())
    question = select(CaseTask).where(
        col(CaseTask.case_id).in_(working.with_only_columns(col(Case.id))), *_open(overdue=overdue)
    )
    if mine:
        question = question.where(CaseTask.assignee_id == officer.id)
    return listing(
        session,
        question.order_by(col(CaseTask.due_at).is_(None), col(CaseTask.due_at), col(CaseTask.id)),
        page,
    )


def cases_by_id(session: Session, officer: Officer, case_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Cases of the officer's area by their id."""
    found = session.exec(queries.visible_to(officer).where(col(Case.id).in_(case_ids)))
    return {case.id: case for case in found}


def overdue_tasks(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many open tasks of each case are overdue; cases without one are left out."""
    rows = session.exec(
        select(CaseTask.case_id, func.count())
        .where(col(CaseTask.case_id).in_(case_ids), *_open(overdue=True))
        .group_by(col(CaseTask.case_id))
    )
    return dict(rows.all())


@dataclass(frozen=True)
class LeadClock:
    """Until when a lead has its case, and whether that time has passed."""

    due_at: datetime
    overdue: bool


def lead_clocks(leads: Sequence[Lead], settings: Settings) -> dict[UUID, LeadClock]:
    """The clocks of leads without a case: from when they were made, for `lead_hours`."""
    limit = timedelta(hours=settings.lead_hours)
    moment = now()
    return {lead.id: LeadClock(lead.created_at + limit, moment > lead.created_at + limit) for lead in leads}


def _filtered(officer: Officer, filters: CaseFilters) -> SelectOfScalar[Case]:
    question = queries.visible_to(officer)
    if filters.number:
        question = question.where(col(Case.number).contains(filters.number.strip().upper(), autoescape=True))
    else:
        question = question.where(~_resting())
    if filters.area:
        path = select(Jurisdiction.path).where(Jurisdiction.code == filters.area).scalar_subquery()
        within = select(Jurisdiction.code).where(col(Jurisdiction.path).startswith(path))
        question = question.where(col(Case.jurisdiction_code).in_(within))
    if filters.mine:
        mine = select(CaseTask.case_id).where(CaseTask.assignee_id == officer.id, *_open(overdue=False))
        question = question.where(col(Case.id).in_(mine))
    if filters.overdue:
        late = select(CaseTask.case_id).where(*_open(overdue=True))
        question = question.where(col(Case.id).in_(late))
    return question


def _open(*, overdue: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        col(CaseTask.done_at).is_(None),
        col(CaseTask.cancelled_at).is_(None),
    ]
    if overdue:
        conditions.append(col(CaseTask.due_at) < now())
    return conditions


def _resting() -> ColumnElement[bool]:
    return col(Case.id).in_(queries.resting())
