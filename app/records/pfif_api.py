"""Records as PFIF 1.4: import and export for registries."""

from collections import Counter
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.context import ContextDep
from app.core.db import SessionDep
from app.core.pressure import refuse_bulk
from app.core.render import language_of
from app.partners.access import KeepsRecords, documented_scheme
from app.records import importing, pfif, registry
from app.records.documents import ImportAnswer, line_answer, refusals

router = APIRouter(tags=["records"], dependencies=[Depends(documented_scheme)])

XML = "application/pfif+xml"


async def _document(request: Request, caller: KeepsRecords) -> bytes:
    """The body, read only for a request with a valid key."""
    del caller
    return await request.body()


@router.get(
    "/pfif/records",
    summary="Export the records you keep as PFIF 1.4",
    response_class=Response,
    responses={
        200: {"description": "A PFIF document.", "content": {XML: {"schema": {"type": "string"}}}},
        **refusals(400, 401, 403, 422, 500, 503),
    },
)
def export(
    request: Request,
    session: SessionDep,
    context: ContextDep,
    caller: KeepsRecords,
    cursor: Annotated[str, Query(max_length=60, description="`Homeward-Next` of the page before.")] = "",
    *,
    photos: Annotated[bool, Query(description="Whether photos go along as data: addresses.")] = False,
) -> Response:
    """A page of this registry's records; an expired one is a placeholder. The export is in the audit log."""
    entries, after = registry.exported(session, context, caller.actor, cursor, photos=photos)
    domain = urlsplit(context.settings.public_url).hostname or request.url.hostname or "homeward"
    source = context.settings.operator_name
    body = pfif.written(entries, domain, source, registry.today(context))
    return Response(body, media_type=XML, headers={"Homeward-Next": registry.quoted(after)} if after else {})


@router.post(
    "/pfif/records",
    summary="Import records from PFIF 1.4",
    responses=refusals(400, 401, 403, 413, 422, 500, 503),
    openapi_extra={"requestBody": {"required": True, "content": {XML: {"schema": {"type": "string"}}}}},
    dependencies=[Depends(refuse_bulk)],
)
def import_document(
    request: Request,
    context: ContextDep,
    caller: KeepsRecords,
    body: Annotated[bytes, Depends(_document)],
    jurisdiction_code: Annotated[
        str, Query(max_length=40, description="Area of these records; PFIF names none. Default: yours.")
    ] = "",
    *,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> ImportAnswer:
    """Take a document's persons one by one; a refused one changes nothing and stops no other."""
    rows = pfif.rows(body, jurisdiction_code or caller.jurisdiction_code or "")
    results = importing.import_rows(context, rows, caller.actor, dry_run=dry_run)
    language = language_of(request)
    return ImportAnswer(
        dry_run=dry_run,
        counts=dict(Counter(result.outcome.value for result in results)),
        lines=[line_answer(result, language) for result in results],
    )
