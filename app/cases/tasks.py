"""Tasks: work outside that somebody is to do."""

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import Case, CaseEntryKind, CaseState, CaseTask
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.officers.models import Officer

SHORTEST_TITLE = 3
LONGEST_TITLE = 200
FARTHEST_DUE = timedelta(days=731)
"""How far ahead a task may be due; a later day is a slip of the pen."""


def add(
    session: Session,
    officer: Officer,
    case_id: UUID,
    *,
    title: str,
    assignee_id: UUID | None,
    due_at: datetime | None,
) -> CaseTask:
    """Add a task; the first one makes an open case a tasked one.

    Args:
        session: a writing session.
        officer: who gives the task.
        case_id: the case.
        title: what is to be done.
        assignee_id: who is to do it, an officer who sees the case; None leaves it to the area.
        due_at: until when.

    Returns:
        The task.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: the case is closed.
        Invalid: no title, an officer who cannot see the case, or a day that is past.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(case)
    name = service.checked_text(title, "title", SHORTEST_TITLE, LONGEST_TITLE)
    _check_assignee(session, case, assignee_id)
    if due_at is not None and not now() <= due_at <= now() + FARTHEST_DUE:
        raise Invalid("Choose today or a later day, at most two years ahead.", field="due")
    task = CaseTask(case_id=case.id, title=name, assignee_id=assignee_id, due_at=due_at)
    session.add(task)
    session.flush()
    service.write_entry(session, case, officer, CaseEntryKind.TASK_ADDED, name)
    audit.record(
        session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, task_added=str(task.id)
    )
    if case.state == CaseState.OPEN:
        service.move(session, case, CaseState.TASKED, officer, "")
    return task


def finish(session: Session, officer: Officer, case_id: UUID, task_id: UUID, result: str) -> None:
    """Record that a task is done, and what came of it.

    Raises:
        NotFound: no such case in the officer's area, or no such task of the case.
        Conflict: the case is closed, or the task is done already.
        Invalid: no result in words.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    task = queries.get_task(session, case.id, task_id)
    service.refuse_closed(case)
    if task.done_at is not None:
        raise Conflict("This task is done already.")
    task.result = service.checked_text(result, "result", SHORTEST_TITLE)
    task.done_at = now()
    session.add(task)
    service.write_entry(session, case, officer, CaseEntryKind.TASK_DONE, task.result, title=task.title)
    audit.record(
        session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, task_done=str(task.id)
    )


def end_of_day(typed: str, zone: ZoneInfo) -> datetime | None:
    """The last minute of a day as a form sends it; None when empty.

    Args:
        typed: the day as year-month-day.
        zone: zone in which the day ends.

    Raises:
        Invalid: it is no day.
    """
    if not typed.strip():
        return None
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError as error:
        raise Invalid("Write the date as year-month-day, for example 2024-03-01.", field="due") from error
    return datetime.combine(day, time(23, 59), zone)


def _check_assignee(session: Session, case: Case, assignee_id: UUID | None) -> None:
    if assignee_id is not None and assignee_id not in {
        officer.id for officer in queries.assignees(session, case)
    }:
        raise Invalid("This officer cannot see the case. Choose another.", field="assignee")
