"""Pictures for officers: seen only through here, and every view is in the audit log first."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.core.context import ContextDep
from app.core.db import SessionDep
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
    session: SessionDep,
    context: ContextDep,
    officer: OfficerDep,
    photo_id: UUID,
    kind: RenditionKind,
    face: Annotated[int, Query(ge=-1, le=1000)] = -1,
) -> Response:
    """Show a derived picture to an officer who may see it; the reply waits for the audit row."""
    picture = service.view(session, context.store, officer, photo_id, kind, face)
    return Response(picture, media_type="image/jpeg", headers=PICTURE_HEADERS)
