"""The process in which strangers' photos are decoded.

Started as `python -m app.photos.examine_server '{limits}' ENCODER...`.

It holds no key, no setting and no database connection. It loads the models once and forks a child for each
photo; the child, with little memory, little time and no files, answers through a pipe and is gone. On the
standard streams it speaks with `app.photos.sandbox.Examiner`: a length and a photo in; a byte that says what
follows, a length and the answer out. It ends when its parent does.
"""

import contextlib
import ctypes
import io
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from app.photos import confinement

LENGTH: Final = struct.Struct(">Q")
"""How a length is written: eight bytes, big-endian."""

LARGEST_PHOTO: Final = 64 * 1024 * 1024
"""Bytes of a photo that is examined; what is accepted at the door is smaller."""

_DYING_S: Final = 1.0
"""Seconds that a child which has closed its pipe may take to end."""
_CHUNK: Final = 1 << 16
_NOBODY: Final = 65_534
"""User and group of the child where the server runs as root (Linux's overflow identity)."""
_SPARE_TASKS: Final = 8
"""Tasks beyond those its user has that a child may start: libde265 reads HEIF in a thread of its own."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38


class Frame(bytes, Enum):
    """The byte that says what follows."""

    READY = b"R"  # The models are loaded.
    EXAMINATION = b"E"  # An examination in its wire form.
    UNREADABLE = b"U"  # The word of an UnreadableReason.
    FAILED = b"F"  # The word of an ExaminationFailure.


_ANSWERS: Final = (Frame.EXAMINATION.value, Frame.UNREADABLE.value, Frame.FAILED.value)
"""What a child may say."""


class ExaminationFailure(StrEnum):
    """Why there is no answer about a photo."""

    KILLED = "killed"  # The child died of a signal: a crash, or the kernel stopped it.
    CPU_LIMIT = "cpu_limit"  # It used up its processor time.
    TIME_LIMIT = "time_limit"  # It took too long by the clock.
    MEMORY_LIMIT = "memory_limit"  # It asked for more memory than it may have.
    CRASHED = "crashed"  # An error that nobody foresaw was raised in it.
    NO_ANSWER = "no_answer"  # It ended without saying anything.
    GARBAGE = "garbage"  # What it said is no examination.
    SERVER_LOST = "server_lost"  # The server died; the photo may not be to blame.


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one photo may cost."""

    cpu_s: int = 20
    """Processor seconds. A 50-megapixel photo with 32 faces takes about 8."""
    wall_s: float = 50.0
    """Seconds by the clock."""
    memory: int = 768 * 1024 * 1024
    """Bytes of address space beyond what the server has when it forks. 12-megapixel photos of every format
    pass with 256 MiB; the largest of any format, with hundreds of faces, have 714 MB of memory in all."""
    answer: int = 24 * 1024 * 1024
    """Bytes of an answer (`matching.wire.LARGEST_MESSAGE`)."""


Work = Callable[[bytes], tuple[Frame, bytes]]
"""What a child does with a photo."""


def examiner_of(encoders: Sequence[str]) -> Work:
    """What a child does with a photo, with the networks loaded before it is forked.

    Args:
        encoders: names as `matching.engine.engine_named` takes them; none means the default.
    """
    from matching.engine import default_engine, engine_named, warm_up  # noqa: PLC0415 - as below.
    from matching.examination import examine  # noqa: PLC0415 - a server that does other work needs no models.
    from matching.formats import UnreadablePhoto  # noqa: PLC0415 - as above.

    engines = tuple(map(engine_named, encoders)) or (default_engine(),)
    for engine in engines:
        warm_up(engine)

    def work(data: bytes) -> tuple[Frame, bytes]:
        try:
            return Frame.EXAMINATION, examine(data, engines).to_wire()
        except UnreadablePhoto as refusal:
            return Frame.UNREADABLE, refusal.reason.value.encode()

    return work


def serve(work: Work, limits: ChildLimits) -> None:
    """Answer photos until the standard input ends.

    Args:
        work: what a child does with a photo.
        limits: what one photo may cost.
    """
    die_with_parent()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    confinement.program()  # Made before the first photo, and not anew in each child.
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    send(answers, Frame.READY, b"")
    while (photo := read_request(requests)) is not None:
        send(answers, *_in_child(work, photo, limits))


