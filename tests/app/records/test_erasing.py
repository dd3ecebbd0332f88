"""Promises about erasing a record: nothing is left of it, and it does not come back."""

from pathlib import Path

import pytest
from sqlmodel import Session, select

from app.audit.service import SYSTEM
from app.cases.models import Lead
from app.core.context import Context
from app.core.errors import Conflict, NotFound
from app.photos.models import Face, Photo, PhotoHash
from app.records import erasing, forgetting, queries, service, suppression
from app.records.erasing import Cause
from app.records.fields import ReferenceFile, fields_of
from app.records.importing import import_folder
from app.records.lines import Outcome
from app.records.models import Record, RecordState, Reference
from app.worker import Worker
from tests.app.records.test_importing import GOOD, write
from tests.app.records.test_importing import folder as folder  # noqa: PLC0414 - a fixture
from tests.guards import stored_bytes
from tests.make import Make, jpeg
from tests.stored import files as stored_files

NAME = "Planted Nameholder"


def erase(session: Session, context: Context, number: str) -> Record:
    record = queries.by_number(session, number)
    assert record is not None
    erasing.erase_record(session, context.keys, record, Cause.FAMILY_ASKED, SYSTEM)
    return record


class TestErasing:
    def test_no_byte_of_it_stays(self, context: Context, folder: Path, worker: Worker) -> None:
        """Number, name, photos, hashes and templates are gone from the raw files, not only from the pages."""
        import_folder(context, write(folder, GOOD.replace("A1", "PLANTED-4711").replace("李小明", NAME)))
        worker.run_until_idle()
        with context.db.read() as session:
            hashes = [photo.sha256 for photo in session.exec(select(Photo))]
        assert NAME.encode() in stored_bytes(context)

        with context.db.write() as session:
            record = erase(session, context, "PLANTED-4711")
        worker.run_until_idle()

        left = stored_bytes(context)
        for planted in (NAME, "PLANTED-4711", "右眉有疤", *hashes):
            assert planted.encode() not in left
        assert stored_files(context) == []
        with context.db.read() as session:
            assert session.get_one(Record, record.id).state == RecordState.ERASED
            for table in (Photo, Face, PhotoHash, Reference):
                assert session.exec(select(table)).all() == []

    def test_it_does_not_come_back(self, context: Context, folder: Path, worker: Worker) -> None:
        """The same number and the same photo are refused, until a person lifts the number."""
        import_folder(context, write(folder, GOOD))
        with context.db.write() as session:
            erase(session, context, "A1")
        worker.run_until_idle()

        again = import_folder(context, write(folder, GOOD, GOOD.replace("A1", "A2")))

        assert [line.outcome for line in again.lines] == [Outcome.REFUSED, Outcome.REFUSED]
        assert [line.refusal.code for line in again.lines if line.refusal] == ["erased", "erased"]
        with context.db.write() as session:
            suppression.lift(session, context.keys, "A1", "registered anew", SYSTEM)
        without = GOOD.rsplit(",", 1)[0] + ","
        assert import_folder(context, write(folder, without)).count(Outcome.ADDED) == 1

    def test_lifting_what_was_never_erased_is_refused(self, context: Context) -> None:
        """Nobody learns to lift by trying."""
        with context.db.write() as session, pytest.raises(NotFound):
            suppression.lift(session, context.keys, "B7", "registered anew", SYSTEM)

    def test_a_record_that_police_work_on_stays(self, context: Context, make: Make) -> None:
        """A lead rests on it: closed first, erased then."""
        record = make.record()
        tip = make.tip()
        with context.db.write() as session:
            session.add(Lead(tip_id=tip.id, record_id=record.id, jurisdiction_code="440304", reason="two"))

        with context.db.write() as session, pytest.raises(Conflict):
            erase(session, context, record.number)

    def test_a_photo_that_a_candidate_names_goes_too(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """The candidate keeps its row, and the record's picture is gone all the same."""
        candidate = make.candidate()
        with context.db.write() as session:
            record = session.get_one(Record, candidate.record_id)
            photo = queries.references_of(session, record.id)[0][1]
            erase(session, context, record.number)

        worker.run_until_idle()
        forgetting.finish(context, candidate.record_id)

        with context.db.read() as session:
            assert session.get(Photo, photo.id) is None
            assert session.get_one(Reference, candidate.reference_id).face_id is None
        with pytest.raises(FileNotFoundError):
            context.store.get(photo.store_key, photo.sealed_key)

    def test_a_clerk_cannot_write_it_again(self, context: Context, make: Make) -> None:
        """The form refuses an erased number and an erased photo like any other door."""
        record = make.record()
        fields = fields_of(record)
        with context.db.write() as session:
            erase(session, context, record.number)

        with context.db.write() as session, pytest.raises(suppression.Erased):
            service.add_record(session, context.store, context.keys, fields, [ReferenceFile(jpeg())], SYSTEM)
