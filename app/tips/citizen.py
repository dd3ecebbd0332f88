"""The tip form."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app.audit.service import TIPSTER
from app.core.clock import now
from app.core.context import Context, ContextDep
from app.core.errors import Refusal
from app.core.render import language_of, page
from app.core.web import limiting
from app.core.web.forms import refused_form
from app.core.web.problems import problem
from app.tips import doors, fields, flags, intake, receipts, service
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS, Parts
from app.tips.receipt_citizen import to_receipt

router = APIRouter()

FormParts = Annotated[Parts, Depends(intake.web_parts)]


@router.get("/")
@router.get("/tip")
def tip_form(request: Request, context: ContextDep) -> HTMLResponse:
    """Show the tip form."""
    limiting.ask(request, doors.SEND)
    return page(request, "citizen/tip.html", errors={}, typed={}, **_form(context))


@router.post("/tip")
def send(request: Request, context: ContextDep, parts: FormParts) -> Response:
    """Take a tip; a refused form comes back with what was typed, and a script is told as data."""
    by_script = "application/json" in request.headers.get("accept", "")
    try:
        new = intake.web_tip(parts, language_of(request), context.settings.zone)
        limiting.admit(request, doors.SEND, parts.texts.get("work", ""), doors.weight_of(parts.photos))
        accepted = service.accept(context, service.web_channel(context), new, TIPSTER)
    except Refusal as refusal:
        if by_script:
            return _told(request, refusal)
        kept = intake.typed(parts, context.settings.zone)
        return refused_form(request, "citizen/tip.html", refusal, typed=kept, **_form(context))
    answer = to_receipt(request, context, receipts.ReceiptLink(accepted.tip_id, accepted.code, fresh=True))
    if by_script:
        body = {"receipt": receipts.shown(accepted.code), "link": answer.headers["location"]}
        return JSONResponse(body, status_code=201)
    return answer


def _told(request: Request, refusal: Refusal) -> Response:
    answer = problem(request, refusal.status, refusal.code, refusal.message, refusal.field, **refusal.values)
    answer.headers.update(refusal.headers)
    return answer


def _form(context: Context) -> dict[str, Any]:
    """What the form always shows; its own key makes one tip of a form that is sent twice."""
    return {
        "submission": flags.form_key(),
        "trap": flags.TRAP,
        "longest": fields.LONGEST,
        "most_photos": MOST_PHOTOS,
        "largest_photo": LARGEST_PHOTO,
        "hour_ago": _hour_ago(now().astimezone(context.settings.zone)),
    }


def _hour_ago(here: datetime) -> str:
    """What "earlier today" is taken for until its time is changed."""
    earlier = here - timedelta(hours=1)
    return f"{earlier:%H:%M}" if earlier.date() == here.date() else "00:00"
