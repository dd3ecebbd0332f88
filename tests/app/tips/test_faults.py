"""No room, no store, a locked or unreadable database: a polite no, and no restart after."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace

import pytest
from sqlmodel import func, select

from app.core.context import Context
from app.tips import service, storing
from app.tips.models import Tip
from tests.app.tips.conftest import Send


def count(context: Context) -> int:
    """How many tips were taken."""
    with context.db.read() as session:
        return session.exec(select(func.count()).select_from(Tip)).one()


@contextmanager
def no_room(context: Context) -> Iterator[None]:
    """One byte less than the reserve is free."""
    short = context.settings.disk_reserve_mb * storing.MEGABYTE - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=short))
        yield


@contextmanager
def no_store(context: Context) -> Iterator[None]:
    """The photo store's disk went away."""
    store = context.settings.data_dir / "photos"
    aside = store.rename(store.with_suffix(".aside"))
    yield
    assert not store.exists(), "a store that is gone is not made anew beside the real one"
    shutil.move(aside, store)


@contextmanager
def locked(context: Context) -> Iterator[None]:
    """Another process holds the write lock for longer than anybody waits."""
    with context.db.write() as session:
        session.connection()  # The transaction, and with it the lock, begins with the first use.
        yield


@contextmanager
def unreadable(context: Context) -> Iterator[None]:
    """The database's disk gives back nonsense."""
    file = context.settings.data_dir / "homeward.sqlite"
    context.close()
    whole = file.read_bytes()
    file.write_bytes(b"nonsense" * len(whole))
    yield
    context.close()
    file.write_bytes(whole)


@pytest.mark.parametrize(
    "fault",
    [
        no_room,
        pytest.param(no_store, marks=pytest.mark.folder),
        locked,
        pytest.param(unreadable, marks=pytest.mark.sqlite),
    ],
)
def test_a_fault_is_told_saves_nothing_and_heals_by_itself(
    context: Context, send: Send, fault: Callable[[Context], AbstractContextManager[None]]
) -> None:
    """The sender keeps what was typed and is told when to come again; the same form is taken afterwards."""
    service.web_channel(context)

    with fault(context):
        refused = send(submission="a-key-of-this-form", place_text="Behind the market")
    kept = count(context)
    taken = send(submission="a-key-of-this-form", place_text="Behind the market")
    again = send(submission="a-key-of-this-form", place_text="Behind the market")

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "Behind the market" in refused.text
    assert kept == 0
    assert (taken.status_code, again.status_code) == (303, 303)
    assert count(context) == 1
