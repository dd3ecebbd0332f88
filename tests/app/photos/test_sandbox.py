import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.photos.examine_server import ChildLimits, ExaminationFailure
from app.photos.sandbox import ExaminationFailed, Examiner
from matching.engine import default_encoder
from matching.formats import UnreadablePhoto, UnreadableReason
from tests.matching.pictures import encoded, face_file, scan_bomb, scene

pytestmark = pytest.mark.faces

HOSTILE = (sys.executable, str(Path(__file__).with_name("hostile_server.py")))
TIGHT = ChildLimits(cpu_s=3, wall_s=8.0, memory=256 * 1024 * 1024, answer=1 << 20)
F = ExaminationFailure


@pytest.fixture(scope="module")
def examiner() -> Iterator[Examiner]:
    with Examiner() as running:
        yield running


@pytest.fixture(scope="module")
def hostile() -> Iterator[Examiner]:
    with Examiner(TIGHT, command=HOSTILE) as running:
        yield running


def failure(examiner: Examiner, order: str) -> ExaminationFailure:
    with pytest.raises(ExaminationFailed) as caught:
        examiner.examine(order.encode())
    return caught.value.reason


def refusal(examiner: Examiner, data: bytes) -> UnreadableReason:
    with pytest.raises(UnreadablePhoto) as caught:
        examiner.examine(data)
    return caught.value.reason


def pid_of(examiner: Examiner) -> int:
    assert examiner.server_pid is not None
    return examiner.server_pid


def offspring(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class TestExamine:
    def test_a_photo_comes_back_examined(self, examiner: Examiner) -> None:
        """The same answer as without the walls: two faces, their templates, renditions and a hash."""
        examination = examiner.examine(face_file("p0040-tip1"))

        assert len(examination.faces) == 2
        dimensions = default_encoder().dimensions
        assert all(face.vector().shape == (dimensions,) for face in examination.faces)
        assert examination.hash.usable
        assert offspring(pid_of(examiner)) == []

    def test_the_server_has_no_threads_of_its_own(self, examiner: Examiner) -> None:
        """A library that reports home does so in a thread; and a fork beside threads may come out broken."""
        tasks = [each.name for each in Path(f"/proc/{pid_of(examiner)}/task").iterdir()]

        assert tasks == [str(pid_of(examiner))]

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
    def test_every_format_is_read_within_the_walls(self, examiner: Examiner, form: str) -> None:
        """Decoders that want a thread, a file or a library later on must not fail only in production."""
        assert examiner.examine(encoded(scene(640, 480), form)).facts.format == form

    def test_a_phone_photo_fits_the_limits(self, examiner: Examiner) -> None:
        """Twelve megapixels pass in the memory and time a child has."""
        examination = examiner.examine(encoded(scene(4032, 3024), quality=90, progressive=True))

        assert (examination.facts.width, examination.width) == (4032, 1600)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", UnreadableReason.NOT_AN_IMAGE),
            (encoded(scene())[:300], UnreadableReason.DAMAGED),
            (encoded(scene(8, 8)), UnreadableReason.TOO_SMALL),
            (scan_bomb(1000), UnreadableReason.SUSPICIOUS_STRUCTURE),
        ],
    )
    def test_the_reason_of_a_refusal_reaches_the_caller(
        self, examiner: Examiner, data: bytes, reason: UnreadableReason
    ) -> None:
        """A parked photo is shown with why."""
        assert refusal(examiner, data) == reason

    def test_nothing_stays_from_one_photo_to_the_next(self, examiner: Examiner) -> None:
        """Each photo has a child of its own: what one tip's picture broke cannot touch the next tip."""
        pid = pid_of(examiner)
        first = examiner.examine(face_file("p0045-portrait0"))
        refusal(examiner, encoded(scene())[:300])
        second = examiner.examine(face_file("p0045-portrait0"))

        assert first.faces == second.faces
        assert pid_of(examiner) == pid

    def test_threads_take_turns(self, examiner: Examiner) -> None:
        """Two threads with one examiner each get the answer to their own photo."""
        sizes: dict[int, int] = {}

        def ask(width: int) -> None:
            sizes[width] = examiner.examine(encoded(scene(width, 64))).width

        threads = [threading.Thread(target=ask, args=(width,)) for width in (64, 96, 128, 160)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(width == got for width, got in sizes.items())
        assert len(sizes) == 4


class TestWalls:
    @pytest.mark.parametrize(
        ("order", "reasons"),
        [
            ("loop", {F.CPU_LIMIT}),
            ("sleep", {F.TIME_LIMIT}),
            ("memory", {F.MEMORY_LIMIT}),
            ("leave", {F.NO_ANSWER}),
            ("crash", {F.KILLED}),
            ("stumble", {F.CRASHED}),
            ("half_an_answer", {F.NO_ANSWER}),
            ("endless_answer", {F.GARBAGE}),
            ("unknown_frame", {F.GARBAGE}),
            ("ready", {F.GARBAGE}),
            ("close_and_stay", {F.KILLED}),
            ("garbage", {F.GARBAGE}),
            ("unknown_reason", {F.GARBAGE}),
            ("no_text", {F.GARBAGE}),
        ],
    )
    def test_each_way_to_fail_has_its_word_and_the_next_photo_goes_on(
        self, hostile: Examiner, order: str, reasons: set[ExaminationFailure]
    ) -> None:
        """One bad photo costs one photo: it is parked with a reason, and the server lives."""
        pid = pid_of(hostile)

        assert failure(hostile, order) in reasons
        assert refusal(hostile, b"fine") == UnreadableReason.DAMAGED
        assert pid_of(hostile) == pid
        assert offspring(pid) == []

    @pytest.mark.parametrize("order", ["speak_for_the_server", "look_around"])
    def test_a_taken_over_child_can_do_nothing(self, hostile: Examiner, order: str) -> None:
        """No word in the server's name, no secret to read."""
        assert refusal(hostile, order.encode()) == UnreadableReason.DAMAGED
        assert refusal(hostile, b"fine") == UnreadableReason.DAMAGED
        assert offspring(pid_of(hostile)) == []

    def test_the_server_sees_no_setting_and_no_key(
        self, monkeypatch: pytest.MonkeyPatch, examiner: Examiner
    ) -> None:
        """Where networks lie it must know; what it does not have, no photo can take from it."""
        monkeypatch.setenv("HOMEWARD_KEY_FILE", "/secret")
        with Examiner(TIGHT, command=HOSTILE) as fresh:
            environments = [Path(f"/proc/{pid_of(one)}/environ").read_bytes() for one in (fresh, examiner)]

        seen = {name for each in environments for name in each.split(b"\0") if b"HOMEWARD" in name}
        assert {name.partition(b"=")[0] for name in seen} <= {b"HOMEWARD_WEIGHTS", b"HOMEWARD_MODELS"}

    def test_the_server_never_loads_the_database_or_the_keys(self) -> None:
        """Decoding and remembering are two processes."""
        code = (
            "import sys; from app.photos.examine_server import examiner_of, warm_up;"
            "warm_up(examiner_of([]));"
            "rooms = ('app.core', 'sqlmodel', 'sqlalchemy', 'nacl', 'fastapi');"
            "print([name for name in sys.modules if name.startswith(rooms)])"
        )
        run = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)  # noqa: S603
        assert run.stdout.strip() == b"[]"


