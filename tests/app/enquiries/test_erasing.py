"""Nothing of an enquiry can be read afterwards, wherever its process was killed."""

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import col, select

from app import pipeline
from app.audit.models import Action, AuditEvent
from app.core import jobs
from app.core.context import Context
from app.core.crypto import Unsealable
from app.core.files import PhotoStore
from app.core.jobs import Job
from app.enquiries import answering, erasing, service
from app.enquiries.models import Enquiry, Finding
from app.photos.examine_server import ExaminationFailure
from app.photos.sandbox import ExaminationFailed, Examiner
from app.tips.parts import NewPhoto
from app.worker import Worker
from matching.examination import Examination
from tests.app.enquiries.conftest import Ask, enquiries, picture
from tests.make import jpeg
from tests.stored import files, sealed_bytes

PICTURE = picture("p0007-tip0.jpg")


class Killed(BaseException):
    """Stands for kill -9."""


def readable(context: Context) -> int:
    """How many files of the store the database holds a key for that opens them."""
    count = 0
    for enquiry in enquiries(context):
        if enquiry.store_key and enquiry.sealed_key:
            try:
                context.store.get(enquiry.store_key, enquiry.sealed_key)
            except (FileNotFoundError, Unsealable):
                continue
            count += 1
    return count


def in_the_past(context: Context, **ago: float) -> None:
    """Let everything asked have been asked earlier."""
    with context.db.write() as session:
        for enquiry in session.exec(select(Enquiry)):
            enquiry.asked_at -= timedelta(**ago)
            enquiry.shown_from -= timedelta(**ago)
            session.add(enquiry)


class TestErasing:
    def test_the_picture_goes_with_the_answer(self, context: Context, ask: Ask, worker: Worker) -> None:
        """File, key and name of the file."""
        ask(PICTURE)
        assert len(files(context)) == 1

        worker.run_until_idle()

        assert files(context) == []
        (enquiry,) = enquiries(context)
        assert (enquiry.store_key, enquiry.sealed_key) == (None, None)
        assert enquiry.finding == Finding.NEW

    def test_nothing_of_the_picture_is_left_in_any_file(
        self, context: Context, ask: Ask, worker: Worker
    ) -> None:
        """No hash, no fingerprint, no byte of it in the clear."""
        answer = ask(PICTURE)
        worker.run_until_idle()
        assert answer.status_code == 303

        everything = b"".join(
            path.read_bytes() for path in context.settings.data_dir.rglob("*") if path.is_file()
        )

        assert PICTURE[1000:1100] not in everything
        assert hashlib.sha256(PICTURE).hexdigest().encode() not in everything
        assert hashlib.sha256(PICTURE).digest() not in everything

    def test_rows_go_after_a_day(self, context: Context, ask: Ask, worker: Worker) -> None:
        """The log keeps that somebody asked; nothing else does."""
        ask(PICTURE)
        worker.run_until_idle()
        in_the_past(context, hours=23)
        kept = erasing.tidy(context)
        in_the_past(context, hours=2)

        assert (kept, erasing.tidy(context)) == (0, 1)

        assert enquiries(context) == []

    def test_a_picture_that_no_worker_took_up_is_erased(self, context: Context, ask: Ask) -> None:
        """And its sender is told to ask again."""
        ask(PICTURE)
        erasing.tidy(context)
        assert readable(context) == 1
        in_the_past(context, hours=2)

        erasing.tidy(context)

        assert readable(context) == 0
        assert files(context) == []
        assert [enquiry.finding for enquiry in enquiries(context)] == [Finding.UNREADABLE]

    def test_a_job_that_comes_late_finds_nothing_to_do(
        self, context: Context, ask: Ask, worker: Worker
    ) -> None:
        """Answered, or gone: it changes nothing and does not fail."""
        ask(PICTURE)
        in_the_past(context, hours=30)
        erasing.tidy(context)

        worker.run_until_idle()

        assert enquiries(context) == []
        with context.db.read() as session:
            assert session.exec(select(Job.error).where(Job.kind == "answer_enquiry")).all() == [None]


class TestKills:
    def test_killed_between_file_and_row(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        """A sealed file is left whose key was never written."""

        def killed(*_arguments: object, **_named: object) -> None:
            raise Killed

        monkeypatch.setattr(jobs, "enqueue", killed)
        with pytest.raises(Killed):
            service.ask(context, NewPhoto(PICTURE, "JPEG"))

        assert len(files(context)) == 1
        assert enquiries(context) == []
        assert PICTURE[1000:1100] not in sealed_bytes(context)

    def test_killed_between_answer_and_file(
        self, context: Context, ask: Ask, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file cannot be opened any more, and the next look erases it."""
        ask(PICTURE)

        def killed(_store: PhotoStore, _key: str) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(PhotoStore, "delete", killed)
            with pytest.raises(Killed):
                worker.run_one()

        assert len(files(context)) == 1
        assert readable(context) == 0
        assert [enquiry.finding for enquiry in enquiries(context)] == [Finding.NEW]
        erasing.tidy(context)
        assert files(context) == []
        assert [enquiry.store_key for enquiry in enquiries(context)] == [None]

    def test_killed_before_the_answer_it_is_answered_again(
        self, context: Context, ask: Ask, examiner: Examiner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Once, whoever does it."""
        ask(PICTURE)
        (enquiry,) = enquiries(context)

        def killed(*_arguments: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(answering, "conclude", killed)
            with pytest.raises(Killed):
                answering.answer(context, examiner, enquiry.id)
        for _ in range(2):
            answering.answer(context, examiner, enquiry.id)

        assert files(context) == []
        with context.db.read() as session:
            told = session.exec(select(AuditEvent).where(col(AuditEvent.action) == Action.ENQUIRY_ANSWERED))
            assert len(told.all()) == 1


class TestFailures:
    def test_a_job_that_keeps_failing_is_answered(self, context: Context, ask: Ask) -> None:
        """Nobody of its moment waits for ever."""
        ask(jpeg(size=(400, 300)))
        (enquiry,) = enquiries(context)

        with context.db.write() as session:
            pipeline.give_up(session, "answer_enquiry", {"enquiry_id": str(enquiry.id)}, "a test")

        assert [row.finding for row in enquiries(context)] == [Finding.UNREADABLE]
        assert readable(context) == 0

    @pytest.mark.parametrize("reason", [ExaminationFailure.SERVER_LOST, ExaminationFailure.TIME_LIMIT])
    def test_only_a_lost_server_is_tried_again(
        self, context: Context, ask: Ask, reason: ExaminationFailure
    ) -> None:
        """Any other failure says something about the picture."""

        class Failing:
            def examine(self, data: bytes) -> Examination:
                assert data
                raise ExaminationFailed(reason)

        ask(jpeg(size=(400, 300)))
        (enquiry,) = enquiries(context)

        try:
            answering.answer(context, Failing(), enquiry.id)
        except ExaminationFailed:
            again = True
        else:
            again = False

        assert again is (reason == ExaminationFailure.SERVER_LOST)
        assert (enquiries(context)[0].finding is None) is again
