"""The auditor's page: the log in words, filtered, and the proof that nobody rewrote it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from app.audit import belonging, export, queries, sealed, service, unusual
from app.audit.models import Action
from app.audit.queries import Filter
from app.audit.words import ACTIONS, ACTORS, DETAILS, SUBJECTS
from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.sessions import FRESH, AuditorDep

router = APIRouter()

PAGE = "console/audit.html"
Typed = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class TypedFilter:
    """The filter as typed, for showing it again and for the links between pages."""

    action: str
    who: str
    subject: str
    child: str
    since: str
    until: str

    @property
    def query(self) -> dict[str, str]:
        """As it stands in the page's address."""
        return {name: value for name, value in asdict(self).items() if value}


@router.get("/audit")
def index(
    request: Request,
    session: ReadSessionDep,
    context: ContextDep,
    auditor: AuditorDep,
    action: Typed = "",
    who: Typed = "",
    subject: Typed = "",
    child: Typed = "",
    since: Typed = "",
    until: Typed = "",
    verify: bool = False,
    number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """Show the log, newest first; on wish read the whole chain and say whether it is whole."""
    typed = TypedFilter(action, who.strip(), subject.strip(), child.strip(), since, until)
    values: dict[str, Any] = {
        "officer": auditor,
        "typed": typed,
        "words": ACTIONS,
        "verdict": None,
        "found": None,
        "days": [],
        "unusual": unusual.waiting(session),
    }
    if verify:
        values["verdict"] = service.verify(
            session, service.checkpoints_path(context.settings), context.keys.signing
        )
    try:
        wanted = _wanted(session, typed, context.settings.zone)
    except Invalid as refusal:
        return refused_form(request, PAGE, refusal, **values)
    if typed.who or typed.subject or typed.child:
        with context.db.write() as writing:
            service.searched(writing, auditor.id, typed.query.keys(), wanted.officer_id)
    found = queries.search(session, wanted, number)
    if wanted.officer_id is not None and not typed.child and not typed.subject:
        values["days"] = queries.days_of(session, wanted, context.settings.zone)
    values |= {
        "found": found,
        "officers": queries.officers_in(session, found.items),
        "actors": ACTORS,
        "subjects": SUBJECTS,
        "details": DETAILS,
        "readable": lambda event: sealed.opened(context.keys, event.detail),
    }
    return page(request, PAGE, errors={}, **values)


@router.post("/audit/export", dependencies=FRESH)
def download(context: ContextDep, auditor: AuditorDep) -> StreamingResponse:
    """Download the whole log as signed lines; that it was is in the log, before the first of them."""
    with context.db.write() as session:
        service.record(session, service.officer_actor(auditor.id), Action.AUDIT_EXPORTED, "log", "audit")

    def lines() -> Iterator[str]:
        with context.db.read() as session:
            yield from export.lines(session, context.keys.signing)

    headers = {
        "Content-Disposition": 'attachment; filename="homeward-audit.jsonl"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(lines(), media_type="application/jsonl", headers=headers)


@router.get("/audit/unusual")
def show_unusual(
    request: Request, session: ReadSessionDep, context: ContextDep, auditor: AuditorDep
) -> HTMLResponse:
    """Show what is unusual in how officers work."""
    found = unusual.recent(session, context.keys, context.settings.zone)
    return page(request, "console/unusual.html", officer=auditor, found=found, errors={})


@router.post("/audit/unusual/{anomaly_id}/seen")
def see_unusual(
    context: ContextDep,
    session: SessionDep,
    auditor: AuditorDep,
    anomaly_id: UUID,
    note: Annotated[str, Form(max_length=2_000)] = "",
) -> RedirectResponse:
    """Note what came of looking into it."""
    unusual.see(session, context.keys, auditor.id, anomaly_id, note)
    return RedirectResponse("/console/audit/unusual", status_code=303)


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
    around = belonging.ids_around(session, typed.child) if typed.child else None
    if typed.child and around is None:
        raise Invalid("There is no record, case, tip or photo with this id or number.", field="child")
    return Filter(
        action=action,
        subject_ids=None if around is None else frozenset(around),
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
