"""The auditor's page: the log in words, filtered, and the proof that nobody rewrote it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.audit import queries, sealed, service
from app.audit.models import Action
from app.audit.queries import Filter
from app.audit.words import ACTIONS, ACTORS, DETAILS, SUBJECTS
from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.core.errors import Invalid
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.sessions import AuditorDep

router = APIRouter()

PAGE = "console/audit.html"
Typed = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class TypedFilter:
    """The filter as typed, for showing it again and for the links between pages."""

    action: str
    who: str
    subject: str
    since: str
    until: str


@router.get("/audit")
def index(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    auditor: AuditorDep,
    action: Typed = "",
    who: Typed = "",
    subject: Typed = "",
    since: Typed = "",
    until: Typed = "",
    verify: bool = False,
    number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """Show the log, newest first; on wish read the whole chain and say whether it is whole."""
    typed = TypedFilter(action, who.strip(), subject.strip(), since, until)
    values: dict[str, Any] = {
        "officer": auditor,
        "typed": typed,
        "words": ACTIONS,
        "verdict": None,
        "found": None,
    }
    if verify:
        values["verdict"] = service.verify(
            session, service.checkpoints_path(context.settings), context.keys.signing
        )
    try:
        wanted = _wanted(session, typed, context.settings.zone)
    except Invalid as refusal:
        return refused_form(request, PAGE, refusal, **values)
    found = queries.search(session, wanted, number)
    values |= {
        "found": found,
        "officers": queries.officers_in(session, found.items),
        "actors": ACTORS,
        "subjects": SUBJECTS,
        "details": DETAILS,
        "readable": lambda event: sealed.opened(context.keys, event.detail),
    }
    return page(request, PAGE, errors={}, **values)


def _wanted(session: ReadSessionDep, typed: TypedFilter, zone: ZoneInfo) -> Filter:
    """Read the filter.

    Raises:
        Invalid: an unknown action or officer, or a date that is none.
    """
    try:
        action = Action(typed.action) if typed.action else None
    except ValueError as error:
        raise Invalid("Choose an action of the list.", field="action") from error
    who = queries.officer_named(session, typed.who) if typed.who else None
    if typed.who and who is None:
        raise Invalid("No officer has this user name or badge number.", field="who")
    return Filter(
        action=action,
        officer_id=who.id if who else None,
        subject_id=typed.subject,
        since=_midnight(typed.since, "since", zone),
        until=_midnight(typed.until, "until", zone, days_later=1),
    )


def _midnight(typed: str, field: str, zone: ZoneInfo, days_later: int = 0) -> datetime | None:
    """The moment a day begins where the officers are."""
    if not typed.strip():
        return None
    try:
        day = date.fromisoformat(typed.strip()) + timedelta(days=days_later)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("Write the date as year-month-day, for example 2024-03-01.", field=field) from error