class TestLosses:
    def test_a_killed_server_is_replaced(self, hostile: Examiner) -> None:
        """The kernel's out-of-memory killer may take the server at any time."""
        before = pid_of(hostile)
        os.kill(before, signal.SIGKILL)

        assert refusal(hostile, b"fine") == UnreadableReason.DAMAGED
        assert pid_of(hostile) != before

    def test_a_server_killed_in_the_middle_is_asked_again(self) -> None:
        """The photo was not to blame, so it gets a second chance before it is given up."""
        with Examiner(ChildLimits(cpu_s=5, wall_s=2.0), command=HOSTILE) as examiner:
            pid = pid_of(examiner)
            killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
            killer.start()

            assert failure(examiner, "sleep") == F.TIME_LIMIT
            assert pid_of(examiner) != pid

    def test_a_server_that_hangs_is_given_up(self) -> None:
        """The caller's own clock holds, whatever the server does."""
        with Examiner(TIGHT, wall_s=0.5, command=HOSTILE) as examiner:
            pid = pid_of(examiner)
            os.kill(pid, signal.SIGSTOP)

            assert failure(examiner, "fine") == F.TIME_LIMIT
            assert not alive(pid)
            assert pid_of_after(examiner) != pid

    def test_a_server_that_cannot_start_says_so(self) -> None:
        """A broken installation is an error with a word, not an endless wait."""
        broken = Examiner(command=(sys.executable, "-c", "raise SystemExit(1)"))

        assert failure(broken, "fine") == F.SERVER_LOST
        with pytest.raises(ExaminationFailed, match="server_lost"), broken:
            pass

    def test_closing_ends_the_server(self) -> None:
        """No process outlives the worker."""
        with Examiner(TIGHT, command=HOSTILE) as examiner:
            pid = pid_of(examiner)
        assert not alive(pid)
        assert examiner.server_pid is None

    @pytest.mark.parametrize("order", ["fine", "sleep"])
    def test_the_server_ends_with_its_parent(self, order: str) -> None:
        """A worker killed with -9 leaves nobody behind, not even one in the middle of a photo."""
        code = textwrap.dedent(f"""
            import sys, threading, time
            from app.photos.sandbox import Examiner
            examiner = Examiner(command={HOSTILE!r})
            examiner.__enter__()
            threading.Thread(target=examiner.examine, args=({order.encode()!r},), daemon=True).start()
            time.sleep(0.5)
            print(examiner.server_pid, flush=True)
            time.sleep(60)
        """)
        worker = subprocess.Popen(  # noqa: S603 - the code is above.
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with worker:
            assert worker.stdout is not None
            pid = int(worker.stdout.readline())
            family = [pid, *map(int, offspring(pid))]
            worker.kill()
        deadline = time.monotonic() + 5
        while any(map(alive, family)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(family) == (1 if order == "fine" else 2)
        assert not any(map(alive, family))


def pid_of_after(examiner: Examiner) -> int:
    """The server's number after it has shown that it answers."""
    assert refusal(examiner, b"fine") == UnreadableReason.DAMAGED
    return pid_of(examiner)


def test_a_photo_too_large_for_the_pipe_is_refused_before_it() -> None:
    """Nothing is started for what cannot be sent."""
    examiner = Examiner(command=("/nonexistent",))
    assert refusal(examiner, np.zeros(64 * 1024 * 1024 + 1, np.uint8).tobytes()) == UnreadableReason.TOO_LARGE
