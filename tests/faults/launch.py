"""Start a process of Homeward with one of its promises broken: the campaign must notice.

The variable `FAULTS_SPOIL` is read here alone; the product has no such setting.
"""

import os
import runpy

from app.core import db

SPOIL = "FAULTS_SPOIL"


def _no_sync(_handle: object) -> None:
    """Claim that the disk has it."""


def main() -> None:
    """Spoil what was asked for, then run the command line."""
    spoiled = os.environ[SPOIL]
    if spoiled in {"no-fsync", "no-sync"}:
        setattr(os, "fsync", _no_sync)  # noqa: B010 - mypy knows that a function is no variable
    if spoiled == "no-sync":
        db.PRAGMAS["synchronous"] = "0"
    if spoiled == "synchronous-normal":
        db.PRAGMAS["synchronous"] = "1"
    runpy.run_module("app", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
