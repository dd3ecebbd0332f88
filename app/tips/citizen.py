"""The citizens' pages: the tip form, and what a receipt code opens."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.audit.service import TIPSTER
from app.core.context import Context, ContextDep
from app.core.errors import Refusal
from app.core.render import LANGUAGES, language_of, page
from app.core.web.forms import refused_form
from app.tips import answers, fields, intake, receipts, service
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS, Parts

router = APIRouter()

FormParts = Annotated[Parts, Depends(intake.web_parts)]
Typed = Annotated[str, Form()]


@router.get("/")
@router.get("/tip")
def tip_form(request: Request) -> HTMLResponse:
    """Show the tip form."""
    return page(request, "citizen/tip.html", errors={}, typed={}, **_form())


@router.post("/tip")
def send(request: Request, context: ContextDep, parts: FormParts) -> Response:
    """Take a tip; a refused form comes back with what was typed."""
    try:
        new = intake.web_tip(parts, language_of(request), context.settings.zone)
        accepted = service.accept(context, service.web_channel(context), new, TIPSTER)
    except Refusal as refusal:
        kept = intake.typed(parts, context.settings.zone)
        return refused_form(request, "citizen/tip.html", refusal, typed=kept, **_form())
    return _to_receipt(request, context, receipts.ReceiptLink(accepted.tip_id, accepted.code, fresh=True))


@router.get("/receipt")
def ask_for_code(request: Request, *, ended: bool = False) -> HTMLResponse:
    """Ask for a receipt code."""
    return page(request, "citizen/receipt_code.html", errors={}, ended=ended)


@router.post("/receipt")
def look_up(request: Request, context: ContextDep, code: Typed = "") -> Response:
    """Find a tip by its code and go to its page."""
    try:
        link = receipts.find(context, code)
    except Refusal as refusal:
        return refused_form(request, "citizen/receipt_code.html", refusal, ended=False)
    return _to_receipt(request, context, link)


@router.get("/receipt/{token}")
def receipt(request: Request, context: ContextDep, token: str) -> HTMLResponse:
    """Show where a tip stands, and its thread."""
    return page(request, "citizen/receipt.html", errors={}, typed="", **_receipt(request, context, token))


@router.post("/receipt/{token}/messages")
def write(request: Request, context: ContextDep, token: str, text: Typed = "") -> Response:
    """Add a message to the thread."""
    link = receipts.open_link(context.keys, token)
    try:
        with context.db.write() as session:
            service.write_message(session, link.tip_id, text)
    except Refusal as refusal:
        values = _receipt(request, context, token)
        return refused_form(request, "citizen/receipt.html", refusal, typed=fields.typed(text), **values)
    return _to_receipt(request, context, link)


@router.get("/receipt/{token}/withdraw")
def ask_to_withdraw(request: Request, context: ContextDep, token: str) -> HTMLResponse:
    """Say what taking a tip back means, and ask once more."""
    return page(request, "citizen/withdraw.html", **_receipt(request, context, token))


@router.post("/receipt/{token}/withdraw")
def withdraw(request: Request, context: ContextDep, token: str) -> Response:
    """Take the tip back."""
    link = receipts.open_link(context.keys, token)
    with context.db.write() as session:
        service.withdraw(session, link.tip_id)
    return _to_receipt(request, context, link)


def _form() -> dict[str, Any]:
    """What the form always shows; its own key makes one tip of a form that is sent twice."""
    return {
        "submission": secrets.token_urlsafe(18),
        "longest": fields.LONGEST,
        "most_photos": MOST_PHOTOS,
        "largest_photo": LARGEST_PHOTO,
    }


def _receipt(request: Request, context: Context, token: str) -> dict[str, Any]:
    link = receipts.open_link(context.keys, token)
    with context.db.read() as session:
        answer = answers.of_tip(session, link.tip_id, language_of(request))
    return {
        "token": token,
        "code": receipts.shown(link.code),
        "fresh": link.fresh,
        "answer": answer,
        "longest": fields.LONGEST,
    }


def _to_receipt(request: Request, context: Context, link: receipts.ReceiptLink) -> RedirectResponse:
    """Go to the receipt page under a new address, good for another half hour."""
    wish = request.query_params.get("lang")
    language = f"?lang={wish}" if wish in LANGUAGES else ""
    return RedirectResponse(receipts.make_link(context.keys, link) + language, status_code=303)
