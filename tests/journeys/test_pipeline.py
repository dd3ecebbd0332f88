"""From a received tip to candidates, with the real decode server, encoder, database and files."""

import io
from pathlib import Path

import pytest
from PIL import Image
from sqlmodel import col, select

from app import pipeline
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM, officer_actor
from app.candidates.models import Candidate, CandidateList, CandidateState, SearchCause
from app.core import jobs
from app.core.context import Context
from app.core.jobs import Job, JobState
from app.officers.models import Role
from app.photos import moving
from app.photos.examine_server import ExaminationFailure
from app.photos.models import Face, Photo, PhotoState, Rendition, Template
from app.photos.sandbox import ExaminationFailed, Examiner
from app.records import service as records
from app.records.fields import fields_of
from app.records.models import Record, RecordState
from app.tips import progress
from app.tips.models import Disposition, Tip, TipState
from app.worker import Worker
from matching.examination import Examination
from tests.make import Make, jpeg

PICTURES = Path(__file__).parents[2] / "app" / "demo" / "pictures"


def picture(name: str) -> bytes:
    return (PICTURES / name).read_bytes()


def smaller(data: bytes, scale: float = 0.7, quality: int = 60) -> bytes:
    """The same picture as a messenger would pass it on."""
    with Image.open(io.BytesIO(data)) as opened:
        copy = opened.resize((round(opened.width * scale), round(opened.height * scale)))
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def candidates(context: Context, tip: Tip) -> list[Candidate]:
    with context.db.read() as session:
        return list(
            session.exec(select(Candidate).where(Candidate.tip_id == tip.id).order_by(col(Candidate.rank)))
        )


def fresh(context: Context, tip: Tip) -> Tip:
    with context.db.read() as session:
        return session.get_one(Tip, tip.id)


