"""A build that must not pass: it compares a photo with records and other photos before it answers.

The photos' examinations are read from a folder, made beforehand: what is left in the request is the
comparison alone, the least that such a build gives away. `python -m tests.attacks.inline FOLDER` serves it.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import uvicorn

from app import pipeline
from app.candidates.gallery import GalleryCache
from app.core.context import Context, open_context
from app.core.settings import Settings
from app.encoders.installed import make_ready
from app.jurisdictions.service import Router
from app.main import create_app
from app.tips import service
from matching.examination import Examination


class Prepared:
    """Examinations that lie ready, by the SHA-256 of their photos."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def examine(self, data: bytes) -> Examination:
        """Read one."""
        return Examination.from_wire(place_of(self._folder, data).read_bytes())


def place_of(folder: Path, data: bytes) -> Path:
    """Where the examination of a photo lies."""
    return folder / f"{hashlib.sha256(data).hexdigest()}.examination"


def main() -> None:
    """Serve the build until it is ended."""
    context = open_context(Settings())
    make_ready(context.db)
    with context.db.read() as session:
        router = Router(session)
    tools = pipeline.Tools(
        context, Prepared(Path(sys.argv[1])), GalleryCache(context.settings.data_dir), lambda: router
    )
    accept = service.accept

    def compared(context: Context, *given: Any) -> service.Accepted:
        accepted = accept(context, *given)
        pipeline.process_tip(tools, accepted.tip_id)
        return accepted

    service.accept = compared  # type: ignore[assignment]
    uvicorn.run(
        create_app(context),
        host=context.settings.host,
        port=context.settings.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )


if __name__ == "__main__":
    main()
