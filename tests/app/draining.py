"""A worker process whose job takes as long as it is told: `python -m tests.app.draining SECONDS NOTES`."""

import sys
import time
from pathlib import Path

from app import pipeline, watches
from app.core.context import open_context
from app.core.settings import Settings
from app.worker import Worker, run_until_told
from tests.app.encoders.stub import Finds, examination


def main(seconds: float, notes: Path) -> None:
    """Run the worker until it is told to end; notes get a line when the job begins and when it is done."""

    def work(_tools: object, _args: object) -> None:
        for line in ("begun", "done"):
            with notes.open("a") as file:
                file.write(f"{line}\n")
            if line == "begun":
                time.sleep(seconds)

    pipeline.HANDLERS["long"] = work
    watches.WATCHES = watches.WATCHES[:1]
    run_until_told(Worker(open_context(Settings()), Finds(examination())))


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
