"""Tables by month on PostgreSQL; SQLite has none and is asked nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from app.core import partitions
from app.core.context import Context
from app.tips.models import Tip
from tests.make import Make
from tests.servers import postgres

on_postgresql = pytest.mark.skipif(
    not postgres.wanted(), reason="SQLite keeps no tables by month: HOMEWARD_TEST_DATABASE=postgresql"
)


@pytest.fixture(autouse=True)
def _no_earlier_journeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identifiers never step back within a process: another test's journey ahead would last."""
    monkeypatch.setattr("uuid6._last_v7_timestamp", None)


def month_of(context: Context, tip: Tip) -> str:
    with context.db.read() as session:
        where = text("SELECT tableoid::regclass::text FROM tip WHERE id = :id")
        return str(session.connection().execute(where, {"id": tip.id}).scalar_one()).rpartition(".")[2]


@on_postgresql
def test_a_row_lies_in_its_month_and_months_are_made_before_they_begin(context: Context, make: Make) -> None:
    """Also over the turn of a year; looking again makes nothing."""
    today = datetime.now(UTC)
    assert month_of(context, make.tip()) == f"tip_{today:%Y_%m}"

    with time_machine.travel(datetime(today.year + 1, 11, 30, 12, tzinfo=UTC), tick=False):
        made = partitions.look(context.db)
        again = partitions.look(context.db)
        tip = make.tip()

    assert again == []
    assert sorted(name for name in made if name.startswith("tip")) == [
        f"tip_{today.year + 1}_11",
        f"tip_{today.year + 1}_12",
        f"tip_{today.year + 2}_01",
    ]
    assert len(made) == 3 * len(partitions.MONTHLY)
    assert month_of(context, tip) == f"tip_{today.year + 1}_11"


@on_postgresql
def test_a_month_that_nobody_made_loses_no_row(context: Context, make: Make) -> None:
    """It lies with the others, is found, and counted for the operator."""
    with time_machine.travel(datetime.now(UTC) + timedelta(days=800), tick=False):
        tip = make.tip()

    with context.db.read() as session:
        assert session.get(Tip, tip.id) is not None
        assert partitions.rows_elsewhere(session.connection()) > 0
    assert month_of(context, tip) == "tip_other"


@on_postgresql
def test_a_question_for_one_row_reads_one_month(context: Context, make: Make) -> None:
    """The identifier says which."""
    tip = make.tip()
    with context.db.read() as session:
        plan = session.connection().execute(text(f"EXPLAIN SELECT * FROM tip WHERE id = '{tip.id}'"))  # noqa: S608
        read = [line for (line,) in plan if "Scan" in line]

    assert len(read) == 1


@pytest.mark.sqlite
def test_sqlite_has_no_months(context: Context) -> None:
    """Nothing to make, nothing elsewhere."""
    assert partitions.look(context.db) == []
    with context.db.read() as session:
        assert partitions.missing(session.connection(), date(2026, 1, 1)) == []
        assert partitions.rows_elsewhere(session.connection()) == 0
