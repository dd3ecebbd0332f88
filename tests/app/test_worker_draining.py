"""A worker that is told to end: real processes, real signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlmodel import select

from app.core import jobs, workers
from app.core.context import Context
from app.core.jobs import Job, JobState
from tests.conftest import environment_of

PATIENCE_S = 60.0


def start(context: Context, drain_s: float, seconds: float, notes: Path) -> subprocess.Popen[bytes]:
    """A worker whose job takes so many seconds, and which may take so many to finish it."""
    environment = {
        **os.environ,
        **environment_of(context.settings),
        "HOMEWARD_DRAIN_SECONDS": str(drain_s),
        "HOMEWARD_JOB_LEASE_SECONDS": "600",
    }
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.app.draining", str(seconds), str(notes)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def wait_for(notes: Path, line: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not notes.exists() or line not in notes.read_text().split():
        assert time.monotonic() < deadline, f"not {line}"
        time.sleep(0.05)


def the_job(context: Context) -> Job:
    with context.db.read() as session:
        return session.exec(select(Job).where(Job.kind == "long")).one()


@pytest.fixture
def asked(context: Context) -> Context:
    """A deployment in which a long job waits."""
    with context.db.write() as session:
        jobs.enqueue(session, "long")
    return context


def test_a_job_that_takes_too_long_is_given_back_and_done_by_another(asked: Context, tmp_path: Path) -> None:
    """At once, not when its lease of ten minutes runs out; and the try is not counted."""
    notes, then = tmp_path / "notes", tmp_path / "then"
    process = start(asked, 0.5, 3600, notes)
    wait_for(notes, "begun")
    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_S) == 0
    given_back = the_job(asked)
    assert (given_back.state, given_back.attempts, given_back.worker) == (JobState.READY, 0, None)
    assert notes.read_text().split() == ["begun"]
    with asked.db.read() as session:
        assert workers.known(session) == []

    other = start(asked, 20, 0, then)
    wait_for(then, "done")
    other.send_signal(signal.SIGTERM)
    assert other.wait(PATIENCE_S) == 0
    assert (the_job(asked).state, the_job(asked).attempts) == (JobState.DONE, 1)


def test_a_job_within_its_time_is_finished_and_no_further_one_begun(asked: Context, tmp_path: Path) -> None:
    """What waits is left for others."""
    with asked.db.write() as session:
        jobs.enqueue(session, "next")
    notes = tmp_path / "notes"
    process = start(asked, 600, 1.5, notes)
    wait_for(notes, "begun")
    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_S) == 0
    assert (the_job(asked).state, notes.read_text().split()) == (JobState.DONE, ["begun", "done"])
    with asked.db.read() as session:
        assert session.exec(select(Job.state).where(Job.kind == "next")).one() == JobState.READY
