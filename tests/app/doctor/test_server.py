"""What the doctor says of a PostgreSQL server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.core import partitions
from app.core.clock import now
from app.core.context import Context
from app.core.db import Database
from app.core.migrate import migrate
from app.doctor import server
from app.doctor.findings import Finding, Level
from tests.servers import postgres


@pytest.fixture
def served(context: Context) -> Iterator[Context]:
    """A deployment on a real server, whose settings are those of quick tests: not durable."""
    database = Database(postgres.database_of(context.settings.data_dir / "doctor"))
    migrate(database.engine)
    yield replace(context, db=database)
    database.close()
    postgres.forget(context.settings.data_dir / "doctor")


def database_findings(context: Context) -> list[Finding]:
    return list(server.findings(context))


def test_a_server_that_loses_tips_is_told(served: Context) -> None:
    """By the names of its settings."""
    told = database_findings(served)

    assert [each.level for each in told if "loses tips" in each.says] == [Level.BROKEN]
    assert "fsync, full_page_writes, synchronous_commit is off" in told[0].says


def test_rows_outside_of_their_months_are_told(served: Context) -> None:
    """And months that nobody made."""
    with served.db.write() as session:
        session.execute(
            text(f"DROP TABLE homeward_months.audit_event_{partitions._next(now().date()):%Y_%m}")
        )
        session.execute(
            text(
                "INSERT INTO audit_event VALUES "
                "(1, '2001-01-01', 'system', NULL, 'tip_viewed', 'tip', 'x', '{}', '', '')"
            )
        )

    told = [each.says for each in database_findings(served)]

    assert any(says.startswith("1 rows lie outside") for says in told)
    assert any("have no place yet" in says for says in told)
