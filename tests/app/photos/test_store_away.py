"""The photo store goes away and comes back: nothing is lost, nothing is given up, everybody is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from app.audit.models import Action, AuditEvent
from app.cli import main
from app.core.context import Context, open_context
from app.core.jobs import Job, JobState
from app.core.objects import StoreUnreachable
from app.core.settings import Settings
from app.doctor import checks
from app.main import create_app
from app.photos.models import Photo, PhotoState
from app.photos.sandbox import Examiner
from app.tips.models import Tip
from app.worker import Worker
from tests.conftest import Client, environment_of
from tests.make import Make, jpeg
from tests.servers import s3
from tests.servers.s3 import S3Server


@pytest.fixture
def server() -> S3Server:
    """The real server; it is killed and started again."""
    return s3.shared()


@pytest.fixture
def bucketed(context: Context, server: S3Server, tmp_path: Path) -> Iterator[Context]:
    """A deployment whose photos lie in a bucket."""
    opened = open_context(in_bucket(context.settings, server, tmp_path.name))
    yield opened
    opened.close()


def in_bucket(settings: Settings, server: S3Server, prefix: str) -> Settings:
    """The same settings, with photos in a bucket."""
    place = {"photo_store_url": server.url(prefix), "photo_store_secret_file": server.secret_file}
    return settings.model_copy(update=place)


def counts(context: Context) -> tuple[int, int]:
    """How many tips and how many audit rows there are."""
    with context.db.read() as session:
        tips = session.exec(select(func.count()).select_from(Tip)).one()
        return tips, session.exec(select(func.count()).select_from(AuditEvent)).one()


def test_it_is_killed_and_comes_back(bucketed: Context, server: S3Server, examiner: Examiner) -> None:
    """A citizen is refused politely, an officer told, the worker waits and gives nothing up; all goes on."""
    client, worker, officer = (
        Client(create_app(bucketed), bucketed),
        Worker(bucketed, examiner),
        Make(bucketed).officer(area="CN"),
    )

    def send(place: str, colour: int) -> int:
        photo = ("photos", ("a.jpg", jpeg((colour, 0, 0)), "image/jpeg"))
        answer = client.post("/tip", files=[photo, ("place_text", (None, place))])
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            assert place in answer.text, "what was typed is kept"
        return answer.status_code

    assert send("before", 10) < 400
    worker.run_until_idle()
    assert send("just before", 20) < 400
    before = counts(bucketed)
    server.kill()
    try:
        assert send("meanwhile", 30) == 503
        assert counts(bucketed) == before, "nothing is half kept"
        for _ in range(bucketed.settings.job_attempts + 2):
            assert_waits(bucketed, worker)
        seen = client.get(f"/console/photos/{first_photo(bucketed).id}/scene", as_=officer)
        assert seen.status_code == 503
        assert viewed(bucketed) == 0, "what was not shown was not seen"
        told = {one.check: one for one in checks.examine(bucketed) if one.level.value == "broken"}
        assert "does not answer" in told["store"].says
        assert "files" not in told, "unreachable is not gone"
        open_context(bucketed.settings).close()  # a process that starts meanwhile waits like the others
    finally:
        server.start()

    assert send("meanwhile", 30) < 400
    make_due(bucketed)
    worker.run_until_idle()

    with bucketed.db.read() as session:
        assert session.exec(select(Photo.state)).all() == [PhotoState.EXAMINED] * 3
        assert not session.exec(select(Job).where(col(Job.state) != JobState.DONE)).all()
    assert client.get(f"/console/photos/{first_photo(bucketed).id}/scene", as_=officer).status_code == 200
    assert not [one for one in checks.examine(bucketed) if one.check in ("store", "files") and one.do]


def assert_waits(context: Context, worker: Worker) -> None:
    """One more look at the queue changes nothing in it."""
    make_due(context)
    with pytest.raises(StoreUnreachable):
        worker.run_one()
    with context.db.read() as session:
        waiting = session.exec(select(Job).where(col(Job.state) != JobState.DONE)).one()
        assert (waiting.state, waiting.attempts) == (JobState.READY, 0)


def make_due(context: Context) -> None:
    """Spare the test the pause between two tries."""
    with context.db.write() as session:
        for job in session.exec(select(Job).where(col(Job.state) == JobState.READY)):
            job.run_at = job.created_at
            session.add(job)


def first_photo(context: Context) -> Photo:
    """The photo that came in first."""
    with context.db.read() as session:
        return session.exec(select(Photo).order_by(col(Photo.received_at)).limit(1)).one()


def viewed(context: Context) -> int:
    """How many looks at photos are in the audit log."""
    with context.db.read() as session:
        return len(session.exec(select(AuditEvent).where(AuditEvent.action == Action.PHOTO_VIEWED)).all())


@pytest.mark.parametrize(
    ("bucket", "secret", "sentence"),
    [
        ("nowhere", "", "has no bucket nowhere"),
        ("photos", "a-secret-that-nobody-shows", "refuses our keys"),
    ],
)
def test_a_wrong_place_ends_the_start_with_one_sentence(
    context: Context,
    server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bucket: str,
    secret: str,
    sentence: str,
) -> None:
    """Before anything is served; the keys are shown nowhere."""
    keys = tmp_path / "bucket"
    keys.write_text(f"{s3.ACCESS_KEY}\n{secret or s3.SECRET_KEY}\n")
    keys.chmod(0o600)
    place = {"photo_store_url": server.url("p", bucket), "photo_store_secret_file": keys}
    for name, value in environment_of(context.settings.model_copy(update=place)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["homeward", "doctor"])
    monkeypatch.setattr("app.core.log.configure", lambda: None)  # the other tests' logs stay as they are

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr()
    assert sentence in str(ended.value)
    for hidden in (s3.SECRET_KEY, "a-secret-that-nobody-shows"):
        assert hidden not in f"{ended.value}{said.out}{said.err}"
