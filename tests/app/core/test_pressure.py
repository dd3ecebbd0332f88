"""Back-pressure: bulk waits while the queue is long or late, and a citizen's tip never does."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.core import jobs, pressure, workers
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Unavailable
from app.core.jobs import Job, Urgency
from app.core.workers import WorkerProcess
from app.main import create_app
from app.records import importing
from app.records.models import Record
from app.tips import storing
from tests.app.partners.calls import bearing, make_key, send_batch
from tests.conftest import Client
from tests.make import jpeg

MANY = 3


def with_settings(context: Context, **values: float) -> Context:
    settings = context.settings.model_copy(update={"backlog_jobs": MANY, **values})
    return Context(settings, context.keys, context.db, context.store)


@pytest.fixture
def busy(context: Context) -> Context:
    """A deployment with more jobs than it is meant to have, and a worker."""
    with context.db.write() as session:
        for _ in range(MANY + 1):
            jobs.enqueue(session, "retroact")
        workers.seen(session, WorkerProcess(name="w-1", pid=1, version="1"), 0, stopping=False)
    return with_settings(context)


def finish_all(context: Context) -> None:
    with context.db.write() as session:
        while held := jobs.claim(session, "w", 60):
            jobs.finish(session, held.id, "w")


def folder_of(tmp_path: Path) -> Path:
    with (tmp_path / "records.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "missing_since", "jurisdiction_code", "photos"])
        writer.writerow(["S1", "Wu Yan", "2024-03-01", "440304", "one.jpg"])
    (tmp_path / "one.jpg").write_bytes(jpeg())
    return tmp_path


class TestMeasure:
    def test_long_is_high(self, context: Context, busy: Context) -> None:
        """And what is done is no more counted."""
        with context.db.read() as session:
            assert pressure.measure(session, busy.settings).is_high(busy.settings)
        finish_all(context)
        with context.db.read() as session:
            assert pressure.measure(session, busy.settings) == pressure.Pressure(0, 0.0, 1)

    @pytest.mark.parametrize(("urgency", "high"), [(Urgency.PEOPLE, True), (Urgency.BULK, False)])
    def test_late_is_high(self, context: Context, urgency: Urgency, high: bool) -> None:  # noqa: FBT001
        """Late is what its turn has passed: bulk stands back for an hour, and is late after it."""
        settings = context.settings
        with context.db.write() as session:
            jobs.enqueue(session, "danger", urgency=Urgency.DANGER)
            jobs.enqueue(session, "work", urgency=urgency)
            for job in session.exec(select(Job)):
                job.turn -= timedelta(minutes=settings.backlog_minutes + 1)
        with context.db.read() as session:
            assert pressure.measure(session, settings).is_high(settings) is high


class TestPartners:
    def test_bulk_is_put_off_with_a_moment_and_single_tips_are_taken(
        self, context: Context, busy: Context
    ) -> None:
        """A citizen's tip, and one that a partner hands on, come in whatever waits."""
        key = make_key(context).key
        client = Client(create_app(busy), busy)
        item = {"idempotency_key": "item-0001", "place_text": "Exit 1", "photos": ["one"]}

        put_off = send_batch(client, key, [item], one=jpeg())
        citizen = client.post(
            "/tip",
            data={"submission": "a" * 22, "place_text": "Exit 2", "description": "A child."},
            files=[("photos", ("photo.jpg", jpeg(), "image/jpeg"))],
        )
        single = client.post(
            "/api/v1/tips",
            headers={**bearing(key), "Idempotency-Key": "single-0001"},
            data={"place_text": "Exit 3"},
            files=[("photos", ("photo.jpg", jpeg((1, 2, 3)), "image/jpeg"))],
        )

        assert (put_off.status_code, put_off.headers["Retry-After"]) == (503, str(pressure.RETRY_AFTER_S))
        assert citizen.status_code == 303
        assert single.status_code == 201, single.text

    @pytest.mark.parametrize("path", ["records/import", "pfif/records"])
    def test_imports_are_put_off(self, busy: Context, path: str) -> None:
        """Before their body is read."""
        answer = Client(create_app(busy), busy).post(f"/api/v1/{path}", content=b"{}")

        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


class TestProducers:
    def test_an_import_pauses_until_the_queue_is_short(
        self, busy: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And its searches stand back as bulk."""
        waited: list[float] = []

        def pause(seconds: float) -> None:
            waited.append(seconds)
            with busy.db.read() as session:
                assert session.exec(select(Record)).first() is None
            finish_all(busy)

        monkeypatch.setattr("app.core.pressure.time.sleep", pause)
        importing.import_folder(busy, folder_of(tmp_path))

        assert waited == [pressure.PAUSE_S]
        with busy.db.read() as session:
            (lane,) = session.exec(select(Job.lane).where(Job.kind == "examine_reference")).all()
        assert lane == "area 440304 bulk"

    def test_without_a_worker_nothing_is_waited_for(self, context: Context, busy: Context) -> None:
        """A registry may be imported before the first worker starts."""
        with context.db.write() as session:
            for process in workers.known(session):
                process.seen_at = now() - timedelta(hours=1)
                session.add(process)

        assert pressure.wait_for_calm(busy) == 0

    def test_without_room_an_import_ends_in_plain_words(
        self, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before the disk is full, as for tips."""

        def no_room(_context: Context) -> None:
            raise OSError

        monkeypatch.setattr(storing, "check_room", no_room)
        with pytest.raises(Unavailable, match="too little room"):
            importing.import_folder(context, folder_of(tmp_path))
