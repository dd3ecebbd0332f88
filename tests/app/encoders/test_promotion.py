"""Which encoder is searched with: never two at once, never one that would lose somebody in silence."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlmodel import col, select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.candidates import jobs as candidate_jobs
from app.candidates.gallery import GalleryCache
from app.candidates.models import Candidate, CandidateList, SearchCause
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.core.jobs import Job
from app.encoders import installed, queries, service
from app.encoders.models import EncoderState, EnrolledEncoder
from app.encoders.service import EncoderKey
from app.photos.models import Face, Photo, Template
from app.records.models import Record, RecordState, Reference
from app.tips.models import Disposition, Tip
from app.worker import Worker
from matching.engine import default_engine
from tests.app.encoders.stub import Finds, examination
from tests.make import Make

OLD, NEW = EncoderKey("dlib", "test 1"), EncoderKey("mobilefacenet", "test 1")
"""Names with cited error rates, so that searches may propose."""
ALIKE, APART = np.eye(8, dtype="<f4")[0].tobytes(), np.eye(8, dtype="<f4")[1].tobytes()


def give(context: Context, key: EncoderKey, *, tips: bytes, records: bytes) -> None:
    """Every face a template: one for all tips' faces, one for all records'."""
    with context.db.write() as session:
        for face, photo in session.exec(select(Face, Photo).join(Photo)):
            session.add(
                Template(
                    face_id=face.id,
                    encoder=key.name,
                    encoder_version=key.version,
                    vector=tips if photo.tip_id else records,
                )
            )


def state(context: Context, key: EncoderKey) -> EncoderState:
    with context.db.read() as session:
        encoder = queries.named(session, key.name, key.version)
        assert encoder is not None
        return encoder.state


@pytest.fixture
def two_encoders(context: Context) -> None:
    """One that is searched with, one that waits."""
    with context.db.write() as session:
        service.ensure_active(session, OLD, SYSTEM)
        service.enrol(session, NEW, SYSTEM)


@pytest.fixture
def gallery(context: Context) -> GalleryCache:
    """A worker's."""
    return GalleryCache(context.settings.data_dir)


def search(context: Context, gallery: GalleryCache, tip: Tip) -> int:
    return candidate_jobs.search_tip(context, gallery, tip.id)


def work_off(context: Context, gallery: GalleryCache) -> int:
    """Do the jobs of a promotion."""
    with context.db.read() as session:
        due = session.exec(select(Job).where(Job.kind == "search_tips").order_by(col(Job.id))).all()
    return sum(
        candidate_jobs.search_tips(context, gallery, UUID(job.args["first"]), UUID(job.args["last"]))
        for job in due
    )


