"""Tips in steps: open a package, add files, finish or retract it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.core.context import ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.render import language_of
from app.partners import bodies, packages, uploads
from app.partners.access import SendsTips, documented_scheme, room_for
from app.partners.documents import TipReceived, refusals
from app.partners.package_documents import (
    FILE_BODY,
    PACKAGE_BODY,
    PLACE_BODY,
    FileKept,
    FilePlace,
    PackageAnswer,
    PackageFields,
    PackageFile,
    PackageOpened,
)
from app.tips import parts, receipts
from app.tips.answers import Status

router = APIRouter(tags=["packages"], dependencies=[Depends(documented_scheme)])


async def _file(request: Request, caller: SendsTips) -> bytes:
    """The body, read only for a request with a valid key."""
    del caller
    return (await parts.read_file(request, "file"))[1]


async def _fields(request: Request, caller: SendsTips) -> PackageFields:
    """The body, read only for a request with a valid key, and no further than fields reach."""
    del caller
    return await bodies.read_json(request.stream(), PackageFields)


async def _place(request: Request, caller: SendsTips) -> FilePlace:
    del caller
    return await bodies.read_json(request.stream(), FilePlace)


@router.post(
    "/packages",
    status_code=201,
    summary="Open a package",
    responses=refusals(400, 401, 403, 409, 413, 422, 500, 503),
    openapi_extra={"requestBody": PACKAGE_BODY},
)
def open_package(
    request: Request,
    context: ContextDep,
    session: SessionDep,
    caller: SendsTips,
    wanted: Annotated[PackageFields, Depends(_fields)],
) -> PackageOpened:
    """Begin a tip that is sent in steps. It counts when it is finished; until then nobody looks at it."""
    package = packages.open_new(session, context, caller, wanted.texts(), language_of(request))
    return PackageOpened(id=package.id, expires_at=package.expires_at)


@router.get("/packages/{package_id}", summary="Read a package", responses=refusals(401, 403, 404, 500, 503))
def read_package(session: ReadSessionDep, caller: SendsTips, package_id: UUID) -> PackageAnswer:
    """Its state, its files, and what is missing before it can be finished."""
    package = uploads.own_package(session, caller.channel_id, package_id)
    files = uploads.files_of(session, package_id)
    return PackageAnswer.of(package, files, packages.missing_of(package, files))


@router.post(
    "/packages/{package_id}/files",
    status_code=201,
    summary="Add a file at once",
    responses=refusals(400, 401, 403, 404, 409, 413, 415, 422, 500, 503),
    openapi_extra={"requestBody": FILE_BODY},
)
def add_file(
    context: ContextDep, caller: SendsTips, package_id: UUID, data: Annotated[bytes, Depends(_file)]
) -> FileKept:
    """Add one photo. Large ones over bad lines go in pieces, see `/uploads`. Remove it there by its id."""
    kept = uploads.keep_file(context, caller.channel_id, package_id, data)
    return FileKept(id=kept.id, sha256=kept.sha256 or "", bytes=kept.length)


@router.put(
    "/packages/{package_id}/files/{file_id}",
    summary="Place and mark a file",
    responses=refusals(400, 401, 403, 404, 409, 413, 422, 500, 503),
    openapi_extra={"requestBody": PLACE_BODY},
)
def place_file(
    session: SessionDep,
    caller: SendsTips,
    package_id: UUID,
    file_id: UUID,
    wanted: Annotated[FilePlace, Depends(_place)],
) -> PackageFile:
    """Say where the file stands among the photos and where in it the child is; what is left out is unset."""
    return PackageFile.of(
        uploads.place(session, caller.channel_id, package_id, file_id, wanted.order, wanted.mark)
    )


@router.post(
    "/packages/{package_id}/finish",
    status_code=201,
    summary="Make the tip",
    responses=refusals(401, 403, 404, 409, 415, 422, 429, 500, 503),
)
def finish_package(
    request: Request, response: Response, context: ContextDep, caller: SendsTips, package_id: UUID
) -> TipReceived:
    """Make one tip of the package; it is durable then. Repeated, the answer is the same."""
    room_for(context, caller, response)
    accepted = packages.finish(context, caller, package_id)
    request.state.accepted = int(accepted.is_new)
    response.headers["Location"] = f"/api/v1/tips/{accepted.tip_id}"
    return TipReceived(
        id=accepted.tip_id,
        receipt=receipts.shown(accepted.code),
        status=Status.RECEIVED,
        received_at=accepted.received_at,
    )


@router.delete(
    "/packages/{package_id}",
    status_code=204,
    summary="Retract a package",
    responses=refusals(401, 403, 404, 409, 500, 503),
)
def retract_package(context: ContextDep, caller: SendsTips, package_id: UUID) -> Response:
    """Take it back before it is finished: its files are erased."""
    packages.retract(context, caller, package_id)
    return Response(status_code=204)
