"""What the tip form needs beside its page: what scripts add to it, and the service worker of a draft."""

import gzip

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from app.core.render import FRONTEND, page
from app.tips.parts import LARGEST_PHOTO, MOST_PHOTOS

router = APIRouter()


@router.get("/tip/extras")
def extras(request: Request) -> HTMLResponse:
    """What the form's scripts add to it, in the reader's language; nobody without script loads it.

    It is the same for everybody and holds no secret, so that it may be packed.
    """
    answer = page(request, "citizen/tip/extras.html", most_photos=MOST_PHOTOS, largest_photo=LARGEST_PHOTO)
    answer.headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        answer.body = gzip.compress(bytes(answer.body))
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


@router.get("/sw.js")
def service_worker() -> FileResponse:
    """The service worker of a draft; it lies at the root, since it may open no page above itself."""
    return FileResponse(
        FRONTEND / "scripts" / "sw.js",
        media_type="text/javascript",
        headers={"Service-Worker-Allowed": "/", "Cache-Control": "no-cache"},
    )
