"""A deployment with somebody to seal backups to, a backup of it, and an empty place."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pyrage import x25519

from app.backup import writing
from app.core.context import Context
from tests.make import Make
from tests.servers import postgres, s3

IDENTITY = x25519.Identity.generate()


@pytest.fixture
def sealed_to(context: Context) -> Context:
    """The deployment with somebody to seal backups to."""
    changed = context.settings.model_copy(update={"backup_recipients": str(IDENTITY.to_public())})
    return replace(context, settings=changed)


@pytest.fixture
def archive(sealed_to: Context, make: Make, tmp_path: Path) -> Path:
    """A backup of three tips."""
    for _ in range(3):
        make.tip()
    return writing.write(sealed_to, tmp_path / "backups" / "one.age").path


@pytest.fixture
def elsewhere(sealed_to: Context, tmp_path: Path) -> Context:
    """The backup's deployment put into an empty place, with the key file brought there by hand."""
    key = tmp_path / "elsewhere" / "keys" / "homeward.key"
    key.parent.mkdir(parents=True)
    shutil.copy(sealed_to.settings.key_file, key)
    settings = sealed_to.settings.model_copy(
        update={
            "data_dir": tmp_path / "elsewhere" / "data",
            "key_file": key,
            "database_url": postgres.database_of(tmp_path / "elsewhere") if postgres.wanted() else "",
            **(s3.settings_for(tmp_path / "elsewhere") if s3.wanted() else {}),
        }
    )
    return replace(sealed_to, settings=settings)
