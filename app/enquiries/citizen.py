"""The public page that says whether a picture has been checked."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.context import ContextDep
from app.core.errors import Refusal
from app.core.render import LANGUAGES, page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.enquiries import service
from app.tips.parts import LARGEST_PHOTO, Parts

router = APIRouter()

FormParts = Annotated[Parts, Depends(service.read_form)]

PAGE_STEP = 8192
"""Answers are filled up to a multiple of so many bytes, so that their size tells nothing."""


@router.get("/checked")
def form(request: Request, context: ContextDep, *, ended: bool = False) -> HTMLResponse:
    """Explain what may be asked, and ask for the picture."""
    limiting.ask(request, service.ASK)
    return page(request, "citizen/enquiry_form.html", errors={}, ended=ended, **_values(context))


@router.post("/checked")
def ask(request: Request, context: ContextDep, parts: FormParts) -> Response:
    """Take a picture to be compared, and go to where the answer will be."""
    try:
        picture = service.picture_of(parts)
        limiting.admit(request, service.ASK, parts.texts.get(service.WORK, ""))
        enquiry_id = service.ask(context, picture)
    except Refusal as refusal:
        limiting.ask(request, service.ASK)
        return refused_form(request, "citizen/enquiry_form.html", refusal, ended=False, **_values(context))
    wish = request.query_params.get("lang")
    language = f"?lang={wish}" if wish in LANGUAGES else ""
    return RedirectResponse(service.make_link(context.keys, enquiry_id) + language, status_code=303)


@router.get("/checked/{token}")
def answer(request: Request, context: ContextDep, token: str) -> HTMLResponse:
    """Show the answer, or a page that asks again by itself until it is there."""
    enquiry_id = service.open_link(context.keys, token)
    with context.db.read() as session:
        found = service.read(session, enquiry_id, context.settings.enquiry_seconds)
    response = page(request, "citizen/enquiry.html", answer=found)
    if found.finding is None:
        response.headers["Refresh"] = str(found.wait_s)
    return _filled(response)


def _values(context: ContextDep) -> dict[str, int]:
    return {"largest_photo": LARGEST_PHOTO, "wait_s": round(context.settings.enquiry_seconds)}


def _filled(response: HTMLResponse) -> HTMLResponse:
    """The same page, filled up with a comment that does not compress well."""
    body = bytes(response.body)
    room = -(len(body) + len("<!---->")) % PAGE_STEP
    response.body = body + f"<!--{secrets.token_hex(room)[:room]}-->".encode()
    response.headers["Content-Length"] = str(len(response.body))
    return response
