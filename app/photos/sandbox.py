"""The door between the service and the process that decodes strangers' photos."""

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final, Self

import structlog

from app.photos.confinement import Confinement, confinement
from app.photos.examine_server import LARGEST_PHOTO, LENGTH, ChildLimits, ExaminationFailure, Frame
from matching.engine import default_engine, engine_named
from matching.examination import Examination
from matching.formats import UnreadablePhoto, UnreadableReason
from matching.weights import weights_folder
from matching.wire import MalformedMessage

log = structlog.get_logger()

WALL_LIMIT_S: Final = 60.0
"""Seconds by the clock that a caller waits for an answer; longer than what the server gives its child."""

START_LIMIT_S: Final = 60.0
"""Seconds within which a new server must have loaded its models; it takes 2 to 5."""

_SERVER: Final = (sys.executable, "-m", "app.photos.examine_server")
_ROOT: Final = Path(__file__).resolve().parents[2]
_ENVIRONMENT: Final = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""All that the server gets to see, beside the folder of networks: no setting, no key, no database address."""


class ExaminationFailed(Exception):
    """There is no answer about a photo.

    Args:
        reason: why. Only `SERVER_LOST` says nothing about the photo.
    """

    def __init__(self, reason: ExaminationFailure) -> None:
        super().__init__(reason.value)
        self.reason = reason


class _ServerLost(Exception):
    """The server ended in the middle of a conversation."""


class _TooSlow(Exception):
    """The server did not answer in time."""


class Examiner:
    """Examines photos in a process of its own, one after the other.

    The server starts with the first photo, or on entering the context, and again whenever it was lost. One
    examiner may be used by several threads, which then wait for each other; for more speed use more of them.
    The kernel ends the server with the thread that started it; the next photo then starts a new one.

    Args:
        limits: what one photo may cost.
        wall_s: seconds that `examine` waits at most.
        command: how the server is started; the limits are added as one JSON argument, then the encoders.
        encoders: names of the encoders whose templates each face gets, the first one's detector finding the
            faces; none means the default engine.
    """

    def __init__(
        self,
        limits: ChildLimits | None = None,
        wall_s: float = WALL_LIMIT_S,
        command: Sequence[str] = _SERVER,
        encoders: Sequence[str] = (),
    ) -> None:
        self._encoders = tuple(encoders)
        engines = [engine_named(name) for name in encoders] or [default_engine()]
        self._expected = {
            (engine.encoder_name, engine.encoder_version): engine.encoder.dimensions for engine in engines
        }
        self._limits = limits or ChildLimits()
        self._wall_s = wall_s
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._lock:
            try:
                self._running_server()
            except _ServerLost as error:
                self._end_server()
                raise ExaminationFailed(ExaminationFailure.SERVER_LOST) from error
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def server_pid(self) -> int | None:
        """The server's process number, for health pages; None while there is none."""
        server = self._server
        return None if server is None else server.pid

    def close(self) -> None:
        """End the server. The examiner may be used again afterwards."""
        with self._lock:
            self._end_server()

    def examine(self, data: bytes) -> Examination:
        """Examine one photo.

        Args:
            data: the file as it was sent, at most 64 MiB.

        Returns:
            The examination, checked for form and ranges; that it is true is not known.

        Raises:
            UnreadablePhoto: the photo cannot be read, with the reason.
            ExaminationFailed: no usable answer came; the examiner goes on with the next photo.
        """
        if len(data) > LARGEST_PHOTO:
            raise UnreadablePhoto(UnreadableReason.TOO_LARGE)
        with self._lock:
            frame, payload = self._ask(data)
        return _read_answer(frame, payload, self._expected)

    def _ask(self, data: bytes) -> tuple[Frame, bytes]:
        """Have the photo examined, once more if the server was lost on the way."""
        for _ in range(2):
            try:
                return _converse(self._running_server(), data, time.monotonic() + self._wall_s)
            except _ServerLost:
                self._end_server()
            except _TooSlow as error:
                self._end_server()
                raise ExaminationFailed(ExaminationFailure.TIME_LIMIT) from error
        raise ExaminationFailed(ExaminationFailure.SERVER_LOST)

    def _running_server(self) -> subprocess.Popen[bytes]:
        """The server, started and warm."""
        if self._server is not None and self._server.poll() is None:
            return self._server
        self._end_server()
        _tell_of_missing_walls()
        self._server = subprocess.Popen(  # noqa: S603 - the command is our own.
            [*self._command, json.dumps(asdict(self._limits)), *self._encoders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**_ENVIRONMENT, **_folders_of_networks()},
            cwd=_ROOT,
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        for stream in (self._server.stdin, self._server.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        try:
            frame, _ = _converse(self._server, None, time.monotonic() + START_LIMIT_S)
        except _TooSlow as error:
            self._end_server()
            raise ExaminationFailed(ExaminationFailure.SERVER_LOST) from error
        if frame is not Frame.READY:
            raise _ServerLost
        return self._server

    def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            with server:
                server.wait()


@cache
def _tell_of_missing_walls() -> None:
    """Say, once in a process, that photos are decoded with limits alone."""
    if confinement() != Confinement.FILTERED:
        log.warning("photos_decoded_without_filter", reason=confinement().value)


def _folders_of_networks() -> dict[str, str]:
    """Where this process finds networks, so that the server finds the same."""
    own = os.environ.get("HOMEWARD_MODELS")
    return {"HOMEWARD_WEIGHTS": str(weights_folder()), **({"HOMEWARD_MODELS": own} if own else {})}


def _converse(server: subprocess.Popen[bytes], photo: bytes | None, deadline: float) -> tuple[Frame, bytes]:
    """Send a photo, if there is one, and read one frame, never waiting beyond the deadline."""
    assert server.stdin is not None
    assert server.stdout is not None
    writing, reading = server.stdin.fileno(), server.stdout.fileno()
    unsent = memoryview(b"" if photo is None else LENGTH.pack(len(photo)) + photo)
    said = bytearray()
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    if unsent:
        poll.register(writing, select.POLLOUT)
    while (left := deadline - time.monotonic()) > 0:
        ready = dict(poll.poll(left * 1000))
        try:
            if writing in ready:
                unsent = unsent[os.write(writing, unsent) :]
                if not unsent:
                    poll.unregister(writing)
            if reading in ready:
                piece = os.read(reading, 1 << 20)
                if not piece:
                    raise _ServerLost
                said += piece
        except BrokenPipeError as error:
            raise _ServerLost from error
        if (frame := _whole_frame(said)) is not None:
            return frame
    raise _TooSlow


def _whole_frame(said: bytearray) -> tuple[Frame, bytes] | None:
    """The frame that has arrived; None as long as some of it is missing."""
    head = 1 + LENGTH.size
    if len(said) < head:
        return None
    (length,) = LENGTH.unpack_from(said, 1)
    if len(said) < head + length:
        return None
    return Frame(bytes(said[:1])), bytes(said[head : head + length])


def _read_answer(frame: Frame, payload: bytes, expected: Mapping[tuple[str, str], int]) -> Examination:
    """Turn a child's words into an examination or an error, believing none of them unchecked."""
    try:
        if frame is Frame.UNREADABLE:
            raise UnreadablePhoto(UnreadableReason(payload.decode()))
        if frame is Frame.FAILED:
            raise ExaminationFailed(ExaminationFailure(payload.decode()))
        examination = Examination.from_wire(payload)
    except (MalformedMessage, ValueError) as error:
        raise ExaminationFailed(ExaminationFailure.GARBAGE) from error
    if examination.encoders != tuple(expected):
        raise ExaminationFailed(ExaminationFailure.GARBAGE)
    for face in examination.faces:
        if [face.vector(place).size for place in range(len(expected))] != list(expected.values()):
            raise ExaminationFailed(ExaminationFailure.GARBAGE)
    return examination
