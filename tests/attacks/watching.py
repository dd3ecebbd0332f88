"""A worker under attack, what its children cost, and honest senders meanwhile."""

import http.client
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.attacks.hostile_jpeg import good
from tests.attacks.serving import Caller

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
LONGEST_WAIT_S = 1.0
"""Seconds that 99 of 100 honest requests may take at most."""


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def peak_mb(pid: int | None) -> float:
    """The most memory a process has had; nothing if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
    except OSError:
        return 0.0


class Children:
    """What the short-lived children of a process cost.

    Args:
        parent: tells the process; it may be another one later.
    """

    def __init__(self, parent: Callable[[], int | None]) -> None:
        self._parent = parent
        self._peak = 0.0
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watching.join()

    def cpu_s(self) -> float:
        """Processor seconds of all that have ended."""
        try:
            fields = Path(f"/proc/{self._parent()}/stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            return 0.0
        return (int(fields[13]) + int(fields[14])) / CLOCK_TICKS

    def peak_mb(self) -> float:
        """The most that one has had since this was asked last."""
        peak, self._peak = self._peak, 0.0
        return peak

    def _watch(self) -> None:
        while not self._over.wait(0.004):
            for child in children_of(self._parent() or 0):
                self._peak = max(self._peak, peak_mb(child))


class Worker:
    """The product's own worker for a deployment, ended with the block.

    Args:
        environment: of the deployment.
        log: file for its output.
    """

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self.children = Children(lambda: self.server)

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "worker"], env=self._environment, stdout=log, stderr=log
            )
        self.children.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.children.__exit__()
        self.process.terminate()
        self.process.wait(60)

    @property
    def server(self) -> int | None:
        """The process that decodes, if there is one now."""
        return next(iter(children_of(self.process.pid)), None)


class Honest:
    """Somebody who opens the form, and sends a good photo each twentieth time, over and over.

    Args:
        address: of the deployment.
    """

    def __init__(self, address: str) -> None:
        self.took: list[float] = []
        self.failed = 0
        self._address = address
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def well(self) -> bool:
        """Whether all were served, and nearly all soon."""
        return bool(self.took) and not self.failed and self._p99() < LONGEST_WAIT_S

    def said(self) -> str:
        """A line about how it went."""
        if not self.took:
            return "honest: nobody was served yet"
        return (
            f"honest: median {1000 * statistics.median(self.took):.0f} ms, p99 {1000 * self._p99():.0f} ms, "
            f"most {1000 * max(self.took):.0f} ms of {len(self.took)}, {self.failed} not served"
        )

    def _p99(self) -> float:
        return sorted(self.took)[int(0.99 * (len(self.took) - 1))]

    def _go_on(self) -> None:
        photo = good()
        for turn in range(1_000_000):
            if self._over.wait(0.2):
                return
            caller = Caller(self._address, f"127.2.{turn // 200 % 200}.{turn % 200 + 1}")
            try:
                reply = caller.get("/tip") if turn % 20 else caller.send("/tip", [photo], place_text="Futian")
            except OSError:
                self.failed += 1
                continue
            finally:
                caller.close()
            self.took.append(reply.seconds)
            self.failed += reply.status not in (http.client.OK, http.client.SEE_OTHER)
