"""A child that was erased stays erased: by its number, by its files, by its pictures, and after a crash."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from PIL import Image
from sqlmodel import Session, select

from app.audit.service import SYSTEM
from app.candidates.models import Candidate
from app.core.context import Context
from app.photos.models import Face, Photo, PhotoFingerprint, PhotoHash, Rendition, Template
from app.records import erasing
from app.records.erasing import Cause
from app.records.importing import import_folder
from app.records.lines import Outcome
from app.records.models import Record, Reference
from app.worker import Worker
from tests.app.records.test_importing import write
from tests.attacks import pictures
from tests.conftest import environment_of
from tests.make import Make
from tests.stored import files

KEPT_OF_A_PHOTO = (Photo, Face, Template, Rendition, PhotoHash, PhotoFingerprint, Reference)
LINE = "{number},Planted Nameholder,male,2018-03-01,2024-03-01,North,scar,440304,{photo}|2023-03-01"
DIES = """
import os, signal, sys
from uuid import UUID
from app.core.context import open_context
from app.core.files import PhotoStore
from app.core.settings import Settings
from app.records import forgetting

def delete(store, name, real=PhotoStore.delete):
    real(store, name)
    os.kill(os.getpid(), signal.SIGKILL)

PhotoStore.delete = delete
forgetting.finish(open_context(Settings()), UUID(sys.argv[1]))
"""


def erase(context: Context, record: Record) -> None:
    with context.db.write() as session:
        found = session.get_one(Record, record.id)
        erasing.erase_record(session, context.keys, found, Cause.FAMILY_ASKED, SYSTEM)


def left(session: Session) -> dict[str, int]:
    """Rows of photos and of what is computed from them, by table; only those that there are."""
    counts = {table.__name__: len(session.exec(select(table)).all()) for table in KEPT_OF_A_PHOTO}
    return {name: count for name, count in counts.items() if count}


def with_a_comment(picture: bytes) -> bytes:
    """The same picture in a file with other bytes, as a program that strips or adds a note leaves it."""
    comment = b"passed on"
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def smaller(picture: bytes) -> bytes:
    """The same portrait compressed anew; of it only people can tell that it was erased."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        opened.resize((opened.width // 2, opened.height // 2)).save(out, "JPEG", quality=60)
    return out.getvalue()


class TestComingBack:
    def test_the_same_picture_in_another_file_comes_to_nothing(
        self, context: Context, make: Make, worker: Worker, tmp_path: Path
    ) -> None:
        """Imported under a new number, it is taken out when it is looked at: no row, file or template."""
        portrait = pictures.portrait(pictures.people()[0])
        record = make.sent_record(portrait)
        worker.run_until_idle()
        with context.db.read() as session:
            wrapped = [bytes(key) for key in session.exec(select(Photo.sealed_key))]
            assert {"Photo", "Template", "Reference"} <= left(session).keys()
        erase(context, record)
        worker.run_until_idle()
        with context.db.read() as session:
            assert left(session) == {}
        assert files(context) == []

        folder = tmp_path / "again"
        folder.mkdir()
        (folder / "same.jpg").write_bytes(portrait)
        (folder / "other.jpg").write_bytes(with_a_comment(portrait))
        again = import_folder(
            context,
            write(
                folder,
                LINE.format(number=record.number, photo="other.jpg"),
                LINE.format(number="NEW-1", photo="same.jpg"),
                LINE.format(number="NEW-2", photo="other.jpg"),
            ),
        )
        worker.run_until_idle()

        assert [line.outcome for line in again.lines] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.ADDED]
        with context.db.read() as session:
            assert left(session) == {}
        assert files(context) == []
        raw = b"".join(path.read_bytes() for path in context.settings.data_dir.glob("*sqlite*"))
        assert len(wrapped) == 1
        assert wrapped[0] not in raw
        assert record.number.encode() not in raw

    def test_another_picture_of_the_child_may_come(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """Suppression is exact: what was compressed anew is a new picture, and the limit is known."""
        portrait = pictures.portrait(pictures.people()[0])
        erase(context, make.sent_record(portrait))
        worker.run_until_idle()

        make.sent_record(smaller(portrait))
        worker.run_until_idle()

        with context.db.read() as session:
            assert left(session)["Template"] > 0

    def test_a_tip_with_the_erased_picture_finds_nobody(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """Posted by a citizen, the child's picture meets no record and no template of it."""
        portrait = pictures.portrait(pictures.people()[0])
        erase(context, make.sent_record(portrait))
        worker.run_until_idle()

        make.sent_tip(with_a_comment(portrait), area="440304")
        worker.run_until_idle()

        with context.db.read() as session:
            assert session.exec(select(Candidate)).all() == []
            assert session.exec(select(Reference)).all() == []


class TestCrash:
    def test_killed_in_the_middle_it_is_ended_by_the_next_worker(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """Kill -9 after one file of several: rows without files stay, and the job removes the rest."""
        record = make.sent_record(pictures.portrait(pictures.people()[0]))
        worker.run_until_idle()
        before = len(files(context))
        erase(context, record)

        ended = _finish_and_die(context, record.id)

        assert ended == -signal.SIGKILL
        assert len(files(context)) == before - 1
        with context.db.read() as session:
            assert "Photo" in left(session)
        worker.run_until_idle()
        with context.db.read() as session:
            assert left(session) == {}
        assert files(context) == []


def _finish_and_die(context: Context, record_id: UUID) -> int:
    environment = {**os.environ, **environment_of(context.settings), "PYTHONPATH": os.getcwd()}  # noqa: PTH109
    command = [sys.executable, "-c", DIES, str(record_id)]
    return subprocess.run(command, check=False, env=environment).returncode  # noqa: S603 - our own interpreter
