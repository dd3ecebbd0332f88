"""The registry's pages: clerks keep it, investigators and supervisors read it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.audit.service import officer_actor
from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Conflict, NotAllowed, Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.officers.queries import areas_for
from app.officers.sessions import ClerkDep, RecordReaderDep
from app.records import queries, service, writers
from app.records.fields import MOST_PHOTOS, latest_day
from app.records.form import TEXTS, RecordForm, TypedRecord, present_texts
from app.records.models import Record, RecordState, Sex

router = APIRouter()

FORM = "console/record_form.html"


@router.get("/records")
def index(
    request: Request,
    session: SessionDep,
    officer: RecordReaderDep,
    text: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(pattern="^(open|closed|all)$")] = "open",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List records by number or name; a search is in the audit log."""
    wanted = None if state == "all" else RecordState(state)
    found = service.search(session, officer, text.strip(), wanted, number)
    areas = {item.jurisdiction_code: None for item in found.items}
    return page(
        request,
        "console/records.html",
        officer=officer,
        found=found,
        text=text,
        state=state,
        areas={code: session.get(Jurisdiction, code) for code in areas},
    )


@router.get("/records/new")
def new(request: Request, session: ReadSessionDep, clerk: ClerkDep) -> HTMLResponse:
    """Show the empty form."""
    typed = {"jurisdiction_code": clerk.jurisdiction_code}
    return page(request, FORM, errors={}, **_form_values(session, clerk, typed, None))


@router.post("/records")
def add(request: Request, context: ContextDep, clerk: ClerkDep, form: TypedRecord) -> Response:
    """Add a record with its photos."""
    try:
        fields, photos = form.fields(), form.new_photos()
        with context.db.write() as session:
            record = service.add_record(
                session, context.store, context.keys, fields, photos, officer_actor(clerk.id)
            )
    except Refusal as refusal:
        return _form_again(request, context, clerk, refusal, form, None)
    return RedirectResponse(f"/console/records/{record.id}", status_code=303)


@router.get("/records/{record_id:uuid}")
def show(
    request: Request, session: ReadSessionDep, officer: RecordReaderDep, record_id: UUID
) -> HTMLResponse:
    """Show one record with its photos."""
    record = queries.get_visible(session, officer, record_id)
    return page(request, "console/record.html", errors={}, reason="", **_shown(session, officer, record))


@router.get("/records/{record_id:uuid}/edit")
def edit(request: Request, session: ReadSessionDep, clerk: ClerkDep, record_id: UUID) -> HTMLResponse:
    """Show the form with what the record says."""
    record = queries.get_visible(session, clerk, record_id)
    if not queries.may_write(session, clerk, record.jurisdiction_code):
        raise NotAllowed(writers.OTHER_AREA)
    references = [reference for reference, _ in queries.references_of(session, record.id)]
    typed = present_texts(record, references)
    return page(request, FORM, errors={}, **_form_values(session, clerk, typed, record))


@router.post("/records/{record_id:uuid}")
def change(
    request: Request, context: ContextDep, clerk: ClerkDep, record_id: UUID, form: TypedRecord
) -> Response:
    """Change a record and its photos."""
    try:
        fields, photos = form.fields(), form.new_photos()
        ages, removed = form.ages(), form.removed()
        with context.db.write() as session:
            service.change_record(
                session,
                context.store,
                context.keys,
                record_id,
                fields,
                officer_actor(clerk.id),
                revision=form.revision,
                photos=photos,
                removed=removed,
                ages=ages,
            )
    except Refusal as refusal:
        return _form_again(request, context, clerk, refusal, form, record_id)
    return RedirectResponse(f"/console/records/{record_id}", status_code=303)


@router.post("/records/{record_id:uuid}/close")
def close(
    request: Request,
    context: ContextDep,
    clerk: ClerkDep,
    record_id: UUID,
    revision: Annotated[int, Form()],
    reason: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    """Close a record, with the reason in words."""
    try:
        with context.db.write() as session:
            service.close_record(session, record_id, reason, officer_actor(clerk.id), revision=revision)
    except Refusal as refusal:
        with context.db.read() as session:
            values = _shown(session, clerk, queries.get_visible(session, clerk, record_id))
        return refused_form(request, "console/record.html", refusal, reason=reason, **values)
    return RedirectResponse(f"/console/records/{record_id}", status_code=303)


@router.post("/records/{record_id:uuid}/reopen")
def reopen(
    session: SessionDep, clerk: ClerkDep, record_id: UUID, revision: Annotated[int, Form()]
) -> RedirectResponse:
    """Open a closed record again."""
    service.reopen_record(session, record_id, officer_actor(clerk.id), revision=revision)
    return RedirectResponse(f"/console/records/{record_id}", status_code=303)


def _shown(session: ReadSessionDep, officer: Officer, record: Record) -> dict[str, Any]:
    return {
        "officer": officer,
        "record": record,
        "references": queries.references_of(session, record.id),
        "area": session.get(Jurisdiction, record.jurisdiction_code),
        "may_write": queries.may_write(session, officer, record.jurisdiction_code),
    }


def _form_again(
    request: Request,
    context: Context,
    clerk: Officer,
    refusal: Refusal,
    form: RecordForm,
    record_id: UUID | None,
) -> HTMLResponse:
    with context.db.read() as session:
        record = queries.get_visible(session, clerk, record_id) if record_id else None
        values = _form_values(session, clerk, form.typed, record)
    if record is not None and isinstance(refusal, Conflict):
        present = present_texts(record, [])
        values["differs"] = {name for name in TEXTS if form.text(name).strip() != present[name]}
        values["present"] = present
    values["files_lost"] = form.has_files
    return refused_form(request, FORM, refusal, **values)


def _form_values(
    session: ReadSessionDep, clerk: Officer, typed: dict[str, str], record: Record | None
) -> dict[str, Any]:
    references = queries.references_of(session, record.id) if record else []
    return {
        "officer": clerk,
        "typed": typed,
        "record": record,
        "references": references,
        "areas": areas_for(session, clerk),
        "sexes": list(Sex),
        "slots": range(MOST_PHOTOS - len(references)),
        "most_photos": MOST_PHOTOS,
        "latest_day": latest_day(),
        "differs": set(),
        "present": {},
        "files_lost": False,
    }
