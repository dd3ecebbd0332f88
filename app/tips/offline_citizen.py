"""What the tip form needs beside its page: the service worker, which opens it offline and sends later."""

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.core.render import FRONTEND

router = APIRouter()


@router.get("/sw.js")
def service_worker() -> FileResponse:
    """The service worker of a draft; it lies at the root, since it may open no page above itself."""
    return FileResponse(
        FRONTEND / "scripts" / "sw.js",
        media_type="text/javascript",
        headers={"Service-Worker-Allowed": "/", "Cache-Control": "no-cache"},
    )
