"""Files that arrive in pieces: the tus protocol."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.partners import pieces, tus, uploads
from app.partners.access import SendsTips, documented_scheme
from app.partners.package_documents import PIECE_BODY, tus_answers


def _spoken(
    tus_resumable: Annotated[str | None, Header(description="1.0.0", examples=["1.0.0"])] = None,
) -> None:
    tus.check_version(tus_resumable)


router = APIRouter(tags=["uploads"], route_class=tus.TusRoute, dependencies=[Depends(documented_scheme)])
SPOKEN = [Depends(_spoken)]
Offset = Annotated[str | None, Header(description="Bytes before the first one sent.", examples=["0"])]


@router.options(
    "/uploads",
    status_code=204,
    summary="Ask what the upload protocol offers",
    responses=tus_answers(204, "What is spoken here.", ["Tus-Version", "Tus-Extension", "Tus-Max-Size"]),
)
def read_offers(caller: SendsTips) -> Response:
    """Creation, expiration and termination of tus 1.0.0; files of at most 20 MiB."""
    del caller
    return Response(status_code=204, headers=tus.OPTIONS_HEADERS)


@router.post(
    "/uploads",
    status_code=201,
    summary="Begin an upload",
    response_class=Response,
    responses=tus_answers(201, "Send the pieces there.", ["Location", "Upload-Expires"], 404, 409, 413, 422),
    dependencies=SPOKEN,
)
def begin_upload(
    session: SessionDep,
    caller: SendsTips,
    upload_length: Annotated[
        str | None, Header(description="Bytes of the file.", examples=["2411724"])
    ] = None,
    upload_metadata: Annotated[
        str | None,
        Header(
            description="`package`, a space, the package's id in base64. Other pairs are not kept.",
            examples=["package MDE5MzFiN2UtNWM3ZS03YzFhLTlmNDItM2YyYzFkMGI5YTEw"],
        ),
    ] = None,
) -> Response:
    """Announce a file of a package; a channel has at most 24 unfinished ones."""
    length, package_id = tus.count(upload_length, "Upload-Length"), tus.package_in(upload_metadata)
    upload = uploads.create(session, caller.channel_id, package_id, length)
    headers = tus.state_headers(upload) | {"Location": f"/api/v1/uploads/{upload.id}"}
    return Response(status_code=201, headers=headers)


@router.head(
    "/uploads/{upload_id}",
    summary="Ask where an upload goes on",
    response_class=Response,
    responses=tus_answers(
        200, "Where it goes on.", ["Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-Metadata"], 404
    ),
    dependencies=SPOKEN,
)
def read_upload(session: ReadSessionDep, caller: SendsTips, upload_id: UUID) -> Response:
    """Bytes that are on disk; the next piece begins there."""
    return Response(headers=tus.head_headers(uploads.own_upload(session, caller.channel_id, upload_id)))


@router.patch(
    "/uploads/{upload_id}",
    status_code=204,
    summary="Send a piece",
    responses=tus_answers(
        204, "The bytes are on disk, sealed.", ["Upload-Offset", "Upload-Expires"], 404, 409, 413, 415, 422
    ),
    openapi_extra={"requestBody": PIECE_BODY},
    dependencies=SPOKEN,
)
async def add_piece(
    request: Request,
    context: ContextDep,
    caller: SendsTips,
    upload_id: UUID,
    upload_offset: Offset = None,
) -> Response:
    """Add bytes at the upload's offset. After a cut connection ask with HEAD where to go on."""
    tus.check_piece(request.headers.get("content-type"))
    start = tus.count(upload_offset, "Upload-Offset")
    told = request.headers.get("content-length")
    announced = None if told is None else tus.count(told, "Content-Length")
    upload = await pieces.receive(context, caller.channel_id, upload_id, start, announced, request.stream())
    return Response(status_code=204, headers=tus.state_headers(upload))


@router.delete(
    "/uploads/{upload_id}",
    status_code=204,
    summary="Remove an upload",
    responses=tus_answers(204, "It is erased.", [], 404, 409),
    dependencies=SPOKEN,
)
def remove_upload(context: ContextDep, caller: SendsTips, upload_id: UUID) -> Response:
    """Erase a file of an open package, whole or not."""
    uploads.remove(context, caller.channel_id, upload_id)
    return Response(status_code=204)


@router.post("/uploads/{upload_id}", include_in_schema=False, dependencies=SPOKEN)
async def act_instead(
    request: Request,
    context: ContextDep,
    caller: SendsTips,
    upload_id: UUID,
    x_http_method_override: Annotated[str, Header()] = "",
    upload_offset: Offset = None,
) -> Response:
    """PATCH and DELETE for clients whose network knows neither."""
    if x_http_method_override == "PATCH":
        return await add_piece(request, context, caller, upload_id, upload_offset)
    if x_http_method_override == "DELETE":
        return await run_in_threadpool(remove_upload, context, caller, upload_id)
    raise HTTPException(405)