def read_request(stream: BinaryIO) -> bytes | None:
    """Read a length and as many bytes; None at the end, or if the parent speaks nonsense."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    photo = stream.read(length) if length <= LARGEST_PHOTO else b""
    return photo if len(photo) == length else None


def send(stream: BinaryIO, frame: Frame, payload: bytes) -> None:
    """Write a frame."""
    stream.write(frame.value + LENGTH.pack(len(payload)) + payload)
    stream.flush()


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _in_child(work: Work, photo: bytes, limits: ChildLimits) -> tuple[Frame, bytes]:
    """Fork, let the child work, and collect what it says or what became of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(work, photo, limits, writing)
    os.close(writing)
    deadline = time.monotonic() + limits.wall_s
    try:
        answer = _collect(reading, deadline, limits.answer)
        # A child that closed its pipe is dead or dying; one that only pretends is not waited for.
        late = answer is None and not _ended(child, min(deadline, time.monotonic() + _DYING_S))
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        _end_offspring()
    if answer is not None:
        return answer
    return Frame.FAILED, _cause(status, late=late and time.monotonic() >= deadline).value.encode()


def _collect(reading: int, deadline: float, most: int) -> tuple[Frame, bytes] | None:
    """Read one whole frame from the child; None if it says less, or nothing in time."""
    said = bytearray()
    head = 1 + LENGTH.size
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if len(said) >= head:
            (length,) = LENGTH.unpack_from(said, 1)
            if length > most or bytes(said[:1]) not in _ANSWERS:
                return Frame.FAILED, ExaminationFailure.GARBAGE.value.encode()
            if len(said) >= head + length:
                return Frame(bytes(said[:1])), bytes(said[head : head + length])
        if poll.poll(left * 1000):
            piece = os.read(reading, _CHUNK)
            if not piece:
                break
            said += piece
    return None


def _ended(child: int, deadline: float) -> bool:
    """Whether a child ends by itself before the deadline; it is not reaped."""
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
    return True


def _cause(status: int, *, late: bool) -> ExaminationFailure:
    """What became of a child that gave no answer."""
    if late:
        return ExaminationFailure.TIME_LIMIT
    if not os.WIFSIGNALED(status):
        return ExaminationFailure.NO_ANSWER
    if os.WTERMSIG(status) == signal.SIGXCPU:
        return ExaminationFailure.CPU_LIMIT
    return ExaminationFailure.KILLED


def _be_child(work: Work, photo: bytes, limits: ChildLimits, writing: int) -> NoReturn:
    """Give up what a photo must not reach, do the work, answer, and end without coming back."""
    try:
        _confine(limits, writing)
        try:
            frame, payload = work(photo)
        except MemoryError:
            frame, payload = Frame.FAILED, ExaminationFailure.MEMORY_LIMIT.value.encode()
        except Exception:  # noqa: BLE001 - whatever went wrong, the parent must hear of it.
            frame, payload = Frame.FAILED, ExaminationFailure.CRASHED.value.encode()
        unsaid = memoryview(frame.value + LENGTH.pack(len(payload)) + payload)
        while unsaid:
            unsaid = unsaid[os.write(writing, unsaid) :]
    finally:
        os._exit(0)


def _confine(limits: ChildLimits, writing: int) -> None:
    """Leave the child its pipe, some memory and some time.

    - The standard streams and every other descriptor go, so that it cannot speak in the server's name.
    - No files can be written, hardly any process or thread started, no core is dumped.
    - Where the server runs as root the child becomes nobody, which also makes the limit on tasks hold.
    - Last, where the kernel can, it is left few system calls: see `app.photos.confinement`.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, writing)
    os.closerange(writing + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    user = _NOBODY if os.geteuid() == 0 else os.geteuid()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + limits.memory
    for limit, value in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, _tasks_of(user) + _SPARE_TASKS),
    ):
        hard = value + 1 if limit == resource.RLIMIT_CPU else value
        resource.setrlimit(limit, (value, hard))
    if os.geteuid() == 0:
        # In some containers no other identity exists; the remaining limits hold all the same.
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    die_with_parent()
    confinement.shut_in()


def _tasks_of(user: int) -> int:
    """Count the processes and threads of a user, which is what RLIMIT_NPROC counts."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == user:
                total += sum(1 for _ in (process / "task").iterdir())
    return total


def _end_offspring() -> None:
    """Kill whatever a child started and left behind; the kernel gave it to this process (see `serve`)."""
    with contextlib.suppress(FileNotFoundError, ChildProcessError):
        while offspring := Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split():
            for process in map(int, offspring):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)


def warm_up(work: Work) -> None:
    """Load decoders now: afterwards a child finds all of it in memory and opens no file."""
    from PIL import Image, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415

    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.linear_gradient("L").convert("RGB").save(buffer, "JPEG", exif=exif)
    work(buffer.getvalue())


def main() -> None:
    """Serve examinations with the limits given as JSON in the first argument, the encoders in the others."""
    work = examiner_of(sys.argv[2:])
    warm_up(work)
    serve(work, ChildLimits(**json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