class TestSearch:
    def test_the_right_record_stands_first(self, context: Context, make: Make, worker: Worker) -> None:
        """A child whose record is open is put before an officer."""
        right = make.sent_record(picture("p0007-portrait0.jpg"))
        for other in ("p0008-portrait0.jpg", "p0005-portrait0.jpg", "p0003-portrait0.jpg"):
            make.sent_record(picture(other))
        worker.run_until_idle()

        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        found = candidates(context, tip)
        assert found[0].record_id == right.id
        assert found[0].score >= found[0].threshold
        assert fresh(context, tip).state == TipState.ROUTED
        assert fresh(context, tip).jurisdiction_code == "440304"
        with context.db.read() as session:
            made = session.exec(select(CandidateList).where(CandidateList.id == found[0].list_id)).one()
        assert made.gallery_size == 4
        assert 0 < made.expected_false < 1
        assert made.encoder_version

    def test_a_person_without_a_record_reaches_the_officers_without_a_candidate(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """Nobody alike is an answer too, and the tip is not dropped."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        tip = make.sent_tip(picture("p0052-tip0.jpg"))
        worker.run_until_idle()

        assert candidates(context, tip) == []
        assert fresh(context, tip).state == TipState.ROUTED

    def test_a_closed_record_is_not_searched(self, context: Context, make: Make, worker: Worker) -> None:
        """A child who was found is not looked for."""
        record = make.sent_record(picture("p0007-portrait0.jpg"))
        worker.run_until_idle()
        with context.db.write() as session:
            closed = session.get_one(Record, record.id)
            closed.state = RecordState.CLOSED
            session.add(closed)

        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        assert candidates(context, tip) == []

    def test_a_later_record_finds_the_earlier_tip(self, context: Context, make: Make, worker: Worker) -> None:
        """Retroaction: the tip came first."""
        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()
        assert candidates(context, tip) == []

        record = make.sent_record(picture("p0007-portrait0.jpg"))
        worker.run_until_idle()

        found = candidates(context, tip)
        assert [candidate.record_id for candidate in found] == [record.id]
        with context.db.read() as session:
            assert session.get_one(CandidateList, found[0].list_id).cause == SearchCause.RETROACTION

    def test_a_record_searched_again_proposes_nothing_twice(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """A changed record does not ask officers anew what they were asked already."""
        record = make.sent_record(picture("p0007-portrait0.jpg"))
        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        with context.db.write() as session:
            jobs.enqueue(session, "retroact", record_id=str(record.id))
        worker.run_until_idle()

        assert len(candidates(context, tip)) == 1
        with context.db.read() as session:
            assert session.exec(select(Job).where(Job.state != JobState.DONE)).first() is None

    def test_every_search_is_in_the_audit_log(self, context: Context, make: Make, worker: Worker) -> None:
        """Also one that brought up nobody."""
        make.sent_tip(picture("p0052-tip0.jpg"))
        worker.run_until_idle()

        with context.db.read() as session:
            faces = session.exec(select(Face)).all()
            searches = session.exec(
                select(AuditEvent).where(AuditEvent.action == Action.GALLERY_SEARCHED)
            ).all()
        assert len(searches) == len(faces) > 0 or not faces


class TestWithdrawing:
    def test_a_reopened_record_gets_its_candidates_again(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """What was withdrawn with the record comes back with it."""
        clerk = make.officer(Role.CLERK)
        record = make.sent_record(picture("p0007-portrait0.jpg"))
        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        with context.db.write() as session:
            records.close_record(session, record.id, "Found at home.", officer_actor(clerk.id), revision=1)
        worker.run_until_idle()
        assert [c.state for c in candidates(context, tip)] == [CandidateState.WITHDRAWN]
        with context.db.write() as session:
            records.reopen_record(session, record.id, officer_actor(clerk.id), revision=2)
        worker.run_until_idle()

        assert {c.state for c in candidates(context, tip)} == {
            CandidateState.WITHDRAWN,
            CandidateState.PROPOSED,
        }

    def test_a_removed_photo_takes_its_candidates_along_and_the_others_are_compared(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """A wrong photo leads nobody on, and the child's right one still does."""
        clerk = make.officer(Role.CLERK)
        record = make.sent_record(picture("p0005-portrait0.jpg"), picture("p0005-portrait1.jpg"), age=4.0)
        tip = make.sent_tip(picture("p0005-tip0.jpg"))
        worker.run_until_idle()
        best = candidates(context, tip)[0].reference_id

        with context.db.read() as session:
            fields = fields_of(session.get_one(Record, record.id))
        with context.db.write() as session:
            records.change_record(
                session,
                context.store,
                context.keys,
                record.id,
                fields,
                officer_actor(clerk.id),
                revision=1,
                removed=[best],
            )
        worker.run_until_idle()

        states = {c.reference_id: c.state for c in candidates(context, tip)}
        assert states.pop(best) == CandidateState.WITHDRAWN
        assert list(states.values()) in ([], [CandidateState.PROPOSED])
        with context.db.read() as session:
            assert session.exec(select(Job).where(Job.state != JobState.DONE)).first() is None


class TestSamePicture:
    def test_a_resized_recompressed_copy_joins_the_cluster_and_asks_no_second_review(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """Officers see a picture once."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        first = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        second = make.sent_tip(smaller(picture("p0007-tip0.jpg")))
        third = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        with context.db.read() as session:
            clusters = set(session.exec(select(Photo.cluster_id).where(col(Photo.tip_id).is_not(None))))
        assert len(clusters) == 1
        assert len(candidates(context, first)) == 1
        assert candidates(context, second) == candidates(context, third) == []
        assert fresh(context, second).state == TipState.ROUTED

    def test_other_pictures_stay_apart(self, context: Context, make: Make, worker: Worker) -> None:
        """Two scenes are two clusters."""
        make.sent_tip(picture("p0007-tip0.jpg"))
        make.sent_tip(picture("p0008-tip0.jpg"))
        worker.run_until_idle()

        with context.db.read() as session:
            assert len(set(session.exec(select(Photo.cluster_id)))) == 2

    def test_a_photo_taken_out_of_its_cluster_stands_for_itself(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """A merge is undone: the copy gets the review it had been spared."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        make.sent_tip(picture("p0007-tip0.jpg"))
        second = make.sent_tip(smaller(picture("p0007-tip0.jpg")))
        worker.run_until_idle()
        with context.db.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == second.id)).one()

        with context.db.write() as session:
            moving.separate(session, photo.id, SYSTEM)
        worker.run_until_idle()

        assert len(candidates(context, second)) == 1

    def test_withdrawing_the_first_tip_has_its_copies_searched(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """A child's only candidate does not vanish with one sender's change of mind."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        first = make.sent_tip(picture("p0007-tip0.jpg"))
        second = make.sent_tip(smaller(picture("p0007-tip0.jpg")))
        worker.run_until_idle()

        with context.db.write() as session:
            progress.dispose(
                session,
                session.get_one(Tip, first.id),
                Disposition.WITHDRAWN_BY_TIPSTER,
                SYSTEM,
                "taken back",
            )
            jobs.enqueue(session, "withdraw_candidates", tip_id=str(first.id))
        worker.run_until_idle()

        assert [c.state for c in candidates(context, first)] == [CandidateState.WITHDRAWN]
        assert [c.state for c in candidates(context, second)] == [CandidateState.PROPOSED]


class TestSteps:
    def test_a_repeated_step_changes_nothing(self, context: Context, make: Make, worker: Worker) -> None:
        """A job that runs twice ends as if it had run once."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()

        def rows() -> list[int]:
            with context.db.read() as session:
                tables = (Photo, Rendition, Face, Template, Candidate, CandidateList)
                return [len(session.exec(select(table)).all()) for table in tables]

        before = rows()
        pipeline.process_tip(worker._tools, tip.id)
        with context.db.write() as session:
            again = session.get_one(Tip, tip.id)
            again.state = TipState.PROCESSING
            session.add(again)
        pipeline.process_tip(worker._tools, tip.id)

        assert rows() == before
        assert fresh(context, tip).state == TipState.ROUTED

    def test_an_unreadable_photo_is_parked_and_its_tip_goes_on(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """A tip is not lost because its photo is bad."""
        tip = make.sent_tip(b"\xff\xd8\xff" + b"no photo" * 100, picture("p0052-tip0.jpg"))
        worker.run_until_idle()

        with context.db.read() as session:
            photos = session.exec(select(Photo).order_by(col(Photo.position))).all()
        assert [photo.state for photo in photos] == [PhotoState.PARKED, PhotoState.EXAMINED]
        assert photos[0].parked_reason
        assert fresh(context, tip).state == TipState.ROUTED

    def test_a_photo_that_kills_the_child_is_parked(self, context: Context, make: Make) -> None:
        """A poison photo costs a child process, not the worker, and is not tried for ever."""

        class Killed:
            def examine(self, data: bytes) -> Examination:
                del data
                raise ExaminationFailed(ExaminationFailure.KILLED)

        tip = make.sent_tip(jpeg())
        Worker(context, Killed()).run_until_idle()

        with context.db.read() as session:
            assert session.exec(select(Photo)).one().state == PhotoState.PARKED
        assert fresh(context, tip).state == TipState.ROUTED

    def test_a_job_that_keeps_failing_is_parked_and_its_tip_shown_as_failed(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given up on loudly, with the reason."""

        class Broken:
            def examine(self, data: bytes) -> Examination:
                del data
                raise ZeroDivisionError

        monkeypatch.setattr(jobs, "RETRY_DELAYS_S", (0,))
        tip = make.sent_tip(jpeg())
        Worker(context, Broken()).run_until_idle()

        with context.db.read() as session:
            job = session.exec(select(Job).where(Job.kind == "process_tip")).one()
        assert job.state == JobState.PARKED
        assert job.attempts == context.settings.job_attempts
        assert (fresh(context, tip).state, fresh(context, tip).state_reason) == (
            TipState.FAILED,
            "ZeroDivisionError",
        )

    def test_a_failed_tip_that_is_tried_again_reaches_the_officers(
        self,
        context: Context,
        make: Make,
        monkeypatch: pytest.MonkeyPatch,
        examiner: Examiner,
    ) -> None:
        """Parked is not the end."""

        class Broken:
            def examine(self, data: bytes) -> Examination:
                del data
                raise ZeroDivisionError

        monkeypatch.setattr(jobs, "RETRY_DELAYS_S", (0,))
        tip = make.sent_tip(picture("p0052-tip0.jpg"))
        Worker(context, Broken()).run_until_idle()
        with context.db.write() as session:
            job = session.exec(select(Job).where(Job.kind == "process_tip")).one()
            jobs.unpark(session, job.id)

        Worker(context, examiner).run_until_idle()

        assert fresh(context, tip).state == TipState.ROUTED

    def test_a_withdrawn_tip_is_not_processed(self, context: Context, make: Make, worker: Worker) -> None:
        """Taken back before anybody looked, it stays closed."""
        tip = make.sent_tip(picture("p0052-tip0.jpg"))
        with context.db.write() as session:
            progress.dispose(
                session, session.get_one(Tip, tip.id), Disposition.WITHDRAWN_BY_TIPSTER, SYSTEM, "taken back"
            )
        worker.run_until_idle()

        with context.db.read() as session:
            assert session.exec(select(Photo)).one().state == PhotoState.PENDING
        assert fresh(context, tip).state == TipState.DISPOSED
