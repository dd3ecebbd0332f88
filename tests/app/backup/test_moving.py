"""A deployment's rows go into another database and back, as they lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from sqlmodel import Session
from typer.testing import CliRunner

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.backup import copying
from app.cli import app
from app.core import partitions
from app.core.context import Context
from app.core.db import Database
from app.core.errors import Invalid
from app.tables import metadata
from app.tips.models import Tip
from app.worker import Worker
from tests.conftest import environment_of
from tests.make import Make, jpeg
from tests.servers import postgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Database]:
    """An empty database of a real PostgreSQL server."""
    opened = Database(postgres.database_of(tmp_path / "server"))
    yield opened
    opened.close()
    postgres.forget(tmp_path / "server")


def rows(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Everything, as it lies, without order."""
    return {
        table.name: sorted(map(tuple, connection.execute(select(copying._raw(table)))), key=repr)
        for table in metadata.sorted_tables
    }


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.read() as session:
        return rows(session.connection())


def test_every_row_arrives_as_it_lay_and_comes_back(
    context: Context, make: Make, worker: Worker, server: Database, tmp_path: Path
) -> None:
    """Sealed values, moments, references of rows to their own table, numbers that triggers gave."""
    make.candidate()
    first, second = make.tip(), make.tip()
    make.sent_tip(jpeg((9, 9, 9)))
    worker.run_until_idle()
    with context.db.write() as session:
        session.get_one(Tip, first.id).duplicate_of_id = second.id
    before = content(context.db)

    copied = copying.move(context.db, server)
    back = Database(f"sqlite:///{tmp_path / 'back.sqlite'}")
    copying.move(server, back)

    assert content(server) == before
    assert content(back) == before
    back.close()
    assert copied["tip"] == 4
    assert copied["gallery_change"] > 0


def test_the_log_goes_on_in_the_new_database(context: Context, server: Database) -> None:
    """The next row has the next number and rests on the last."""
    with context.db.write() as session:
        audit.record(session, SYSTEM, Action.TIP_VIEWED, "tip", "x")
    copying.move(context.db, server)

    with server.write() as session:
        audit.record(session, SYSTEM, Action.TIP_VIEWED, "tip", "x")
        verdict = audit.verify(
            session, audit.checkpoints_path(context.settings), context.keys.signing, processes=1
        )

    assert verdict.problems == ()
    assert verdict.rows == 2


def test_old_months_get_their_place(context: Context, make: Make, server: Database) -> None:
    """Rows of before the move do not all lie with the others."""
    make.tip()
    copying.move(context.db, server)

    with server.read() as session:
        assert partitions.rows_elsewhere(session.connection()) == 0
        assert session.execute(select(func.count()).select_from(Tip)).scalar_one() == 1


def test_a_database_with_rows_is_refused(context: Context, make: Make, server: Database) -> None:
    """Nothing is mixed."""
    make.tip()
    copying.move(context.db, server)

    with pytest.raises(Invalid, match="not empty"):
        copying.move(context.db, server)


def test_the_command_says_what_to_do_next(
    context: Context, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And refuses the database that is in use."""
    make.tip()
    for name, value in environment_of(context.settings).items():
        monkeypatch.setenv(name, value)
    target = f"sqlite:///{tmp_path / 'other.sqlite'}"

    moved = CliRunner().invoke(app, ["database", "move", "--to", target])
    same = CliRunner().invoke(app, ["database", "move", "--to", context.settings.database_address])

    assert moved.exit_code == 0, moved.output
    assert "HOMEWARD_DATABASE_URL" in moved.output
    assert isinstance(same.exception, Invalid)
    with Session(Database(target).engine) as session:
        assert session.execute(select(func.count()).select_from(Tip)).scalar_one() == 1
