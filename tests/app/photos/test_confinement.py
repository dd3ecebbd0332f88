import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.photos import confinement
from app.photos.confinement import Confinement
from app.photos.examine_server import ChildLimits, ExaminationFailure
from app.photos.sandbox import ExaminationFailed, Examiner
from matching.formats import UnreadablePhoto, UnreadableReason

HOSTILE = (sys.executable, str(Path(__file__).with_name("hostile_server.py")))
TIGHT = ChildLimits(cpu_s=3, wall_s=8.0, memory=256 * 1024 * 1024, answer=1 << 20)
HELD = UnreadableReason.DAMAGED
KILLED = ExaminationFailure.KILLED


@pytest.fixture(scope="module")
def hostile() -> Iterator[Examiner]:
    with Examiner(TIGHT, command=HOSTILE) as running:
        yield running


def outcome(examiner: Examiner, order: str) -> UnreadableReason | ExaminationFailure:
    with pytest.raises((UnreadablePhoto, ExaminationFailed)) as caught:
        examiner.examine(order.encode())
    found = caught.value
    assert isinstance(found, UnreadablePhoto | ExaminationFailed)
    return found.reason


class TestEscapes:
    """What an exploited decoder may try; the order's file says how."""

    @pytest.mark.parametrize(
        ("order", "end"),
        [
            ("read_a_file", HELD),
            ("write_a_file", HELD),
            ("connect", KILLED),
            ("fork_bomb", KILLED),
            ("run_a_program", KILLED),
            ("kill_the_server", KILLED),
            ("trace_the_server", KILLED),
            ("new_code", HELD),
        ],
    )
    def test_a_taken_over_child_reaches_nothing(
        self, hostile: Examiner, order: str, end: UnreadableReason | ExaminationFailure
    ) -> None:
        """A file is refused, what no decoder needs ends the child; the next photo goes on as before."""
        before = hostile.server_pid

        assert outcome(hostile, order) == end
        assert outcome(hostile, "fine") == HELD
        assert hostile.server_pid == before

    def test_what_decoders_need_still_works(self, hostile: Examiner) -> None:
        """Some of them read in a thread of their own."""
        assert outcome(hostile, "use_a_thread") == HELD


class TestConfinement:
    def test_it_is_tried_not_believed(self) -> None:
        """A health page tells what a process that shut itself in has found."""
        assert confinement.confinement() == Confinement.FILTERED

    def test_it_says_when_the_library_is_missing(self) -> None:
        """Photos are then still decoded within limits, and somebody can read that this is all."""
        code = (
            "import sys; sys.modules['pyseccomp'] = None;"
            "from app.photos import confinement; print(confinement.shut_in(), open('/etc/hosts').readable())"
        )
        run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603 - ours

        assert run.stdout == b"no_library True\n"
