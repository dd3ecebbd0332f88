"""The pages that a receipt code opens: the thread, more photos, notices, taking a tip back."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.errors import Refusal
from app.core.render import LANGUAGES, language_of, page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.tips import (
    adding,
    answers,
    doors,
    due,
    fields,
    notifications,
    proof,
    receipt_card,
    receipts,
    withdrawing,
)
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS, Parts

router = APIRouter()

Typed = Annotated[str, Form()]
AddedParts = Annotated[Parts, Depends(adding.added_parts)]


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
            adding.write_message(session, link.tip_id, text)
    except Refusal as refusal:
        return _refused(request, context, token, refusal, typed=fields.typed(text))
    return to_receipt(request, context, link)


@router.post("/receipt/{token}/photos")
def add_photos(request: Request, context: ContextDep, token: str, parts: AddedParts) -> Response:
    """Add photos to the tip."""
    link = receipts.open_link(context.keys, token)
    try:
        limiting.admit(request, doors.SEND, weight=doors.weight_of(parts.photos))
        adding.add_photos(context, link.tip_id, parts)
    except Refusal as refusal:
        return _refused(request, context, token, refusal)
    return to_receipt(request, context, link)


@router.post("/receipt/{token}/notices")
def ask_for_notices(
    request: Request, context: ContextDep, token: str, email: Typed = "", subscription: Typed = ""
) -> Response:
    """Have the tipster told that something is new: by e-mail, or through this browser."""
    link = receipts.open_link(context.keys, token)
    language = language_of(request)
    try:
        with context.db.write() as session:
            if subscription:
                notifications.set_push(session, context, link.tip_id, subscription, language)
            else:
                notifications.set_email(session, context, link.tip_id, email, language)
    except Refusal as refusal:
        return _refused(request, context, token, refusal)
    return to_receipt(request, context, link)


@router.post("/receipt/{token}/notices/{notification_id}/end")
def end_notices(request: Request, context: ContextDep, token: str, notification_id: UUID) -> Response:
    """Stop telling."""
    link = receipts.open_link(context.keys, token)
    with context.db.write() as session:
        notifications.end(session, link.tip_id, notification_id)
    return to_receipt(request, context, link)


@router.get("/receipt/{token}/paper")
def paper(request: Request, context: ContextDep, token: str) -> HTMLResponse:
    """Show code and proof of submission on a sheet to print."""
    link = receipts.open_link(context.keys, token)
    with context.db.read() as session:
        shown = proof.read(proof.of_tip(session, context, link.tip_id).decode())
    return page(
        request,
        "citizen/receipt/paper.html",
        token=token,
        code=receipts.shown(link.code),
        qr=receipt_card.qr_of(context.settings, link.code),
        proof=shown,
    )


@router.get("/receipt/{token}/proof")
def download_proof(context: ContextDep, token: str) -> Response:
    """Download the proof of submission."""
    link = receipts.open_link(context.keys, token)
    with context.db.read() as session:
        made = proof.of_tip(session, context, link.tip_id)
    named = f'attachment; filename="{proof.FILE_NAME}"'
    return Response(made, media_type="application/json", headers={"Content-Disposition": named})


@router.get("/receipt/{token}/withdraw")
def ask_to_withdraw(request: Request, context: ContextDep, token: str) -> HTMLResponse:
    """Say what taking a tip back means, and ask once more."""
    return page(request, "citizen/withdraw.html", **_receipt(request, context, token))


@router.post("/receipt/{token}/withdraw")
def withdraw(request: Request, context: ContextDep, token: str) -> Response:
    """Take the tip back."""
    link = receipts.open_link(context.keys, token)
    with context.db.write() as session:
        withdrawing.withdraw(session, link.tip_id)
    return to_receipt(request, context, link)


def _receipt(request: Request, context: Context, token: str) -> dict[str, Any]:
    link = receipts.open_link(context.keys, token)
    language = language_of(request)
    with context.db.read() as session:
        answer = answers.of_tip(session, link.tip_id, language)
        offer = notifications.offer(session, context, link.tip_id)
        expected = due.of_tip(session, link.tip_id, context.settings)
    return {
        "token": token,
        "code": receipts.shown(link.code),
        "qr": receipt_card.qr_of(context.settings, link.code) if link.fresh else "",
        "fresh": link.fresh,
        "answer": answer,
        "due": expected,
        "moment": now(),
        "offer": offer,
        "longest": fields.LONGEST,
        "submission": receipt_card.form_key(token),
        "most_photos": MOST_PHOTOS,
        "most_in_all": adding.MOST_PHOTOS_IN_ALL,
        "largest_photo": LARGEST_PHOTO,
    }


def _refused(
    request: Request, context: Context, token: str, refusal: Refusal, typed: str = ""
) -> HTMLResponse:
    values = _receipt(request, context, token)
    return refused_form(request, "citizen/receipt.html", refusal, typed=typed, **values)


def to_receipt(request: Request, context: Context, link: receipts.ReceiptLink) -> RedirectResponse:
    """Go to the receipt page under a new address, good for another half hour."""
    wish = request.query_params.get("lang")
    language = f"?lang={wish}" if wish in LANGUAGES else ""
    return RedirectResponse(receipts.make_link(context.keys, link) + language, status_code=303)
