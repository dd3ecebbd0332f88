"""Bulletins as the public reads them: pages and an Atom feed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from app.bulletins import feed, queries
from app.core.context import ContextDep
from app.core.db import ReadSessionDep
from app.core.render import LANGUAGES, language_of, page

router = APIRouter()

Area = Annotated[str, Query(pattern="^[0-9A-Za-z]{0,12}$")]


@router.get("/bulletins")
def index(
    request: Request,
    session: ReadSessionDep,
    area: Area = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List bulletins, the newest first."""
    return page(
        request,
        "citizen/bulletins.html",
        found=queries.published(session, area, number),
        areas=queries.areas(session),
        area=area,
        wish=request.query_params.get("lang", "") in LANGUAGES,
    )


@router.get("/bulletins/feed.atom")
def atom(request: Request, session: ReadSessionDep, context: ContextDep, area: Area = "") -> Response:
    """The newest bulletins as a feed, or 304 for what the reader has already."""
    known_at = context.settings.public_url
    base = known_at or str(request.base_url).rstrip("/")
    made = feed.feed(session, context.settings, base, area, language_of(request))
    # Without an address of its own the site believes the request's: no shared cache may keep that.
    kept = "public" if known_at else "private"
    headers = made.headers | {
        "Cache-Control": f"{kept}, max-age=300",
        "Vary": "Accept-Language, Cookie",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if made.is_known(request.headers.get("if-none-match"), request.headers.get("if-modified-since")):
        return Response(status_code=304, headers=headers)
    return Response(made.body, media_type=feed.MEDIA_TYPE, headers=headers)


@router.get("/bulletins/{bulletin_id}")
def show(request: Request, session: ReadSessionDep, bulletin_id: UUID) -> HTMLResponse:
    """Show one bulletin."""
    shown = queries.get(session, bulletin_id)
    return page(request, "citizen/bulletin.html", shown=shown)
