"""The outlines of areas, for the pin on the tip form."""

import gzip
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.jurisdictions import outlines

router = APIRouter()


@router.get("/areas/{code}.json")
def area_outlines(
    request: Request,
    context: ContextDep,
    session: ReadSessionDep,
    code: Annotated[str, Path(pattern="^[0-9A-Za-z]{1,12}$")],
) -> Response:
    """An area and the areas in it, ready to be drawn; "top" is the one that no other holds."""
    body = outlines.of_area(session, context.settings.database_address, code)
    headers = {"Cache-Control": f"public, max-age={outlines.FRESH_S}", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"], body = "gzip", gzip.compress(body)
    return Response(body, media_type="application/json", headers=headers)
