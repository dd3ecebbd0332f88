"""Running the web process: uvicorn, with an end to every wait."""

import resource

import uvicorn
from starlette.types import ASGIApp

from app.core.settings import Settings
from app.core.web.patience import MOST_CONNECTIONS, Patience

_GRACE_S = 20
"""Seconds that requests may take to end when the process is to stop."""
_FILES_BESIDE = 512
"""Descriptors for all that is no connection: the database, photos, and connections about to be closed."""


def serve(app: ASGIApp, settings: Settings) -> None:
    """Serve an application until the process is told to stop.

    Args:
        app: the application.
        settings: where to listen, and how long to wait for a sender.
    """
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=Patience(
            settings.header_seconds, settings.body_seconds, most_connections=_connections()
        ).protocol(),
        ws="none",
        loop="asyncio",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=MOST_CONNECTIONS,
    )


def _connections() -> int:
    """How many connections the system lets this process have, at most those it wants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _FILES_BESIDE
    if soft < wanted:
        soft = min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(MOST_CONNECTIONS, soft - _FILES_BESIDE))
