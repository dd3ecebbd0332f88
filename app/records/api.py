"""Records from police systems: create, update, close, erase."""

from collections import Counter
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.pressure import refuse_bulk
from app.core.render import language_of
from app.partners.access import KeepsRecords, documented_scheme
from app.records import importing, queries, registry
from app.records.documents import (
    ImportAnswer,
    ReasonBody,
    RecordAnswer,
    RecordBody,
    RecordPage,
    answer,
    line_answer,
    refusals,
)
from app.records.fields import LARGEST_PHOTO, PhotoAge
from app.records.import_file import json_rows

router = APIRouter(tags=["records"], dependencies=[Depends(documented_scheme)])

JSON_LINES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"number":"A1","name":"李小明","missing_since":"2024-03-01"}',
            }
        },
    }
}


async def _lines(request: Request, caller: KeepsRecords) -> bytes:
    """The body, read only for a request with a valid key."""
    del caller
    return await request.body()


@router.get("/records", summary="List the records you keep", responses=refusals(400, 401, 403, 422, 500, 503))
def index(
    session: ReadSessionDep,
    caller: KeepsRecords,
    cursor: Annotated[str, Query(max_length=60, description="`next` of the page before.")] = "",
) -> RecordPage:
    """A page of the records that this registry keeps, by number."""
    found, after = registry.page(session, caller.actor, cursor)
    held = queries.references_of_many(session, [record.id for record in found])
    shown = [
        answer(record, [pair for pair in held.get(record.id, []) if pair[0].removed_at is None])
        for record in found
    ]
    return RecordPage(records=shown, next=after)


@router.post(
    "/records/import",
    summary="Send many records as JSON lines",
    responses=refusals(400, 401, 403, 413, 422, 500, 503),
    openapi_extra=JSON_LINES,
    dependencies=[Depends(refuse_bulk)],
)
def import_lines(
    request: Request,
    context: ContextDep,
    caller: KeepsRecords,
    body: Annotated[bytes, Depends(_lines)],
    *,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> ImportAnswer:
    """Take records line by line: a refused line changes nothing and stops no other."""
    rows = json_rows(registry.text_of(body).split("\n"))
    results = importing.import_rows(context, rows, caller.actor, dry_run=dry_run)
    language = language_of(request)
    return ImportAnswer(
        dry_run=dry_run,
        counts=dict(Counter(result.outcome.value for result in results)),
        lines=[line_answer(result, language) for result in results],
    )


@router.get(
    "/records/{number}",
    summary="Read a record you keep",
    responses=refusals(400, 401, 403, 404, 422, 500, 503),
)
def show(session: ReadSessionDep, caller: KeepsRecords, number: str) -> RecordAnswer:
    """A record that this registry keeps: its words, its state, its photos."""
    record = registry.own(session, caller.actor, number)
    return answer(record, queries.references_of(session, record.id))


@router.put(
    "/records/{number}",
    summary="Create or change a record",
    responses={
        201: {"model": RecordAnswer, "description": "Created."},
        **refusals(400, 401, 403, 404, 409, 413, 422, 500, 503),
    },
)
def put(
    response: Response,
    session: SessionDep,
    context: ContextDep,
    caller: KeepsRecords,
    number: str,
    body: RecordBody,
) -> RecordAnswer:
    """Create a record, or make it say this; the same again changes nothing."""
    written = registry.put(
        session, context, caller.actor, body.fields(number), body.expires_on, body.revision
    )
    response.status_code = 201 if written.created else 200
    return answer(written.record, queries.references_of(session, written.record.id))


@router.delete(
    "/records/{number}",
    status_code=204,
    summary="Erase a record for good",
    responses=refusals(400, 401, 403, 404, 409, 422, 500, 503),
)
def erase(
    session: SessionDep,
    context: ContextDep,
    caller: KeepsRecords,
    number: str,
    reason: Annotated[str, Query(description="family_asked, law, mistake or resolved", max_length=40)],
) -> None:
    """Erase a record with its photos. Its number and its photos are refused from then on."""
    registry.erase(session, context, caller.actor, number, reason)


@router.post(
    "/records/{number}/close",
    summary="Close a record",
    responses=refusals(400, 401, 403, 404, 409, 413, 422, 500, 503),
)
def close(session: SessionDep, caller: KeepsRecords, number: str, body: ReasonBody) -> RecordAnswer:
    """Close a record: it is searched no more."""
    record = registry.close(session, caller.actor, number, body.reason)
    return answer(record, queries.references_of(session, record.id))


@router.post(
    "/records/{number}/reopen",
    summary="Open a closed record again",
    responses=refusals(400, 401, 403, 404, 409, 422, 500, 503),
)
def reopen(session: SessionDep, caller: KeepsRecords, number: str) -> RecordAnswer:
    """Open a closed record again; retained photos are searched anew."""
    record = registry.reopen(session, caller.actor, number)
    return answer(record, queries.references_of(session, record.id))


@router.post(
    "/records/{number}/photos",
    status_code=201,
    summary="Add a photo",
    responses=refusals(400, 401, 403, 404, 409, 413, 415, 422, 500, 503),
)
def add_photo(
    session: SessionDep,
    context: ContextDep,
    caller: KeepsRecords,
    number: str,
    photo: Annotated[UploadFile, File(description="JPEG, PNG, WebP, HEIC or AVIF, at most 20 MiB.")],
    taken_on: Annotated[date | None, Form()] = None,
    age_years: Annotated[float | None, Form(ge=0, le=100)] = None,
) -> RecordAnswer:
    """Add one photo, dated if possible; one that the record has already changes nothing."""
    content = photo.file.read(LARGEST_PHOTO + 1)
    registry.add_photo(session, context, caller.actor, number, content, PhotoAge(taken_on, age_years))
    record = registry.own(session, caller.actor, number)
    return answer(record, queries.references_of(session, record.id))


@router.delete(
    "/records/{number}/photos/{sha256}",
    status_code=204,
    summary="Take a photo out of a record",
    responses=refusals(400, 401, 403, 404, 409, 422, 500, 503),
)
def remove_photo(
    session: SessionDep, context: ContextDep, caller: KeepsRecords, number: str, sha256: str
) -> None:
    """Take a photo out; candidates that rest on it are withdrawn."""
    registry.remove_photo(session, context, caller.actor, number, sha256)
