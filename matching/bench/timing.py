"""Processor time and memory of a step, each in a process of its own."""

import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final, TypeVar

from matching.bench.steps import STEPS

_STATUS: Final = Path("/proc/self/status")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """What a step took, repeated in a process that did nothing else."""

    median_ms: float
    """Processor milliseconds."""
    low_ms: float
    high_ms: float
    peak_mb: float
    """Largest resident memory of the process, interpreter and networks included, in 10^6 bytes."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What processes got through side by side."""

    photos_per_s: float
    """Of all of them, by the clock."""
    peak_mb: float
    """Of the largest."""


def timed(step: str, jpeg: bytes, repeat: int) -> Timing:
    """Time a step in a new process.

    Args:
        step: its name in `STEPS`.
        jpeg: the photo.
        repeat: times that count, after one that does not.
    """
    return in_new_process(_time, step, jpeg, repeat)


def in_new_process(work: Callable[..., T], *arguments: object) -> T:
    """Call a function in a process that starts from nothing, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def side_by_side(step: str, jpeg: bytes, processes: int, seconds: float) -> Rate:
    """Repeat a step in several processes at once.

    Args:
        step: its name in `STEPS`.
        jpeg: the photo.
        processes: how many.
        seconds: by the clock, after which no process begins another photo.
    """
    context = get_context("spawn")
    start = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _keep, (start,)) as pool:
        runs = [pool.submit(_repeat_together, step, jpeg, seconds) for _ in range(processes)]
        done = [run.result() for run in runs]
    return Rate(sum(rate for rate, _ in done), max(peak for _, peak in done))


_start: list[Barrier] = []
"""What the processes of one measurement wait for; it cannot travel with a task."""


def _keep(start: Barrier) -> None:
    _start.append(start)


def _time(name: str, jpeg: bytes, repeat: int) -> Timing:
    step = STEPS[name](jpeg)
    step()
    taken: list[float] = []
    for _ in range(repeat):
        before = time.process_time()
        step()
        taken.append(1000 * (time.process_time() - before))
    return Timing(statistics.median(taken), min(taken), max(taken), _peak_mb())


def _repeat_together(name: str, jpeg: bytes, seconds: float) -> tuple[float, float]:
    """Photos a second of this process, and its memory."""
    step = STEPS[name](jpeg)
    step()
    _start[0].wait()
    before, photos = time.perf_counter(), 0
    while not photos or time.perf_counter() - before < seconds:
        step()
        photos += 1
    return photos / (time.perf_counter() - before), _peak_mb()


def _peak_mb() -> float:
    # getrusage also counts what the parent held when it started this process, so the kernel's own mark is
    # read where there is one.
    if _STATUS.is_file():
        fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if os.uname().sysname == "Darwin" else peak * 1024 / 1e6