@pytest.mark.usefixtures("two_encoders")
class TestPromotion:
    def test_it_changes_which_templates_are_compared(
        self, context: Context, make: Make, gallery: GalleryCache
    ) -> None:
        """The old encoder sees nobody, the new one does; and the worker's gallery follows by itself."""
        tip, record = make.tip(), make.record()
        give(context, OLD, tips=ALIKE, records=APART)
        give(context, NEW, tips=ALIKE, records=ALIKE)
        assert search(context, gallery, tip) == 0

        with context.db.write() as session:
            assert service.promote(session, NEW, SYSTEM) == 1
        found = work_off(context, gallery)

        assert found == 1
        with context.db.read() as session:
            candidate = session.exec(select(Candidate)).one()
            made = session.get_one(CandidateList, candidate.list_id)
        assert candidate.record_id == record.id
        assert (made.encoder, made.encoder_version, made.cause) == ("mobilefacenet", "test 1", "promotion")
        assert (state(context, OLD), state(context, NEW)) == (EncoderState.ENROLLED, EncoderState.ACTIVE)

    def test_templates_of_two_encoders_are_never_compared(
        self, context: Context, make: Make, gallery: GalleryCache
    ) -> None:
        """A face that only one of them has seen is searched by that one alone."""
        tip = make.tip()
        make.record()
        with context.db.write() as session:
            for face, photo in session.exec(select(Face, Photo).join(Photo)):
                key = OLD if photo.tip_id else NEW
                session.add(
                    Template(face_id=face.id, encoder=key.name, encoder_version=key.version, vector=ALIKE)
                )

        assert search(context, gallery, tip) == 0
        with context.db.read() as session:
            assert gallery.current(session).size == 0
        with context.db.write() as session:
            service.promote(session, NEW, SYSTEM, motive="Only for this test.")
        assert work_off(context, gallery) == 0
        with context.db.read() as session:
            assert gallery.current(session).size == 1

    def test_no_face_is_searched_twice_by_it(
        self, context: Context, make: Make, gallery: GalleryCache
    ) -> None:
        """The jobs may run again; so may the tip's own, and a copy of the picture."""
        tip, copy = make.tip(), make.tip()
        make.record()
        with context.db.write() as session:
            photos = {photo.tip_id: photo for photo in session.exec(select(Photo))}
            photos[copy.id].cluster_id = photos[tip.id].cluster_id
            session.add(photos[copy.id])
        give(context, NEW, tips=ALIKE, records=ALIKE)
        with context.db.write() as session:
            service.promote(session, NEW, SYSTEM, motive="Only for this test.")

        assert (work_off(context, gallery), work_off(context, gallery)) == (1, 0)
        assert search(context, gallery, tip) == search(context, gallery, copy) == 0
        with context.db.read() as session:
            lists = session.exec(select(CandidateList)).all()
        assert [made.cause for made in lists] == [SearchCause.PROMOTION]

    def test_a_withdrawn_tip_is_not_searched(
        self, context: Context, make: Make, gallery: GalleryCache
    ) -> None:
        """Taken back before the promotion, or between it and its job."""
        before, between = make.tip(), make.tip()
        make.record()
        give(context, NEW, tips=ALIKE, records=ALIKE)

        def withdraw(tip: Tip) -> None:
            with context.db.write() as session:
                row = session.get_one(Tip, tip.id)
                row.disposition = Disposition.WITHDRAWN_BY_TIPSTER
                session.add(row)

        withdraw(before)
        with context.db.write() as session:
            service.promote(session, NEW, SYSTEM, motive="Only for this test.")
        withdraw(between)

        assert work_off(context, gallery) == 0
        with context.db.read() as session:
            assert session.exec(select(CandidateList)).all() == []

    def test_an_encoder_that_does_not_cover_everything_is_refused_with_the_numbers(
        self, context: Context, make: Make
    ) -> None:
        """Nobody stops being found by a slip; with a motive it is the operator's decision, and kept."""
        make.tip()
        make.record()
        give(context, OLD, tips=ALIKE, records=ALIKE)

        with pytest.raises(Conflict) as refusal, context.db.write() as session:
            service.promote(session, NEW, SYSTEM)
        with pytest.raises(Invalid), context.db.write() as session:
            service.promote(session, NEW, SYSTEM, motive="ok")
        assert refusal.value.values == {"photos": 2, "faces": 2, "children": 1}
        assert state(context, OLD) == EncoderState.ACTIVE

        with context.db.write() as session:
            service.promote(session, NEW, SYSTEM, motive="Two scans that no detector reads.")
        with context.db.read() as session:
            row = session.exec(
                select(AuditEvent)
                .where(AuditEvent.action == Action.ENCODER_PROMOTED)
                .order_by(col(AuditEvent.seq).desc())
            ).first()
        assert row is not None
        assert row.detail["reason"] == "Two scans that no detector reads."
        assert row.detail["without"] == 2

    def test_the_step_can_be_taken_back(self, context: Context, make: Make) -> None:
        """The encoder before stays enrolled, with its templates."""
        make.tip()
        for key in (OLD, NEW):
            give(context, key, tips=ALIKE, records=ALIKE)
        with context.db.write() as session:
            service.promote(session, NEW, SYSTEM)
        with context.db.write() as session:
            service.promote(session, OLD, SYSTEM)

        assert (state(context, OLD), state(context, NEW)) == (EncoderState.ACTIVE, EncoderState.ENROLLED)

    @pytest.mark.parametrize("step", [service.promote, service.retire])
    def test_neither_the_active_nor_an_unknown_one(self, context: Context, step: Callable[..., Any]) -> None:
        """What is searched with is neither promoted again nor retired."""
        for key, refusal in ((OLD, Conflict), (EncoderKey("dlib", "other"), NotFound)):
            with pytest.raises(refusal), context.db.write() as session:
                step(session, key, SYSTEM)


