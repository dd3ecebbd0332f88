"""Promises about backups: whole or not at all, sealed, and made while tips come in."""

import os
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from pyrage import x25519
from sqlmodel import col, func, select, text

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.backup import reading, writing
from app.core.context import Context, open_context
from app.core.errors import Conflict, Invalid, Refusal
from app.photos.models import Photo, Rendition
from app.tips.models import Tip
from tests.app.backup.conftest import IDENTITY
from tests.conftest import environment_of
from tests.guards import drop_guards
from tests.make import Make, jpeg


def opened_photos(context: Context) -> int:
    """Every file that a row names is opened and held against its digest."""
    with context.db.read() as session:
        photos = session.exec(select(Photo)).all()
        renditions = session.exec(select(Rendition)).all()
    named = [(row.store_key, row.sealed_key) for row in photos]
    named += [(row.store_key, row.sealed_key) for row in renditions]
    for store_key, sealed_key in named:
        assert context.store.get(store_key, sealed_key)
    return len(photos)


class TestMaking:
    def test_it_is_restored_as_it_was(self, sealed_to: Context, archive: Path, elsewhere: Context) -> None:
        """Rows, photos and the log, in an empty place; the log goes on there and is whole."""
        found = reading.restore(archive, IDENTITY, elsewhere.settings)

        again = open_context(elsewhere.settings)
        assert opened_photos(again) == 3
        with again.db.read() as session, sealed_to.db.read() as before:
            assert (
                session.exec(select(Tip.place_text).order_by(col(Tip.id))).all()
                == before.exec(select(Tip.place_text).order_by(col(Tip.id))).all()
            )
            actions = session.exec(select(AuditEvent.action).order_by(col(AuditEvent.seq))).all()
            log = audit.checkpoints_path(again.settings)
            assert not audit.verify(session, log, again.keys.signing).problems
        assert actions[-1] == Action.BACKUP_RESTORED
        assert found.files == 12
        again.close()

    def test_nothing_of_it_can_be_read_without_the_secret_key(
        self, sealed_to: Context, archive: Path
    ) -> None:
        """Neither a place nor a file's name lies in the clear, and nobody but its owner reads the file."""
        raw = archive.read_bytes()

        assert b"Metro exit" not in raw
        assert b"SQLite" not in raw
        assert archive.stat().st_mode & 0o077 == 0
        with pytest.raises(Invalid):
            reading.verify(archive, x25519.Identity.generate(), sealed_to.settings)
        assert list(archive.parent.iterdir()) == [archive]
        assert not list(sealed_to.settings.data_dir.glob("snapshot-*"))

    def test_without_recipients_none_is_made(self, context: Context, tmp_path: Path) -> None:
        """A backup in the clear would undo all sealing."""
        with pytest.raises(Invalid):
            writing.write(context, tmp_path / "one.age")
        with pytest.raises(Invalid):
            writing.recipients_of("age1nonsense")

        assert not (tmp_path / "one.age").exists()

    def test_an_older_one_is_not_overwritten(self, sealed_to: Context, archive: Path) -> None:
        """A typing mistake costs no backup."""
        before = archive.read_bytes()

        with pytest.raises(Invalid):
            writing.write(sealed_to, archive)

        assert archive.read_bytes() == before

    def test_tips_come_in_meanwhile_and_every_one_of_before_is_whole(
        self, sealed_to: Context, make: Make, elsewhere: Context, tmp_path: Path
    ) -> None:
        """The snapshot is of one moment: what was acknowledged before it is there, files and all."""
        before = {make.tip().id for _ in range(5)}
        stopping = threading.Event()

        def send() -> None:
            while not stopping.wait(0.01):
                make.tip()

        sender = threading.Thread(target=send)
        sender.start()
        try:
            written = writing.write(sealed_to, tmp_path / "one.age")
        finally:
            stopping.set()
            sender.join()
        reading.restore(written.path, IDENTITY, elsewhere.settings)

        again = open_context(elsewhere.settings)
        with again.db.read() as session:
            assert before <= set(session.exec(select(Tip.id)))
        assert opened_photos(again) >= 5
        again.close()

    def test_a_file_erased_meanwhile_is_noted_and_no_fault(
        self, sealed_to: Context, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Erasure wins over the backup."""
        make.tip()
        snap = writing.take_snapshot

        def then_erase(context: Context, into: Path) -> None:
            snap(context, into)
            with sealed_to.db.read() as session:
                sealed_to.store.delete(session.exec(select(Photo.store_key)).one())

        monkeypatch.setattr(writing, "take_snapshot", then_erase)

        written = writing.write(sealed_to, tmp_path / "one.age")

        assert written.erased == 1
        assert reading.verify(written.path, IDENTITY, sealed_to.settings).erased == 1

    def test_a_full_disk_leaves_nothing(
        self, sealed_to: Context, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No half of a backup stands there under a whole one's name."""
        make.tip()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(tarfile.TarFile, "addfile", full)

        with pytest.raises((OSError, Refusal)):
            writing.write(sealed_to, tmp_path / "backups" / "one.age")

        assert list((tmp_path / "backups").iterdir()) == []


class TestReading:
    @pytest.mark.parametrize("damage", ["cut", "flip", "tail", "empty"])
    def test_damage_is_found_and_nothing_is_restored(
        self, archive: Path, elsewhere: Context, damage: str
    ) -> None:
        """One byte is enough."""
        raw = bytearray(archive.read_bytes())
        if damage == "flip":
            raw[len(raw) // 2] ^= 1
        left = {"cut": raw[: len(raw) // 2], "flip": raw, "tail": raw[:-40], "empty": raw[:0]}
        archive.write_bytes(left[damage])

        with pytest.raises(Invalid):
            reading.restore(archive, IDENTITY, elsewhere.settings)

        assert not elsewhere.settings.data_dir.exists()
        assert [path.name for path in elsewhere.settings.data_dir.parent.iterdir()] == ["keys"]

    def test_a_place_that_is_not_empty_is_left_alone(self, archive: Path, elsewhere: Context) -> None:
        """Nobody's data is written over."""
        elsewhere.settings.data_dir.mkdir()
        (elsewhere.settings.data_dir / "homeward.sqlite").write_text("somebody's")

        with pytest.raises(Conflict):
            reading.restore(archive, IDENTITY, elsewhere.settings)

        assert (elsewhere.settings.data_dir / "homeward.sqlite").read_text() == "somebody's"

    def test_the_key_file_comes_along_only_when_asked(
        self, sealed_to: Context, archive: Path, elsewhere: Context, tmp_path: Path
    ) -> None:
        """Without it the place has to have one; with it the key never lies in the data folder."""
        elsewhere.settings.key_file.unlink()
        with pytest.raises(Invalid):
            reading.restore(archive, IDENTITY, elsewhere.settings)

        written = writing.write(sealed_to, tmp_path / "two.age", with_keys=True)
        reading.restore(written.path, IDENTITY, elsewhere.settings)

        assert elsewhere.settings.key_file.read_text() == sealed_to.settings.key_file.read_text()
        assert elsewhere.settings.key_file.stat().st_mode & 0o077 == 0
        assert not (elsewhere.settings.data_dir / "homeward.key").exists()

    @pytest.mark.parametrize(
        "name", ["", ".", "../evil", "/etc/evil", "photos/../../evil", "photos/x", "other", "photos/aa/bb/cc"]
    )
    def test_no_part_leads_elsewhere(self, name: str) -> None:
        """Whoever made the archive does not choose where things are laid."""
        assert not reading._is_ours(name)

    def test_killed_half_way_there_is_no_deployment(
        self, sealed_to: Context, make: Make, elsewhere: Context, tmp_path: Path
    ) -> None:
        """Kill -9 while photos are laid down; the next try goes through."""
        for number in range(30):
            make.sent_tip(jpeg((number, 1, 1), (900, 900)))
        written = writing.write(sealed_to, tmp_path / "big.age")
        (tmp_path / "identity").write_text(str(IDENTITY))
        environment = dict(os.environ) | environment_of(elsewhere.settings)
        command = [
            sys.executable,
            "-m",
            "app",
            "restore",
            str(written.path),
            "--identity",
            str(tmp_path / "identity"),
        ]
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own command
        while process.poll() is None:
            if list(elsewhere.settings.data_dir.parent.glob("*.restoring/photos/*/*")):
                process.send_signal(signal.SIGKILL)
                break
        process.wait()

        assert process.returncode == -signal.SIGKILL
        assert not elsewhere.settings.data_dir.exists()
        reading.restore(written.path, IDENTITY, elsewhere.settings)
        again = open_context(elsewhere.settings)
        assert opened_photos(again) == 30
        again.close()

    def test_an_older_schema_is_brought_forward_and_a_broken_log_refused(
        self, sealed_to: Context, make: Make, elsewhere: Context, tmp_path: Path
    ) -> None:
        """A log that does not hang together is not put in the place of one that does."""
        make.candidate()
        with sealed_to.db.write() as session:
            audit.record(session, audit.SYSTEM, Action.TIP_VIEWED, "tip", "x")
            drop_guards(session.connection())
            session.execute(text("UPDATE audit_event SET hash = 'a' WHERE seq = 1"))
        written = writing.write(sealed_to, tmp_path / "one.age")

        with pytest.raises(Invalid):
            reading.restore(written.path, IDENTITY, elsewhere.settings)

        assert not elsewhere.settings.data_dir.exists()


def test_what_it_costs_is_counted(sealed_to: Context, archive: Path) -> None:
    """Making one is in the audit log, with how many files are in it."""
    with sealed_to.db.read() as session:
        made = session.exec(select(AuditEvent).where(AuditEvent.action == Action.BACKUP_MADE)).one()
        named = session.exec(select(func.count()).select_from(Photo)).one()

    assert made.subject_id == archive.name
    assert made.detail["files"] >= named
