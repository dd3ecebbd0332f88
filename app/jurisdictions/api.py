"""Areas as GeoJSON."""

import gzip
import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.core.db import ReadSessionDep
from app.jurisdictions import geojson
from app.jurisdictions.documents import AREAS, CHILDREN, FEATURE, refused

router = APIRouter(tags=["areas"])

FRESH_S = 24 * 3600
"""Seconds for which an answer may be kept: areas change with an import, once in years."""
GEOJSON = "application/geo+json"
SMALL = 1_000
"""Bytes below which packing is not worth it."""

Code = Annotated[
    str, Path(pattern="^[0-9A-Za-z]{1,12}$", description="GB/T 2260 code, or CN.", examples=["440300"])
]
Metres = Annotated[
    int,
    Query(
        ge=0,
        le=geojson.COARSEST,
        description="Metres by which a line may lie beside the true one; brought down to 1, 2 or 5 "
        "times a power of ten.",
        examples=[200],
    ),
]


@router.get("/areas", summary="List areas", responses=AREAS, response_class=Response)
def list_areas(request: Request, session: ReadSessionDep) -> Response:
    """All areas, from the nation down; no key is needed."""
    return _answer(request, {"areas": geojson.areas(session)}, "application/json")


@router.get(
    "/areas/{code}.geojson",
    summary="An area's shape",
    responses=FEATURE | refused(404, 422, 500, 503),
    response_class=Response,
)
def area_shape(request: Request, session: ReadSessionDep, code: Code, simplify: Metres = 0) -> Response:
    """An area as a GeoJSON feature in WGS 84; no key is needed."""
    return _answer(request, geojson.feature(session, code, simplify), GEOJSON)


@router.get(
    "/areas/{code}/children.geojson",
    summary="The areas in an area",
    responses=CHILDREN | refused(404, 422, 500, 503),
    response_class=Response,
)
def shapes_below(request: Request, session: ReadSessionDep, code: Code, simplify: Metres = 0) -> Response:
    """The areas right below one as GeoJSON features in WGS 84; no key is needed."""
    return _answer(request, geojson.children(session, code, simplify), GEOJSON)


def _answer(request: Request, value: dict[str, Any], media_type: str) -> Response:
    """An answer that caches and other sites' pages may keep, or 304 for what the asker has already."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"public, max-age={FRESH_S}",
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, tag.removeprefix("W/"), "*"}:
        return Response(status_code=304, headers=headers)
    if len(body) > SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"], body = "gzip", gzip.compress(body, 6)
    return Response(body, media_type=media_type, headers=headers)
