"""Pictures for officers: seen only through here, and every view is in the audit log first."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.core.clock import now
from app.core.context import ContextDep
from app.officers.sessions import OfficerDep
from app.photos import service
from app.photos.models import RenditionKind

router = APIRouter()

PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
    "Cache-Control": "no-store",
}


@router.get("/photos/{photo_id}/{kind}")
def show(
    context: ContextDep,
    officer: OfficerDep,
    photo_id: UUID,
    kind: RenditionKind,
    face: Annotated[int, Query(ge=-1, le=1000)] = -1,
) -> Response:
    """Show a derived picture, marked, to an officer who may see it; its audit row is durable by then."""
    picture = service.view(context, officer, photo_id, kind, face)
    made = service.marked(picture, officer, photo_id, kind, now(), context.settings.zone)
    return Response(made, media_type="image/jpeg", headers=PICTURE_HEADERS)
