"""Start a process of Homeward under the conditions of a campaign; the product knows none of them.

The processes are forked from one that has imported everything, so that a start costs tenths of a second; each
is a process of its own, with its own files, that may be killed like any other.
"""

import itertools
import multiprocessing
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

from sqlmodel import Session

from app.core import clock, db
from app.core.db import Database

SPOILED = ("no-fsync", "synchronous-normal", "no-sync")
DIED = 9
"""Status of a process that ended in the middle of its work."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["app.main", "app.worker", "app.core.web.serving", "alembic.command", "uvicorn", "tests.faults.launch"]
)


@dataclass(frozen=True)
class Conditions:
    """What a process meets.

    Attributes:
        environment: its variables.
        log: file that its output is appended to.
        clock: file with the seconds by which its clock is wrong.
        spoil: the promise that is broken in it, or nothing.
        dies_at: the transaction at which it ends, counted from 1; 0 for none.
        before: it ends before that transaction's commit, not after it.
    """

    environment: dict[str, str]
    log: Path
    clock: Path
    spoil: str = ""
    dies_at: int = 0
    before: bool = False


def start(name: str, conditions: Conditions) -> ForkServerProcess:
    """Start `serve`, `worker` or another command of one word."""
    process = _context.Process(target=_main, args=(name, conditions))
    process.start()
    return process


def _main(name: str, conditions: Conditions) -> None:
    os.environ.clear()
    os.environ.update(conditions.environment)
    log = os.open(conditions.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    _spoil(conditions.spoil)
    _shift_clock(conditions.clock)
    if conditions.dies_at:
        _die_at(conditions.dies_at, before=conditions.before)
    sys.argv = ["homeward", name]
    runpy.run_module("app", run_name="__main__", alter_sys=True)


def _no_sync(_handle: object) -> None:
    """Claim that the disk has it."""


def _spoil(spoil: str) -> None:
    if spoil in {"no-fsync", "no-sync"}:
        setattr(os, "fsync", _no_sync)  # noqa: B010 - mypy knows that a function is no variable
    if spoil == "no-sync":
        db.PRAGMAS["synchronous"] = "0"
    if spoil == "synchronous-normal":
        db.PRAGMAS["synchronous"] = "1"


def _shift_clock(file: Path) -> None:
    """Let the one clock read a file for how wrong it is."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            seconds = float(file.read_text() or 0) if file.exists() else 0.0
            return super().now(tz) + timedelta(seconds=seconds)

    setattr(clock, "datetime", Shifted)  # noqa: B010 - mypy knows that a class is no variable


def _die_at(nth: int, *, before: bool) -> None:
    """End the process without a word at its nth writing transaction."""
    turns = itertools.count(1)
    whole = Database.write

    @contextmanager
    def write(database: Database) -> Iterator[Session]:
        turn = next(turns)
        with whole(database) as session:
            yield session
            session.flush()
            if turn == nth and before:
                os._exit(DIED)
        if turn == nth:
            os._exit(DIED)

    setattr(Database, "write", write)  # noqa: B010 - mypy knows that a function is no variable
