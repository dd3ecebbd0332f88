"""Workers and queue before an administrator, and by command line: all of it, and nobody's data."""

from datetime import timedelta

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli
from app.audit.models import Action, AuditEvent
from app.core import jobs, workers
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job, JobState, Urgency
from app.core.workers import VANISHED_S, WorkerProcess
from app.officers.models import Role
from tests.conftest import Client, environment_of
from tests.make import Make

PLANTED = "planted-7f3a"


@pytest.fixture
def parked(context: Context) -> Job:
    """A job that was set aside, with words in it that nobody is to read."""
    with context.db.write() as session:
        jobs.enqueue(session, "process_tip", urgency=Urgency.DANGER, lane="area 440304", words=PLANTED)
        held = jobs.claim(session, "w", 60)
        assert held is not None
        jobs.park(session, held.id, "w", "KeyError")
        return session.get_one(Job, held.id)


def state_of(context: Context, job: Job) -> JobState:
    with context.db.read() as session:
        return session.get_one(Job, job.id).state


def retried(context: Context) -> list[str]:
    with context.db.read() as session:
        return list(
            session.exec(select(AuditEvent.subject_id).where(AuditEvent.action == Action.JOB_RETRIED))
        )


class TestPage:
    @pytest.mark.usefixtures("parked")
    def test_it_shows_workers_what_waits_and_what_was_set_aside(
        self, context: Context, make: Make, client: Client
    ) -> None:
        """What a worker works on stands in its job: no heartbeat is needed to know it."""
        admin = make.officer(Role.ADMIN, area="CN")
        with context.db.write() as session:
            workers.seen(session, WorkerProcess(name="w-1", pid=4711, version="1"), 12, stopping=False)
            jobs.enqueue(session, "retroact", lane="area 440304")
            jobs.claim(session, "w-1", 60)
            jobs.enqueue(session, "process_tip", urgency=Urgency.PEOPLE, lane="area 440300")

        page = client.get("/console/workers", as_=admin).text

        for shown in ("w-1", "4711", "A record is compared", "area 440300", "People wait", "KeyError"):
            assert shown in page
        assert PLANTED not in page

    def test_one_and_all_are_tried_again_and_noted(
        self, context: Context, make: Make, client: Client, parked: Job
    ) -> None:
        """Twice is once: what is not set aside is not there."""
        admin = make.officer(Role.ADMIN, area="CN")
        one = f"/console/workers/jobs/{parked.id}/retry"

        assert client.post(one, as_=admin).status_code == 303
        assert state_of(context, parked) == JobState.READY
        assert client.post(one, as_=admin).status_code == 404
        assert client.post("/console/workers/jobs/retry", as_=admin).status_code == 303
        assert retried(context) == [str(parked.id)]

    def test_an_administrator_of_a_province_reads_nothing_of_it(self, make: Make, client: Client) -> None:
        """The queue has no area."""
        admin = make.officer(Role.ADMIN, area="440000")

        assert client.get("/console/workers", as_=admin).status_code == 403


class TestCommands:
    def test_list_show_and_unpark(
        self, context: Context, parked: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without personal data; trying again is noted in the audit log."""
        for name, value in environment_of(context.settings).items():
            monkeypatch.setenv(name, value)

        def run(*words: str) -> str:
            result = CliRunner().invoke(cli.app, ["jobs", *words])
            assert result.exit_code == 0, result.output
            return result.output

        listed, shown = run("list"), run("show", str(parked.id))
        assert str(parked.id) in listed
        assert "KeyError" in listed
        assert "words: (not shown)" in shown
        assert PLANTED not in listed + shown
        assert "1 will be tried again" in run("unpark", "--all")
        assert state_of(context, parked) == JobState.READY
        assert retried(context) == [str(parked.id)]
        assert str(parked.id) in run("list", "--state", "ready")


class TestHeartbeat:
    def test_a_worker_appears_is_seen_and_leaves(self, context: Context) -> None:
        """One that was forgotten appears again with its next heartbeat."""
        process = WorkerProcess(name="w-1", pid=1, version="1")
        with context.db.write() as session:
            workers.seen(session, process, 1, stopping=False)
            workers.seen(session, process, 2, stopping=True)
            (known,) = workers.known(session)
            assert (known.jobs_done, known.stopping, workers.count_alive(session)) == (2, True, 1)
            known.seen_at = now() - timedelta(seconds=VANISHED_S + 1)
            session.add(known)
            session.flush()
            assert (workers.count_alive(session), workers.forget_vanished(session)) == (0, 1)
        with context.db.write() as session:
            workers.seen(session, process, 3, stopping=False)
            assert len(workers.known(session)) == 1
            workers.leave(session, process.id)
            assert workers.known(session) == []
