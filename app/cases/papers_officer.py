"""A case's papers: tasking sheet, case file, attachments."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from app.cases import attachments, case_file, paper, tasking_sheet
from app.cases.approved import Sealed
from app.cases.steps import Typed, refused, step
from app.core.clock import now
from app.core.context import ContextDep
from app.core.errors import Invalid, NotFound, Refusal, message
from app.core.render import language_of
from app.officers.sessions import FRESH, InvestigatorDep
from app.tips.parts import read_file

router = APIRouter()

DOWNLOAD = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/cases/{case_id}/tasking-sheet.pdf")
def print_tasking_sheet(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, task: UUID | None = None
) -> Response:
    """Print the tasking sheet in the reader's language, of all tasks or of one."""
    wish = language_of(request)
    language = wish if wish in paper.LANGUAGES else "en"
    with context.db.write() as session:
        sheet = tasking_sheet.prepare(session, officer, case_id, language, task)
    made = tasking_sheet.draw(sheet, context.store, language, context.settings.zone)
    # Browsers show no sandboxed PDF; their viewer needs styles.
    shown = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    name = f"{sheet.shown.case.number}-{language}.pdf"
    return Response(made, media_type="application/pdf", headers=DOWNLOAD | shown | _named(name, "inline"))


@router.post("/cases/{case_id}/case-file", dependencies=FRESH)
def export(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, purpose: Typed = ""
) -> Response:
    """Take the case file out, for a written purpose."""
    try:
        with context.db.write() as session:
            made = case_file.prepare(session, context, officer, case_id, purpose)
    except Invalid as refusal:
        return refused(request, context, officer, case_id, refusal, purpose=purpose)
    return StreamingResponse(
        case_file.stream(made, context.store),
        media_type="application/zip",
        headers=DOWNLOAD | _named(f"{made.number}.zip"),
    )


async def _sent(request: Request, _: InvestigatorDep) -> tuple[str, bytes]:
    """The file of the form, for officers who may attach one."""
    return await read_file(request, attachments.FIELD)


@router.post("/cases/{case_id}/attachments")
def attach(
    request: Request,
    context: ContextDep,
    officer: InvestigatorDep,
    case_id: UUID,
    sent: Annotated[tuple[str, bytes], Depends(_sent)],
) -> Response:
    """Put a file into the case."""
    try:
        attachments.keep(context, officer, case_id, *sent)
    except NotFound:
        raise
    except Refusal as refusal:
        return refused(request, context, officer, case_id, refusal)
    return RedirectResponse(f"/console/cases/{case_id}#papers", status_code=303)


@router.get("/cases/{case_id}/attachments/{attachment_id}")
def download(context: ContextDep, officer: InvestigatorDep, case_id: UUID, attachment_id: UUID) -> Response:
    """Send an attachment, to be saved and never shown by the browser."""
    with context.db.write() as session:
        row = attachments.opened(session, officer, case_id, attachment_id)
    data = Sealed(row.store_key, row.sealed_key).data(context.store)
    if data is None:
        raise NotFound(message("The file is gone."))
    name, made = attachments.handed_out(row, data, officer, now(), context.settings.zone)
    return Response(made, media_type="application/octet-stream", headers=DOWNLOAD | _named(name))


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


@router.post("/cases/{case_id}/attachments/{attachment_id}/restore")
def put_back(
    request: Request, context: ContextDep, officer: InvestigatorDep, case_id: UUID, attachment_id: UUID
) -> Response:
    """Put an attachment back that was taken out."""
    return step(
        request,
        context,
        officer,
        case_id,
        lambda session: attachments.put_back(session, officer, case_id, attachment_id),
    )


def _named(name: str, way: str = "attachment") -> dict[str, str]:
    return {"Content-Disposition": f"{way}; filename*=UTF-8''{quote(name, safe='')}"}
