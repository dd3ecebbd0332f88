"""`homeward run`: one web process and the workers, started again when they die, stopped together."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import structlog

from app.core.settings import Settings

log = structlog.get_logger()

CHECK_EVERY_S = 0.5
RESTART_PAUSE_S = 1.0
"""A process that dies at once is not started more often than this."""
GRACE_S = 25.0
"""The web may finish its uploads, a worker its job or give it back, before they are ended."""
GIVING_BACK_S = 5.0
"""What a worker has besides its own time to finish, to give its job back."""
PR_SET_PDEATHSIG = 1


@dataclass
class _Child:
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = field(default=0.0)


def run(settings: Settings, *, until: threading.Event | None = None, log_dir: Path | None = None) -> None:
    """Keep web and workers running until Ctrl-C or SIGTERM.

    Args:
        settings: read by the children from the same environment.
        until: set when the run ends, and ends it when set.
        log_dir: where the children's logs go; None for the terminal.
    """
    stopping = until or threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    children = [_Child(("serve",)), *(_Child(("worker",)) for _ in range(settings.workers))]
    try:
        while not stopping.is_set():
            for child in children:
                _keep_alive(child, log_dir)
            stopping.wait(CHECK_EVERY_S)
    finally:
        stopping.set()
        _end(children, max(GRACE_S, settings.drain_seconds + GIVING_BACK_S))


def _keep_alive(child: _Child, log_dir: Path | None) -> None:
    if child.process is not None and child.process.poll() is None:
        return
    if child.process is not None:
        log.warning("process_ended", state=child.arguments[0], count=child.process.returncode)
        time.sleep(max(0.0, child.started + RESTART_PAUSE_S - time.monotonic()))
    child.started = time.monotonic()
    with _log(child, log_dir) as output:
        child.process = _start(child.arguments, output)


def _start(arguments: tuple[str, ...], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "app", *arguments],
        stdout=output,
        stderr=output,
        start_new_session=True,  # Ctrl-C reaches the children through _end, once
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - calls one system call and touches no lock
    )


def _log(child: _Child, log_dir: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    if log_dir is None:
        return nullcontext()
    log_dir.mkdir(parents=True, exist_ok=True)
    return (log_dir / f"{child.arguments[0]}.log").open("ab")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(children: list[_Child], grace_s: float) -> None:
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + grace_s
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
