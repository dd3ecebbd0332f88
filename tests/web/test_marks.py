"""Who looks and when is in the pixels of each picture, or there is no picture."""

import io
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat
from sqlmodel import select

from app.core.context import Context
from app.core.errors import Unavailable
from app.photos import stamp_server, stamping
from app.photos.models import Photo, Rendition, RenditionKind
from app.photos.stamping import Stamper, words
from tests.conftest import Client
from tests.make import Make, jpeg

TEXT = "440304-01234  2026-11-23 18:52  a1b2c3d4"
PHOTO = UUID("01a209e1-0000-7000-8000-0000a1b2c3d4")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=("JPEG",)).convert("L")


def change(before: bytes, after: bytes, box: tuple[int, int, int, int] | None = None) -> float:
    """How much the marked picture differs, in grey levels on average."""
    found = ImageChops.difference(opened(before), opened(after))
    return ImageStat.Stat(found.crop(box) if box else found).mean[0]


class TestMark:
    @pytest.mark.parametrize("shade", [(0, 0, 0), (128, 128, 128), (255, 255, 255)])
    def test_it_can_be_read_on_any_ground(self, shade: tuple[int, int, int]) -> None:
        """Light letters on dark ground, dark ones on light ground."""
        plain = jpeg(shade, (640, 480))

        made = opened(stamp_server.marked(plain, TEXT, calm=False))

        shades = np.asarray(made)
        assert int(shades.max()) - int(shades.min()) > 60

    def test_every_part_of_a_scene_carries_it(self) -> None:
        """Whoever cuts a piece out takes some of the mark along."""
        plain = jpeg((120, 120, 120), (1200, 900))

        made = stamp_server.marked(plain, TEXT, calm=False)

        pieces = [(x, y, x + 300, y + 300) for x in range(0, 1200, 300) for y in range(0, 900, 300)]
        assert all(change(plain, made, piece) > 0.3 for piece in pieces)

    def test_the_middle_of_a_face_stays_calm(self) -> None:
        """A reviewer compares eyes, not letters; the rim carries the mark."""
        plain = jpeg((150, 120, 110), (320, 320))

        made = stamp_server.marked(plain, TEXT, calm=True)

        assert change(plain, made, (100, 100, 220, 220)) < 1.5
        assert change(plain, made, (0, 0, 320, 20)) > 6

    @settings(deadline=None, max_examples=25)
    @given(
        width=st.integers(16, 700),
        height=st.integers(16, 700),
        calm=st.booleans(),
        text=st.text("0a-: ", min_size=1),
    )
    def test_any_size_keeps_its_size(self, width: int, height: int, text: str, *, calm: bool) -> None:
        """Frames over a face and marks on a scene lie where they lay."""
        made = Image.open(io.BytesIO(stamp_server.marked(jpeg(size=(width, height)), text + "x", calm=calm)))

        assert (made.size, made.format, dict(made.getexif())) == ((width, height), "JPEG", {})

    def test_what_is_no_picture_of_ours_is_not_opened(self) -> None:
        """The door to a decoder is an allow-list."""
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "GIF")

        with pytest.raises(OSError, match="cannot identify"):
            stamp_server.marked(buffer.getvalue(), TEXT, calm=False)

    def test_its_words_are_badge_local_time_and_photo(self, make: Make) -> None:
        """Who, when and what; a badge that the letters do not hold gives way to the officer's id."""
        officer, moment = make.officer(), datetime(2026, 11, 23, 10, 52, tzinfo=UTC)
        zone = ZoneInfo("Asia/Shanghai")

        officer.badge = "B00042"
        plain = words(officer, PHOTO, moment, zone)
        officer.badge = "警0042"
        other = words(officer, PHOTO, moment, zone)

        assert plain.split() == ["B00042", "2026-11-23", "18:52", "a1b2c3d4"]
        assert other.split()[0] == officer.id.hex[-8:]


class TestServer:
    def test_a_lost_server_is_started_again(self) -> None:
        """A killed process costs one officer some milliseconds."""
        stamper = Stamper()
        stamper.mark(jpeg(), TEXT)
        assert stamper._server is not None
        before = stamper._server.pid

        os.kill(before, signal.SIGKILL)
        made = stamper.mark(jpeg(), TEXT)
        after = stamper._server.pid
        stamper.close()

        assert opened(made).size == (64, 48)
        assert before != after

    @pytest.mark.parametrize("junk", [b"", b"GIF89a", jpeg()[:300], b"\xff\xd8\xff" * 50])
    def test_what_cannot_be_read_is_refused_and_the_next_is_marked(self, junk: bytes) -> None:
        """An unmarked picture never comes back instead."""
        with pytest.raises(Unavailable):
            stamping.shared.mark(junk, TEXT)

        assert opened(stamping.shared.mark(jpeg(), TEXT)).size == (64, 48)

    @pytest.mark.parametrize(
        "program", ["import time; time.sleep(60)", "print('hello')", "raise SystemExit(3)"]
    )
    def test_a_server_that_does_not_answer_is_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch, program: str
    ) -> None:
        """Bounded waiting: the officer hears that there is no picture now."""
        stamper = Stamper((sys.executable, "-c", program), wait_s=0.5)

        monkeypatch.setattr(stamping, "ANSWER_S", 0.3)

        with pytest.raises(Unavailable):
            stamper.mark(jpeg(), TEXT)

        stamper.close()

    def test_a_full_row_is_told_to_come_again(self) -> None:
        """Many pictures at once cannot pile up without end."""
        stamper = Stamper()
        while stamper._row.acquire(blocking=False):
            pass

        with pytest.raises(Unavailable):
            stamper.mark(jpeg(), TEXT)

        stamper.close()

    def test_it_ends_with_its_web_process(self) -> None:
        """Nothing is left running when the web process is killed."""
        program = (
            "from app.photos.stamping import shared; from tests.make import jpeg; import os, signal;"
            "shared.mark(jpeg(), 'x'); print(shared._server.pid, flush=True);"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        command = [sys.executable, "-c", program]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own.
        pid = int(said.stdout)

        for _ in range(100):
            if not _runs(pid):
                break
            time.sleep(0.02)

        assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestDoor:
    @pytest.mark.parametrize("kind", list(RenditionKind))
    def test_every_kind_of_picture_is_marked(
        self, context: Context, client: Client, make: Make, kind: RenditionKind
    ) -> None:
        """What leaves is the stored picture with something on it."""
        tip, officer = make.tip(), make.officer()
        with context.db.read() as session:
            row = session.exec(
                select(Rendition).join(Photo).where(Photo.tip_id == tip.id, Rendition.kind == kind)
            ).one()
        stored = context.store.get(row.store_key, row.sealed_key)

        answer = client.get(f"/console/photos/{row.photo_id}/{kind}?face={row.face_position}", as_=officer)

        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert change(stored, answer.content) > 1

    def test_without_a_mark_there_is_no_picture(
        self, context: Context, client: Client, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """503, and not one byte of a JPEG."""
        tip = make.tip()
        with context.db.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
        monkeypatch.setattr(stamping, "shared", Stamper((sys.executable, "-c", "")))

        answer = client.get(f"/console/photos/{photo.id}/scene", as_=make.officer())

        assert answer.status_code == 503
        assert b"\xff\xd8" not in answer.content
