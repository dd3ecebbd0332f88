"""The pages that a receipt code opens: the thread, more photos, notices, taking a tip back."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.context import Context, ContextDep
from app.core.errors import Refusal
from app.core.render import LANGUAGES, language_of, page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.tips import answers, fields, receipts, service

router = APIRouter()

Typed = Annotated[str, Form()]


@router.get("/receipt")
def ask_for_code(request: Request, *, ended: bool = False) -> HTMLResponse:
    """Ask for a receipt code."""
    limiting.ask(request, receipts.LOOK_UP)
    return page(request, "citizen/receipt_code.html", errors={}, ended=ended)


@router.post("/receipt")
def look_up(request: Request, context: ContextDep, code: Typed = "", work: Typed = "") -> Response:
    """Find a tip by its code and go to its page."""
    try:
        link = receipts.find(context, code, lambda: limiting.admit(request, receipts.LOOK_UP, work))
    except Refusal as refusal:
        return refused_form(request, "citizen/receipt_code.html", refusal, ended=False)
    return to_receipt(request, context, link)


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
    return to_receipt(request, context, link)


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
    return to_receipt(request, context, link)


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


def to_receipt(request: Request, context: Context, link: receipts.ReceiptLink) -> RedirectResponse:
    """Go to the receipt page under a new address, good for another half hour."""
    wish = request.query_params.get("lang")
    language = f"?lang={wish}" if wish in LANGUAGES else ""
    return RedirectResponse(receipts.make_link(context.keys, link) + language, status_code=303)
