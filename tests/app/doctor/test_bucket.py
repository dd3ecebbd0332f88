"""What the doctor and the sweep do where photos lie in a bucket."""

import secrets
from datetime import timedelta

import pytest
import time_machine

from app.core.clock import now
from app.core.context import Context, open_context
from app.doctor import checks, stored
from tests.make import Make
from tests.servers import s3
from tests.stored import files


@pytest.fixture
def bucketed(context: Context) -> Context:
    """A deployment with one tip whose photo lies in a bucket."""
    server = s3.shared()
    place = {
        "photo_store_url": server.url(f"d{secrets.token_hex(8)}"),
        "photo_store_secret_file": server.secret_file,
    }
    opened = open_context(context.settings.model_copy(update=place))
    Make(opened).tip()
    return opened


def said(context: Context) -> dict[str, list[str]]:
    """What there is to do about store and files, by level."""
    told: dict[str, list[str]] = {}
    for one in checks.examine(context, everything=True):
        if one.check in ("store", "files"):
            told.setdefault(one.level.value, []).append(one.says)
    return told


def test_old_objects_without_rows_are_swept_and_nothing_else(bucketed: Context) -> None:
    """A young one may still get its row; one with a row stays however old it is."""
    named = files(bucketed)
    orphan = bucketed.store.put(b"an upload whose process died").store_key

    assert stored.sweep(bucketed) == 0
    with time_machine.travel(now() + timedelta(days=2)):
        assert "1 old files belong to no row." in said(bucketed)["look"]
        assert stored.sweep(bucketed) == 1

    assert files(bucketed) == named
    assert orphan not in named


def test_what_is_lost_or_changed_there_is_found(bucketed: Context) -> None:
    """And photos left in the data folder are pointed at, since nobody reads them."""
    assert set(said(bucketed)) == {"fine"}
    lost, changed = files(bucketed)[:2]
    sealed = bucketed.store.objects.read(changed)
    bucketed.store.delete(lost)
    bucketed.store.delete(changed)
    bucketed.store.objects.write(changed, sealed[:-1])
    left = bucketed.settings.data_dir / "photos" / "aa"
    left.mkdir(parents=True)
    (left / "one").write_bytes(b"sealed")

    told = said(bucketed)

    assert "1 stored files are gone." in told["broken"]
    assert any("in the data folder still" in says for says in told["look"])
