"""A worker while its database does not answer."""

import sqlite3
import threading

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from app import pipeline, watches, worker
from app.core import jobs
from app.core.context import Context
from app.core.jobs import Claim
from app.worker import Worker
from tests.app.encoders.stub import Finds, examination


def test_a_database_that_does_not_answer_is_waited_for(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ended with it would leave every tip lying until somebody starts another."""
    done = threading.Event()
    troubles = iter(("database is locked", "disk I/O error"))
    whole = jobs.claim

    def claim(session: Session, name: str, lease_s: float) -> Claim | None:
        for trouble in troubles:
            raise OperationalError("SELECT", None, sqlite3.OperationalError(trouble))
        return whole(session, name, lease_s)

    monkeypatch.setattr(worker, "TROUBLE_S", 0.01)
    monkeypatch.setattr(jobs, "claim", claim)
    monkeypatch.setattr(watches, "run", lambda _context, _stopping: None)
    monkeypatch.setitem(pipeline.HANDLERS, "anything", lambda _tools, _args: done.set())
    with context.db.write() as session:
        jobs.enqueue(session, "anything")
    working = Worker(context, Finds(examination()))
    thread = threading.Thread(target=working.run)

    thread.start()
    finished = done.wait(30)
    working.stop()
    thread.join(30)

    assert finished
    assert not thread.is_alive()
