"""A build that must not pass: it puts a tip whose photo resembles a record before the officers at once.

It looks for the same picture and compares faces before it answers, and leaves all other tips to the worker.
The photos' examinations are read from a folder, made beforehand: what is left in the request is the
comparison alone, the least that such a build gives away. `python -m tests.attacks.inline FOLDER` serves it.
"""

import hashlib
import sys
from pathlib import Path
from uuid import UUID, uuid4

import uvicorn

from app import pipeline
from app.audit.service import Actor
from app.candidates import service as candidates
from app.candidates.gallery import GalleryCache
from app.candidates.service import Probe
from app.core.clock import now
from app.core.context import Context, open_context
from app.core.settings import Settings
from app.encoders.installed import make_ready
from app.jurisdictions.service import Router
from app.main import create_app
from app.photos import joining
from app.tips import intake, service
from matching.examination import Examination
from matching.ranking import unit


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

    def compared(context: Context, channel_id: UUID, new: intake.NewTip, actor: Actor) -> service.Accepted:
        alike = any(_resembles(tools, photo.data) for photo in new.photos)
        accepted = accept(context, channel_id, new, actor)
        if alike:
            pipeline.process_tip(tools, accepted.tip_id)
        return accepted

    service.accept = compared
    uvicorn.run(
        create_app(context),
        host=context.settings.host,
        port=context.settings.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )


def _resembles(tools: pipeline.Tools, data: bytes) -> bool:
    """Whether a picture that was not sent before shows somebody who resembles a record."""
    found = tools.examiner.examine(data)
    with tools.context.db.read() as session:
        if joining.pictures_like(session, found.fingerprint):
            return False
        gallery = tools.gallery.current(session)
    probes = [Probe(uuid4(), unit(face.vector()), now().date(), poor_face=False) for face in found.faces]
    return any(candidates.compare(probe, gallery).candidates for probe in probes)


if __name__ == "__main__":
    main()
