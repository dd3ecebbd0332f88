"""Who looks and when, burnt into each picture before it leaves: the web process's side of it.

The web process opens no picture. It hands it to a process of its own, which starts with the first picture
and again whenever it was lost. Without that process there is no picture, and never an unmarked one.
"""

import atexit
import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from app.core.errors import Unavailable
from app.officers.models import Officer

WAIT_S: Final = 10.0
"""Seconds that an officer waits for a picture at most, those before it in the row included."""
MOST_WAITING: Final = 64
"""Pictures in the row; what comes beyond is told to come again."""
ANSWER_S: Final = 8.0
"""Seconds by the clock that one picture may take."""
LARGEST_ANSWER: Final = 32 * 2**20

_LIMITS: Final = {"cpu_s": 6, "wall_s": 7.0, "memory": 768 * 2**20, "answer": LARGEST_ANSWER}
_SERVER: Final = (sys.executable, "-m", "app.photos.stamp_server", json.dumps(_LIMITS))
_ROOT: Final = Path(__file__).resolve().parents[2]
_LENGTH: Final = struct.Struct(">Q")
_READY, _MARKED = b"R", b"E"
"""The frames of `app.photos.examine_server` that say something good."""
_ENVIRONMENT: Final = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

log = structlog.get_logger()


class _Lost(Exception):
    """The server ended, or was too slow to be waited for."""


def words(officer: Officer, photo_id: UUID, moment: datetime, zone: ZoneInfo) -> str:
    """What is written into a picture: badge, local time, and the end of the photo's id.

    A badge that the letters do not hold is replaced by the end of the officer's id. The begin of an id would
    only be its time.
    """
    badge = officer.badge if officer.badge.isascii() and officer.badge.isprintable() else officer.id.hex[-8:]
    return f"{badge}  {moment.astimezone(zone):%Y-%m-%d %H:%M}  {photo_id.hex[-8:]}"


class Stamper:
    """Marks pictures, one after the other, for all threads of a process.

    Args:
        command: how the server is started.
        wait_s: seconds that `mark` waits at most.
    """

    def __init__(self, command: Sequence[str] = _SERVER, wait_s: float = WAIT_S) -> None:
        self._command = tuple(command)
        self._wait_s = wait_s
        self._row = BoundedSemaphore(MOST_WAITING)
        # The kernel ends the server with the thread that started it: this one lives as long as the process.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stamping")
        self._server: subprocess.Popen[bytes] | None = None

    def mark(self, picture: bytes, text: str, *, calm: bool = False) -> bytes:
        """Burn a text into a picture.

        Args:
            picture: JPEG, PNG or WebP.
            text: what to write, in ASCII.
            calm: leave the middle nearly free, where a face is that people compare.

        Returns:
            A JPEG.

        Raises:
            Unavailable: it was not marked, whatever the reason.
        """
        if not self._row.acquire(blocking=False):
            raise _not_now()
        try:
            asked = json.dumps({"text": text, "calm": calm}).encode() + b"\n" + picture
            waited = self._thread.submit(self._marked, asked)
            try:
                return waited.result(self._wait_s)
            except (TookTooLong, CancelledError, _Lost, OSError) as error:
                waited.cancel()
                log.warning("picture_not_marked", error=type(error).__name__)
                raise _not_now() from error
        finally:
            self._row.release()

    def close(self) -> None:
        """End the server; the stamper cannot be used again."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._end()

    def _marked(self, asked: bytes) -> bytes:
        """Have a picture marked, once more if the server was lost on the way."""
        for last in (False, True):
            try:
                frame, payload = _converse(self._running(), asked, time.monotonic() + ANSWER_S)
            except (_Lost, OSError):
                self._end()
                if last:
                    raise
                continue
            if frame != _MARKED:
                raise _Lost(payload[:20].decode("ascii", "replace"))
            return payload
        raise _Lost

    def _running(self) -> subprocess.Popen[bytes]:
        if self._server is not None and self._server.poll() is None:
            return self._server
        self._end()
        self._server = subprocess.Popen(  # noqa: S603 - the command is our own.
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd=_ROOT,
            start_new_session=True,
            bufsize=0,
        )
        for stream in (self._server.stdin, self._server.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        frame, _ = _converse(self._server, None, time.monotonic() + ANSWER_S)
        if frame != _READY:
            raise _Lost
        return self._server

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            with server:
                server.wait()


def _not_now() -> Unavailable:
    return Unavailable("The picture cannot be shown just now. Please load the page again.")


def _converse(server: subprocess.Popen[bytes], asked: bytes | None, deadline: float) -> tuple[bytes, bytes]:
    """Send a request, if there is one, and read one frame, never waiting beyond the deadline."""
    assert server.stdin is not None
    assert server.stdout is not None
    writing, reading = server.stdin.fileno(), server.stdout.fileno()
    unsent = memoryview(b"" if asked is None else _LENGTH.pack(len(asked)) + asked)
    said = bytearray()
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    if unsent:
        poll.register(writing, select.POLLOUT)
    while (left := deadline - time.monotonic()) > 0:
        ready = dict(poll.poll(left * 1000))
        if writing in ready:
            unsent = unsent[os.write(writing, unsent) :]
            if not unsent:
                poll.unregister(writing)
        if reading in ready:
            piece = os.read(reading, 1 << 20)
            if not piece:
                break
            said += piece
        if len(said) > _LENGTH.size:
            (length,) = _LENGTH.unpack_from(said, 1)
            if length > LARGEST_ANSWER:
                break
            if len(said) >= 1 + _LENGTH.size + length:
                return bytes(said[:1]), bytes(said[1 + _LENGTH.size : 1 + _LENGTH.size + length])
    raise _Lost


shared = Stamper()
"""The stamper of this process; its server starts with the first picture."""
atexit.register(shared.close)
