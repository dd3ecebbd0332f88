"""What the mark in each picture costs: `python -m tests.measures.marks [--pictures 40]`.

The same pictures go through the officers' door with the mark and without; the median of each is printed.
"""

import argparse
import io
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx
import uvicorn
from PIL import Image
from sqlmodel import select

from app.core.context import Context, open_context
from app.jurisdictions.models import Jurisdiction, Level
from app.main import create_app
from app.officers import sessions
from app.officers.models import Role
from app.photos import stamping
from app.photos.models import Rendition, RenditionKind
from tests.conftest import test_settings
from tests.make import Make

SIZES = {
    RenditionKind.SCENE: (2048, 1536),
    RenditionKind.REDACTED: (1024, 768),
    RenditionKind.FACE: (320, 320),
}
PEOPLE = Path(__file__).parents[1] / "faces" / "p0040-tip1.jpg"
AT_ONCE = 8


def picture(size: tuple[int, int]) -> bytes:
    """A picture with as much in it as a photo has."""
    buffer = io.BytesIO()
    with Image.open(PEOPLE) as opened:
        opened.convert("RGB").resize(size).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@contextmanager
def served(context: Context) -> Iterator[str]:
    """The application on loopback."""
    config = uvicorn.Config(create_app(context), port=0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    running.join()


def furnish(context: Context) -> tuple[dict[RenditionKind, str], str]:
    """A tip with pictures of usual sizes; their addresses, and a session that may see them."""
    with context.db.write() as session:
        session.add(
            Jurisdiction(
                code="440304",
                name="福田区",
                name_en="Futian",
                level=Level.DISTRICT,
                path="440304/",
                authority="A",
            )
        )
    make = Make(context)
    make.tip()
    officer = make.officer(Role.SUPERVISOR, area="440304")
    with context.db.write() as session:
        rows = session.exec(select(Rendition)).all()
        for row in rows:
            stored = context.store.put(picture(SIZES[row.kind]))
            row.store_key, row.sealed_key = stored.store_key, stored.sealed_key
        token = sessions.start(session, officer)
    paths = {row.kind: f"/console/photos/{row.photo_id}/{row.kind}?face={row.face_position}" for row in rows}
    return paths, token


def median_ms(client: httpx.Client, path: str, pictures: int) -> float:
    """The median of one picture after the other, milliseconds."""
    taken = []
    for _ in range(pictures):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    pictures = parser.parse_args().pictures
    folder = Path(tempfile.mkdtemp())
    context = open_context(test_settings(folder))
    paths, token = furnish(context)
    with served(context) as address, httpx.Client(base_url=address, timeout=30) as client:
        client.cookies.set("officer", token)
        client.get(paths[RenditionKind.FACE]).raise_for_status()
        for kind, path in paths.items():
            with patch.object(stamping.Stamper, "mark", lambda _self, data, _text, **_more: data):
                before = median_ms(client, path, pictures)
            after = median_ms(client, path, pictures)
            size = "x".join(map(str, SIZES[kind]))
            print(  # noqa: T201 - what this is run for.
                f"{kind:8} {size:9} without {before:6.1f} ms, marked {after:6.1f} ms: "
                f"{after - before:+.1f} ms, {after / before:.1f} times"
            )
        with ThreadPoolExecutor(AT_ONCE) as pool:
            began = time.perf_counter()
            list(
                pool.map(lambda _: client.get(paths[RenditionKind.SCENE]).raise_for_status(), range(pictures))
            )
            seconds = time.perf_counter() - began
        print(f"{AT_ONCE} officers at once: {pictures / seconds:.1f} marked scenes in a second")  # noqa: T201 - as above.
    context.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
