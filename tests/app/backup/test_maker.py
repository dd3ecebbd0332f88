"""Who made a backup, and what was erased since."""

import json
import shutil
from pathlib import Path

import pytest
from sqlmodel import func, select

from app import erasing
from app.audit.service import SYSTEM
from app.backup import reading, writing
from app.core.context import Context, open_context
from app.core.crypto import add_key
from app.core.errors import Invalid
from app.core.migrate import SchemaTooNew
from app.photos.models import Photo, Rendition, Template
from app.records import erasing as record_erasing
from app.records.models import Record
from app.retention import journal
from app.tips import progress, withdrawing
from app.tips.models import Disposition, Tip
from tests.app.backup.conftest import IDENTITY
from tests.make import Make
from tests.servers import postgres, s3
from tests.stored import files as stored_files


def renditions_of(context: Context) -> int:
    """How many renditions rows name."""
    with context.db.read() as session:
        return session.exec(select(func.count()).select_from(Rendition)).one()


@pytest.mark.parametrize("with_keys", [True, False])
def test_a_backup_that_somebody_else_made_is_refused(
    sealed_to: Context, make: Make, elsewhere: Context, tmp_path: Path, *, with_keys: bool
) -> None:
    """Whoever knows the public key it is sealed to could else bring rows and officers of their own."""
    make.tip()
    forger = sealed_to.settings.model_copy(
        update={
            "data_dir": tmp_path / "forger",
            "key_file": tmp_path / "forger.key",
            **(s3.settings_for(tmp_path / "forger") if s3.wanted() else {}),
            "database_url": postgres.database_of(tmp_path / "forger") if postgres.wanted() else "",
        }
    )
    forging = open_context(forger)
    forged = writing.write(forging, tmp_path / "forged.age", with_keys=with_keys).path
    forging.close()

    with pytest.raises(Invalid, match="not made with this key file"):
        reading.restore(forged, IDENTITY, elsewhere.settings)
    with pytest.raises(Invalid, match="not made with this key file"):
        reading.verify(forged, IDENTITY, sealed_to.settings)

    assert not elsewhere.settings.data_dir.exists()
    # Without a key file of one's own, whoever restores says whose signature it has to bear.
    elsewhere.settings.key_file.unlink()
    signer = bytes(sealed_to.keys.signing.verify_key).hex()
    with pytest.raises(Invalid):
        reading.restore(forged, IDENTITY, elsewhere.settings, signer)
    assert not elsewhere.settings.data_dir.exists()
    assert not elsewhere.settings.key_file.exists()


@pytest.mark.sqlite  # A server of a later schema is refused before anything is read from it.
def test_a_later_schema_and_an_older_key_file_leave_the_place_empty(
    sealed_to: Context, elsewhere: Context, tmp_path: Path
) -> None:
    """Both are noticed before anything is laid down."""
    add_key(sealed_to.settings.key_file)
    again = open_context(sealed_to.settings)
    Make(again).tip()
    turned = writing.write(again, tmp_path / "turned.age").path
    with again.db.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    later = writing.write(again, tmp_path / "later.age").path
    again.close()

    with pytest.raises(Invalid, match="older"):
        reading.restore(turned, IDENTITY, elsewhere.settings)
    shutil.copy(sealed_to.settings.key_file, elsewhere.settings.key_file)
    with pytest.raises(SchemaTooNew):
        reading.restore(later, IDENTITY, elsewhere.settings)

    assert not elsewhere.settings.data_dir.exists()
    assert reading.restore(turned, IDENTITY, elsewhere.settings).files == 4


def test_what_was_erased_since_does_not_come_back(
    sealed_to: Context, make: Make, elsewhere: Context, tmp_path: Path
) -> None:
    """With the journal of erasures that was kept elsewhere: no row, no file, no template of it."""
    taken_back, expired, kept = make.tip(), make.tip(), make.tip()
    record = make.record(name="Nobody Else")
    archive = writing.write(sealed_to, tmp_path / "one.age").path
    with sealed_to.db.write() as session:
        withdrawing.withdraw(session, taken_back.id)
        progress.dispose(
            session,
            session.get_one(Tip, expired.id),
            Disposition.NOT_A_CHILD,
            SYSTEM,
            "It shows a doll.",
        )
        record_erasing.erase_record(
            session, sealed_to.keys, session.get_one(Record, record.id), record_erasing.Cause.LAW, SYSTEM
        )
    erasing.erase_tip(sealed_to, taken_back.id)
    erasing.erase_expired(sealed_to, expired.id)
    assert journal.write(sealed_to) == 3
    assert journal.write(sealed_to) == 0
    kept_elsewhere = Path(shutil.copy(journal.path_of(sealed_to.settings), tmp_path / "erased.jsonl"))

    reading.restore(archive, IDENTITY, elsewhere.settings)
    again = open_context(elsewhere.settings)
    assert journal.replay(again, kept_elsewhere) == 3
    assert journal.replay(again, kept_elsewhere) == 0

    with again.db.read() as session:
        photos = session.exec(select(Photo).where(Photo.sealed_key != b"")).all()
        words = session.exec(select(Tip.place_text)).all()
        names = session.exec(select(Record.name)).all()
        assert len(session.exec(select(Template)).all()) <= 1
    assert [photo.tip_id for photo in photos] == [kept.id]
    assert sorted(words) == ["", "", kept.place_text]
    assert names == [""]
    assert len(stored_files(again)) == 1 + renditions_of(again)
    again.close()


def test_a_journal_that_was_changed_erases_nothing(sealed_to: Context, make: Make, tmp_path: Path) -> None:
    """Else whoever writes a file could have tips erased."""
    tip = make.tip()
    file = tmp_path / "erased.jsonl"
    file.write_text(json.dumps({"seq": 1, "kind": "tip", "id": str(tip.id), "signature": "AAAA"}) + "\n")

    with pytest.raises(Invalid):
        journal.replay(sealed_to, file)

    with sealed_to.db.read() as session:
        assert session.get_one(Tip, tip.id).erased_at is None


def test_a_newer_journal_beside_a_restored_log_goes_on(sealed_to: Context, make: Make) -> None:
    """Its last line names a row that this log has not reached: what is erased now is written all the same."""
    path = journal.path_of(sealed_to.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"seq": 10_000, "kind": "tip", "id": str(make.tip().id), "signature": "x"}) + "\n"
    )
    tip = make.tip()
    with sealed_to.db.write() as session:
        withdrawing.withdraw(session, tip.id)
    erasing.erase_tip(sealed_to, tip.id)

    assert journal.write(sealed_to) == 1
    assert journal.write(sealed_to) == 0
    assert str(tip.id) in path.read_text()
