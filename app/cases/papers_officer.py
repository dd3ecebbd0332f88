"""A case's papers: tasking sheet, case file, attachments."""

from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.responses import Response

from app.cases import attachments, case_file, queries, tasking_sheet
from app.cases.steps import Typed, refused, step
from app.core.context import ContextDep
from app.core.db import SessionDep
from app.core.errors import Invalid, Refusal
from app.core.render import language_of
from app.officers.sessions import InvestigatorDep

router = APIRouter()

DOWNLOAD = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/cases/{case_id}/tasking-sheet.pdf")
def print_tasking_sheet(
    request: Request,
    session: SessionDep,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    sheet: Literal["zh", "en"] | None = None,
) -> Response:
    """Print the tasking sheet in the reader's language, or in the one asked for."""
    made = tasking_sheet.make(session, context, officer, case_id, sheet or language_of(request))
    number = queries.get_visible(session, officer, case_id).number
    return _download(made, "application/pdf", f"{number}.pdf", inline=True)


@router.post("/cases/{case_id}/case-file")
def export(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, purpose: Typed = ""
) -> Response:
    """Take the case file out, for a written purpose."""
    try:
        with context.db.write() as session:
            made = case_file.make(session, context, officer, case_id, purpose)
            number = queries.get_visible(session, officer, case_id).number
    except Invalid as refusal:
        return refused(request, context, officer, case_id, refusal, purpose=purpose)
    return _download(made, "application/zip", f"{number}.zip")


@router.post("/cases/{case_id}/attachments")
def attach(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    attachment: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Put a file into the case."""
    with context.db.read() as session:
        queries.get_visible(session, officer, case_id)
    data = attachment.file.read(attachments.LARGEST + 1) if attachment else b""
    try:
        kind = attachments.media_type(data)
    except Refusal as refusal:
        refusal.field = "attachment"
        return refused(request, context, officer, case_id, refusal)
    name = (attachment.filename if attachment else None) or ""
    file = context.store.put(data)
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: attachments.attach(session, officer, case_id, name, kind, file),
    )


@router.get("/cases/{case_id}/attachments/{attachment_id}")
def download(
    session: SessionDep, context: ContextDep, officer: InvestigatorDep, case_id: UUID, attachment_id: UUID
) -> Response:
    """Send an attachment, to be saved and never shown by the browser."""
    row, data = attachments.opened(session, context.store, officer, case_id, attachment_id)
    return _download(data, "application/octet-stream", row.name)


@router.post("/cases/{case_id}/attachments/{attachment_id}/remove")
def take_out(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, attachment_id: UUID
) -> Response:
    """Take an attachment out of the case."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: attachments.take_out(session, officer, case_id, attachment_id),
    )


def _download(data: bytes, kind: str, name: str, *, inline: bool = False) -> Response:
    way = "inline" if inline else "attachment"
    headers = DOWNLOAD | {"Content-Disposition": f"{way}; filename*=UTF-8''{quote(name, safe='')}"}
    if inline:  # Browsers show no sandboxed PDF.
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return Response(data, media_type=kind, headers=headers)
