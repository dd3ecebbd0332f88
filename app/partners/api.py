"""Partner API v1: send a tip, read what became of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import AwareDatetime

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.render import language_of
from app.partners import queries, service, signatures
from app.partners.access import ReadsTips, SendsTips, documented_scheme, room_for
from app.partners.documents import TIP_BODY, TipAnswer, TipPage, TipReceived, refusals, tip_answer
from app.tips import answers, intake, receipts, withdrawing
from app.tips import service as tips
from app.tips.answers import Status
from app.tips.parts import Parts

router = APIRouter(tags=["tips"])


async def _parts(request: Request, caller: SendsTips) -> Parts:
    """The body, read only for a request with a valid key."""
    del caller
    return await intake.partner_parts(request)


@router.post(
    "/tips",
    status_code=201,
    summary="Send a tip",
    responses={
        201: {
            "description": "The tip is durable.",
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "Where to read its status."}
            },
        },
        **refusals(400, 401, 403, 413, 415, 422, 429, 500, 503),
    },
    openapi_extra={"requestBody": TIP_BODY},
    dependencies=[Depends(documented_scheme)],
)
def send_tip(
    request: Request,
    response: Response,
    context: ContextDep,
    caller: SendsTips,
    parts: Annotated[Parts, Depends(_parts)],
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Your own name for this request, 8 to 200 characters. Repeated with the same body, "
            "it gives the same answer and makes no second tip; with another body, 422. Needed where requests "
            "are signed.",
            examples=["0b8d1f0e-7f5a-4f3e-9d0e-5a0c6f1b2d3c"],
            json_schema_extra={"minLength": 8, "maxLength": 200},
        ),
    ] = None,
) -> TipReceived:
    """Take a tip. 201 says that photos and rows are on disk.

    The answer never depends on what a picture shows; one that was sent before makes a new tip.
    """
    room_for(context, caller, response)
    signatures.check_repeatable(idempotency_key, signs=caller.signs)
    new = intake.partner_tip(parts, idempotency_key, language_of(request))
    try:
        accepted = tips.accept(context, caller.channel_id, new, caller.actor)
    except tips.KeyReused as refusal:
        refusal.status = 422
        raise
    request.state.accepted = int(accepted.is_new)
    response.headers["Location"] = f"/api/v1/tips/{accepted.tip_id}"
    return TipReceived(
        id=accepted.tip_id,
        receipt=receipts.shown(accepted.code),
        status=Status.RECEIVED,
        received_at=accepted.received_at,
    )


@router.get(
    "/tips",
    summary="List the tips of this channel",
    responses=refusals(401, 403, 422, 500, 503),
    dependencies=[Depends(documented_scheme)],
)
def list_tips(
    request: Request,
    response: Response,
    session: ReadSessionDep,
    caller: ReadsTips,
    cursor: Annotated[str | None, Query(max_length=200, description="From the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    status: Annotated[Status | None, Query()] = None,
    external_id: Annotated[str | None, Query(max_length=200)] = None,
    received_from: Annotated[AwareDatetime | None, Query(description="With its offset.")] = None,
    received_until: Annotated[AwareDatetime | None, Query(description="With its offset.")] = None,
) -> TipPage:
    """Read the tips that this channel sent, newest first; new ones do not shift the pages after."""
    wanted = queries.Wanted(status, external_id, received_from, received_until)
    found, following = queries.page_of_tips(session, caller.channel_id, wanted, cursor, limit)
    if following is not None:
        after = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{after.path}?{after.query}>; rel="next"'
    language = language_of(request)
    shown = [tip_answer(answers.answer_to(session, tip, language)) for tip in found]
    return TipPage(tips=shown, next_cursor=following)


@router.post(
    "/tips/{tip_id}/withdraw",
    summary="Take a tip back",
    responses=refusals(401, 403, 404, 409, 500, 503),
    dependencies=[Depends(documented_scheme)],
)
def withdraw_tip(request: Request, session: SessionDep, caller: SendsTips, tip_id: UUID) -> TipAnswer:
    """Take back a tip that this channel sent; what may be needed as evidence is kept. Repeated, it is one."""
    tip = service.own_tip(session, caller.channel_id, tip_id)
    withdrawing.withdraw(session, tip.id)
    return tip_answer(answers.answer_to(session, tip, language_of(request)))


@router.get(
    "/tips/{tip_id}",
    summary="Read where a tip stands",
    responses=refusals(401, 403, 404, 500, 503),
    dependencies=[Depends(documented_scheme)],
)
def read_tip(request: Request, session: ReadSessionDep, caller: ReadsTips, tip_id: UUID) -> TipAnswer:
    """Read the status and answers of a tip that this key's channel sent."""
    tip = service.own_tip(session, caller.channel_id, tip_id)
    return tip_answer(answers.answer_to(session, tip, language_of(request)))
