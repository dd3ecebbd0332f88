"""Photos are brought into a bucket and back while everything runs; what arrives is what left."""

import secrets
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app.audit.models import Action, AuditEvent
from app.cli import app
from app.core.context import Context, open_context
from app.core.errors import Conflict, Invalid
from app.core.objects import FolderObjects, StoreTrouble, open_objects
from app.core.s3 import S3Objects
from app.core.settings import Settings
from app.doctor import checks
from app.doctor.stored import named_by_rows
from app.photos import relocating
from app.photos.models import Photo, Rendition
from tests.conftest import environment_of
from tests.make import Make
from tests.servers import s3


@pytest.fixture
def url() -> str:
    """A place in the bucket of this test's own."""
    return s3.shared().url(f"m{secrets.token_hex(8)}")


@pytest.fixture
def on_disk(context: Context) -> Context:
    """A deployment in a folder that has keys for a bucket."""
    settings = context.settings.model_copy(
        update={"photo_store_url": "", "photo_store_secret_file": s3.shared().secret_file}
    )
    return open_context(settings)


def in_bucket(settings: Settings, url: str) -> Context:
    """The same deployment with its photos in a bucket."""
    return open_context(settings.model_copy(update={"photo_store_url": url}))


def opened(context: Context) -> int:
    """How many files rows name; each opens."""
    with context.db.read() as session:
        rows = [*session.exec(select(Photo)), *session.exec(select(Rendition))]
    assert all(context.store.get(row.store_key, row.sealed_key) for row in rows)
    return len(rows)


def test_it_is_stopped_goes_on_and_takes_what_came_and_went_meanwhile(
    on_disk: Context, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is copied twice, nothing is left out, and what was erased since lies nowhere."""
    monkeypatch.setattr(relocating, "NAMES_AT_A_TIME", 2)
    make = Make(on_disk)
    for _ in range(3):
        make.tip()
    names = sorted(named_by_rows(on_disk))

    def stop(done: int, _all: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        relocating.copy_all(on_disk, url, stop)
    with on_disk.db.write() as session:
        gone = session.exec(
            select(Rendition).where(Rendition.store_key == names_of_renditions(on_disk)[0])
        ).one()
        on_disk.store.delete(gone.store_key)
        session.delete(gone)
    make.tip()
    done = relocating.copy_all(on_disk, url)

    assert (done.before, done.copied + done.before - done.removed) == (5, len(named_by_rows(on_disk)))
    assert done.gone == 0
    moved = in_bucket(on_disk.settings, url)
    assert {each.name for each in moved.store.objects.listed()} == named_by_rows(on_disk) != set(names)
    assert opened(moved) == len(named_by_rows(on_disk))
    with moved.db.read() as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == Action.PHOTOS_COPIED)).one()
    assert event.detail == {"files": done.copied, "erased": done.removed}
    assert {one.level.value for one in checks.examine(moved) if one.check in ("store", "files")} == {
        "fine",
        "look",
    }


def names_of_renditions(context: Context) -> list[str]:
    """Store keys, in order."""
    with context.db.read() as session:
        return sorted(session.exec(select(Rendition.store_key)))


def test_it_goes_back_into_the_folder(on_disk: Context, url: str, tmp_path: Path) -> None:
    """Nobody is bound to a bucket."""
    moved = in_bucket(on_disk.settings, url)
    Make(moved).tip()

    relocating.copy_all(moved, "")

    assert opened(on_disk) == opened(moved)
    folder = FolderObjects(on_disk.settings.data_dir / "photos")
    assert {each.name for each in folder.listed()} == named_by_rows(moved)
    assert tmp_path in on_disk.settings.data_dir.parents


def test_a_copy_that_differs_ends_it(on_disk: Context, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that gives back other bytes gets no photos."""
    Make(on_disk).tip()
    real = S3Objects.read

    def lie(self: S3Objects, name: str) -> bytes:
        data = real(self, name)
        return data[:-1] + b"x" if "/" in name else data

    monkeypatch.setattr(S3Objects, "read", lie)

    with pytest.raises(StoreTrouble, match="other bytes"):
        relocating.copy_all(on_disk, url)


def test_something_else_under_a_name_ends_it(on_disk: Context, url: str) -> None:
    """What lies there is not taken for the photo, and not overwritten."""
    Make(on_disk).tip()
    name = min(named_by_rows(on_disk))
    target = open_objects(on_disk.settings, url)
    target.write(name, b"something else")

    with pytest.raises(FileExistsError):
        relocating.copy_all(on_disk, url)

    assert target.read(name) == b"something else"


def test_places_that_are_none_are_refused(on_disk: Context) -> None:
    """Before anything is copied."""
    with pytest.raises(Invalid):
        relocating.copy_all(on_disk, "https://store.example.org/photos")
    with pytest.raises(Conflict):
        relocating.copy_all(on_disk, "")


def test_the_command_says_what_it_did_and_what_is_next(
    on_disk: Context, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator is led through; a missing file is told with a status of its own."""
    Make(on_disk).tip()
    count = len(named_by_rows(on_disk))
    for name, value in environment_of(on_disk.settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOMEWARD_PHOTO_STORE_URL", "")
    monkeypatch.setenv("HOMEWARD_PHOTO_STORE_SECRET_FILE", str(s3.shared().secret_file))

    done = CliRunner().invoke(app, ["photos", "move", "--to", url])
    (on_disk.settings.data_dir / "photos" / min(named_by_rows(on_disk))).unlink()
    again = CliRunner().invoke(app, ["photos", "move", "--to", s3.shared().url(f"m{secrets.token_hex(8)}")])

    assert done.exit_code == 0
    assert f"{count} files copied and compared" in done.output
    assert "HOMEWARD_PHOTO_STORE_URL" in done.output
    assert again.exit_code == 1
    assert "1 files are missing" in again.output
