"""Many tips in one request."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from app.core.context import ContextDep
from app.core.errors import Refusal
from app.core.pressure import refuse_bulk
from app.core.render import language_of, translate
from app.partners import batch
from app.partners.access import SendsTips, documented_scheme, room_for
from app.partners.documents import BATCH_BODY, BatchItem, refusals
from app.tips import receipts
from app.tips.answers import Status

router = APIRouter(tags=["tips"])


async def _batch(request: Request, caller: SendsTips) -> batch.Batch:
    """The body, read only for a request with a valid key."""
    del caller
    return await batch.read(request)


@router.post(
    "/tips/batch",
    status_code=207,
    summary="Send up to 50 tips",
    responses=refusals(400, 401, 403, 413, 415, 422, 429, 500, 503),
    openapi_extra={"requestBody": BATCH_BODY},
    dependencies=[Depends(documented_scheme), Depends(refuse_bulk)],
)
def send_tips(
    request: Request,
    response: Response,
    context: ContextDep,
    caller: SendsTips,
    sent: Annotated[batch.Batch, Depends(_batch)],
) -> list[BatchItem]:
    """Take many tips; each is durable, or refused, for itself, in the order they were sent.

    Send the same batch again after a lost connection: each item's own key makes one tip of it.
    """
    room_for(context, caller, response, len(sent.items))
    language = language_of(request)
    results = batch.accept(context, caller, sent, language)
    request.state.accepted = sum(not isinstance(result, Refusal) and result.is_new for result in results)
    return [_item(number, result, language) for number, result in enumerate(results)]


def _item(number: int, result: Any, language: str) -> BatchItem:
    if isinstance(result, Refusal):
        detail = translate(language, result.message, **result.values)
        return BatchItem(
            item=number, status_code=result.status, code=result.code, field=result.field, detail=detail
        )
    return BatchItem(
        item=number,
        status_code=201,
        id=result.tip_id,
        receipt=receipts.shown(result.code),
        status=Status.RECEIVED,
        received_at=result.received_at,
    )
