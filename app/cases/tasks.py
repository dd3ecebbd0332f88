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
    instructions: str = "",
) -> CaseTask:
    """Add a task; the first one makes an open case a tasked one.

    Args:
        session: a writing session.
        officer: who gives the task.
        case_id: the case.
        title: what is to be done.
        assignee_id: who is to do it, an officer who sees the case; None leaves it to the area.
        due_at: until when.
        instructions: what to look out for; printed on the tasking sheet.

    Returns:
        The task.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: the case is closed.
        Invalid: no title, an officer who cannot see the case, or a day that is past.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    name = service.checked_text(title, "title", SHORTEST_TITLE, LONGEST_TITLE)
    _check_assignee(session, case, assignee_id)
    if due_at is not None and not now() <= due_at <= now() + FARTHEST_DUE:
        raise Invalid("Choose today or a later day, at most two years ahead.", field="due")
    how = service.checked_text(instructions, "instructions", shortest=0) if instructions.strip() else ""
    task = CaseTask(case_id=case.id, title=name, assignee_id=assignee_id, due_at=due_at, instructions=how)
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
    service.refuse_closed(session, case)
    _refuse_ended(task)
    task.result = service.checked_text(result, "result", SHORTEST_TITLE)
    task.done_at = now()
    session.add(task)
    service.write_entry(session, case, officer, CaseEntryKind.TASK_DONE, task.result, title=task.title)
    audit.record(
        session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, task_done=str(task.id)
    )


def cancel(session: Session, officer: Officer, case_id: UUID, task_id: UUID) -> None:
    """Cancel a task that is not needed any more; it stays in the list.

    Raises:
        NotFound: no such case in the officer's area, or no such task of the case.
        Conflict: the case is closed, or the task is done or cancelled already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    task = queries.get_task(session, case.id, task_id)
    service.refuse_closed(session, case)
    _refuse_ended(task)
    task.cancelled_at = now()
    session.add(task)
    service.write_entry(session, case, officer, CaseEntryKind.TASK_CANCELLED, "", title=task.title)
    audit.record(
        session, officer_actor(officer.id), Action.CASE_CHANGED, "case", case.id, task_cancelled=str(task.id)
    )


def due_moment(typed_day: str, typed_time: str, zone: ZoneInfo) -> datetime | None:
    """Until when a task is due, as a form sends it; None when no day is given.

    Args:
        typed_day: the day as year-month-day.
        typed_time: the time as hours:minutes; the last minute of the day when empty.
        zone: zone of both.

    Raises:
        Invalid: it is no day or no time.
    """
    if not typed_day.strip():
        return None
    try:
        day = date.fromisoformat(typed_day.strip())
    except ValueError as error:
        raise Invalid("Write the date as year-month-day, for example 2024-03-01.", field="due") from error
    try:
        at = time.fromisoformat(typed_time.strip()) if typed_time.strip() else time(23, 59)
    except ValueError as error:
        raise Invalid("Write the time as hours:minutes, for example 17:30.", field="due_time") from error
    return datetime.combine(day, at.replace(tzinfo=None), zone)


def _refuse_ended(task: CaseTask) -> None:
    if task.done_at is not None:
        raise Conflict("This task is done already.")
    if task.cancelled_at is not None:
        raise Conflict("This task was cancelled.")


def _check_assignee(session: Session, case: Case, assignee_id: UUID | None) -> None:
    if assignee_id is not None and assignee_id not in {
        officer.id for officer in queries.assignees(session, case)
    }:
        raise Invalid("This officer cannot see the case. Choose another.", field="assignee")
