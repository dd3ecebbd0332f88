"""Backups of a deployment whose photos lie in a bucket, and the ways back."""

import secrets
from pathlib import Path

import pytest
from sqlmodel import select

from app.backup import reading, writing
from app.core.context import Context, open_context
from app.core.errors import Invalid
from app.core.objects import StoreRefused, open_objects
from app.core.settings import Settings
from app.doctor.stored import named_by_rows
from app.photos.models import Photo
from tests.app.backup.conftest import IDENTITY
from tests.make import Make
from tests.servers import s3


def in_bucket(settings: Settings, prefix: str = "") -> Settings:
    """The same settings, with photos in a bucket."""
    server = s3.shared()
    place = prefix or f"b{secrets.token_hex(8)}"
    return settings.model_copy(
        update={"photo_store_url": server.url(place), "photo_store_secret_file": server.secret_file}
    )


def in_folder(settings: Settings) -> Settings:
    """The same settings, with photos in the data folder."""
    return settings.model_copy(update={"photo_store_url": ""})


@pytest.fixture
def bucketed(sealed_to: Context) -> Context:
    """A deployment with two tips whose photos lie in a bucket."""
    opened = open_context(in_bucket(sealed_to.settings))
    make = Make(opened)
    for _ in range(2):
        make.tip()
    return opened


def photos(context: Context) -> list[bytes]:
    """The originals that rows name, each opened."""
    with context.db.read() as session:
        rows = session.exec(select(Photo).order_by(Photo.store_key)).all()
    return [context.store.get(row.store_key, row.sealed_key) for row in rows]


@pytest.mark.parametrize("into", ["folder", "bucket"])
def test_one_file_restores_everything(
    bucketed: Context, elsewhere: Context, tmp_path: Path, into: str
) -> None:
    """Photos of a bucket come back, into a folder or another bucket."""
    backup = writing.write(bucketed, tmp_path / "one.age").path
    settings = in_folder(elsewhere.settings) if into == "folder" else in_bucket(elsewhere.settings)

    found = reading.restore(backup, IDENTITY, settings)

    again = open_context(settings)
    assert (found.missing, found.files) == (0, len(named_by_rows(bucketed)))
    assert photos(again) == photos(bucketed)
    assert {each.name for each in again.store.objects.listed()} == named_by_rows(again)
    assert (settings.data_dir / "photos").exists() == (into == "folder")


def test_without_photos_it_needs_the_bucket(bucketed: Context, elsewhere: Context, tmp_path: Path) -> None:
    """Where the bucket keeps copies itself; what it does not have is counted and told."""
    with_photos = writing.write(bucketed, tmp_path / "all.age")
    backup = writing.write(bucketed, tmp_path / "rows.age", with_photos=False)
    bucketed.store.delete(min(named_by_rows(bucketed)))
    prefix = bucketed.settings.photo_store_url.split("?")[0].rpartition("/")[2]

    with pytest.raises(Invalid, match="holds no photos"):
        reading.restore(backup.path, IDENTITY, in_folder(elsewhere.settings))
    found = reading.restore(backup.path, IDENTITY, in_bucket(elsewhere.settings, prefix))

    assert backup.files == found.files == 0
    assert backup.byte_count < with_photos.byte_count
    assert found.missing == 1


def test_a_folder_has_no_copies_elsewhere(sealed_to: Context, tmp_path: Path) -> None:
    """Photos of a folder are never left out."""
    on_disk = open_context(in_folder(sealed_to.settings))

    with pytest.raises(Invalid, match="they go in"):
        writing.write(on_disk, tmp_path / "one.age", with_photos=False)


def test_another_deployments_bucket_is_not_restored_into(
    bucketed: Context, elsewhere: Context, tmp_path: Path
) -> None:
    """And nothing stands in the data folder then."""
    backup = writing.write(bucketed, tmp_path / "one.age").path
    settings = in_bucket(elsewhere.settings)
    open_objects_of_somebody_else(settings)

    with pytest.raises(StoreRefused, match="another deployment"):
        reading.restore(backup, IDENTITY, settings)

    assert not settings.data_dir.exists() or not any(settings.data_dir.iterdir())


def open_objects_of_somebody_else(settings: Settings) -> None:
    """Claim a place for another deployment."""
    open_objects(settings).check("somebody else")
