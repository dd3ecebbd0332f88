"""The tip form."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app.audit.service import TIPSTER
from app.core.context import ContextDep
from app.core.errors import Refusal
from app.core.render import language_of, page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.tips import doors, fields, intake, receipts, service
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS, Parts
from app.tips.receipt_citizen import to_receipt

router = APIRouter()

FormParts = Annotated[Parts, Depends(intake.web_parts)]


@router.get("/")
@router.get("/tip")
def tip_form(request: Request) -> HTMLResponse:
    """Show the tip form."""
    limiting.ask(request, doors.SEND)
    return page(request, "citizen/tip.html", errors={}, typed={}, **_form())


@router.post("/tip")
def send(request: Request, context: ContextDep, parts: FormParts) -> Response:
    """Take a tip; a refused form comes back with what was typed."""
    try:
        new = intake.web_tip(parts, language_of(request), context.settings.zone)
        limiting.admit(request, doors.SEND, parts.texts.get("work", ""), doors.weight_of(parts.photos))
        accepted = service.accept(context, service.web_channel(context), new, TIPSTER)
    except Refusal as refusal:
        kept = intake.typed(parts, context.settings.zone)
        return refused_form(request, "citizen/tip.html", refusal, typed=kept, **_form())
    return to_receipt(request, context, receipts.ReceiptLink(accepted.tip_id, accepted.code, fresh=True))


def _form() -> dict[str, Any]:
    """What the form always shows; its own key makes one tip of a form that is sent twice."""
    return {
        "submission": secrets.token_urlsafe(18),
        "longest": fields.LONGEST,
        "most_photos": MOST_PHOTOS,
        "largest_photo": LARGEST_PHOTO,
    }