@pytest.mark.usefixtures("two_encoders")
class TestRetirement:
    def test_a_retired_encoder_leaves_no_template(self, context: Context, make: Make) -> None:
        """Biometric data that nothing needs is not kept; the log keeps how much it was."""
        make.tip()
        make.record()
        for key in (OLD, NEW):
            give(context, key, tips=ALIKE, records=ALIKE)

        with context.db.write() as session:
            assert service.retire(session, NEW, SYSTEM) == 2

        with context.db.read() as session:
            assert {row.encoder for row in session.exec(select(Template))} == {"dlib"}
            verdict = audit.verify(session, audit.checkpoints_path(context.settings), context.keys.signing)
        assert state(context, NEW) == EncoderState.RETIRED
        assert verdict.problems == ()

    def test_enrolled_again_it_begins_anew(self, context: Context) -> None:
        """Coming back is re-encoding."""
        with context.db.write() as session:
            service.retire(session, NEW, SYSTEM)
        with context.db.write() as session:
            assert service.enrol(session, NEW, SYSTEM).state == EncoderState.ENROLLED


class TestStart:
    def test_a_new_installation_searches_with_the_default_engine(self, context: Context) -> None:
        """Nobody has to choose."""
        Worker(context, Finds(examination()))

        with context.db.read() as session:
            found = session.exec(select(EnrolledEncoder)).all()
        assert [(each.name, each.state) for each in found] == [
            (default_engine().encoder_name, EncoderState.ACTIVE)
        ]

    def test_an_encoder_that_is_not_installed_stops_the_worker(self, context: Context) -> None:
        """Otherwise new photos would be taken in and nobody would ever be found."""
        with context.db.write() as session:
            service.ensure_active(session, EncoderKey("dlib", "of long ago"), SYSTEM)

        with pytest.raises(installed.EncoderNotInstalled):
            Worker(context, Finds(examination()))

    def test_new_photos_get_the_templates_of_all_encoders_in_use(self, context: Context) -> None:
        """The one searched with and those enrolled; not one that is retired or not installed."""
        engine = default_engine()
        with context.db.write() as session:
            service.ensure_active(session, EncoderKey("face_recognition", "1.3.0+models-0.3.0"), SYSTEM)
            service.enrol(session, installed.key_of(engine), SYSTEM)
            service.enrol(session, EncoderKey("dlib", "of long ago"), SYSTEM)

        assert installed.names_in_use(context.db) == (engine.encoder_name, "face_recognition")


@pytest.mark.usefixtures("two_encoders")
def test_a_record_that_is_missing_from_the_new_encoder_is_named(context: Context, make: Make) -> None:
    """Coverage counts children of open records by themselves: the ones a search would pass over."""
    make.record()
    closed = make.record()
    removed = make.record()
    with context.db.write() as session:
        row = session.get_one(Record, closed.id)
        row.state = RecordState.CLOSED
        session.add(row)
        reference = session.exec(select(Reference).where(Reference.record_id == removed.id)).one()
        reference.removed_at = row.updated_at
        session.add(reference)

    with context.db.read() as session:
        encoder = queries.named(session, NEW.name, NEW.version)
        assert encoder is not None
        assert queries.coverage(session, encoder).children == 1
