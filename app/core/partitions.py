"""PostgreSQL keeps the large tables by month: old months stay out of the way of vacuums and of the memory.

Identifiers of rows are UUIDv7, which begin with their moment. So a range of identifiers is a month, an
identifier alone finds its month, and the primary key needs no second column. The log's rows are kept by their
moment. Months lie in a schema of their own; rows of a month that nobody made lie in the default one.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.core.clock import now
from app.core.db import Database

MONTHLY: Final = {"tip": "id", "photo": "id", "face": "id", "audit_event": "at"}
"""What is kept by month, and the column that tells the month."""

SCHEMA: Final = "homeward_months"

AHEAD: Final = 2
"""Months made before they begin."""


def partition_by(table: str, dialect: str) -> dict[str, str]:
    """What `create_table` is told besides; nothing where there are no months."""
    return {"postgresql_partition_by": f"RANGE ({MONTHLY[table]})"} if dialect == "postgresql" else {}


def lay_out(connection: Connection, table: str, today: date) -> None:
    """Give a new table its default partition and the first months."""
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.execute(text(f"CREATE TABLE {SCHEMA}.{table}_other PARTITION OF {table} DEFAULT"))
    for month in _months(today):
        _make(connection, table, month)


def missing(connection: Connection, today: date, since: date | None = None) -> list[tuple[str, date]]:
    """Tables and first days of months that are not there yet; none on SQLite.

    Args:
        connection: any.
        today: in UTC; months up to `AHEAD` after it are wanted.
        since: from which month on; None for this one.
    """
    if connection.dialect.name != "postgresql":
        return []
    wanted = [(table, month) for table in MONTHLY for month in _months(today, since)]
    there = set(
        connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = :schema"), {"schema": SCHEMA}
        ).scalars()
    )
    return [(table, month) for table, month in wanted if _name(table, month) not in there]


def look(db: Database) -> list[str]:
    """Make the months that begin soon; writers wait for the moment that takes.

    Returns:
        Names of those made.

    Raises:
        IntegrityError: rows of such a month lie in the default partition: nobody looked for months.
    """
    today = now().date()
    with db.read() as session:
        if not missing(session.connection(), today):
            return []
    with db.write() as session:
        return make_missing(session.connection(), today)


def rows_elsewhere(connection: Connection) -> int:
    """Rows in default partitions, whose month was not there when they came; 0 on SQLite."""
    if connection.dialect.name != "postgresql":
        return 0
    counts = [
        connection.execute(text(f"SELECT count(*) FROM {SCHEMA}.{table}_other")).scalar_one()  # noqa: S608
        for table in MONTHLY
    ]
    return int(sum(counts))


def make_missing(connection: Connection, today: date, since: date | None = None) -> list[str]:
    """Make the months that are not there yet, in the caller's transaction, which is to be alone."""
    return [_make(connection, table, month) for table, month in missing(connection, today, since)]


def moment_of(row_id: UUID) -> datetime:
    """The moment that an identifier begins with."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)


def _make(connection: Connection, table: str, month: date) -> str:
    name = _name(table, month)
    first, last = (_bound(table, day) for day in (month, _next(month)))
    connection.execute(
        text(f"CREATE TABLE {SCHEMA}.{name} PARTITION OF {table} FOR VALUES FROM ('{first}') TO ('{last}')")
    )
    return name


def _name(table: str, month: date) -> str:
    return f"{table}_{month:%Y_%m}"


def _months(today: date, since: date | None = None) -> Iterator[date]:
    last = today.replace(day=1)
    for _ in range(AHEAD):
        last = _next(last)
    month = min(since or today, today).replace(day=1)
    while month <= last:
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _bound(table: str, day: date) -> str:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if MONTHLY[table] != "id":
        return moment.isoformat()
    return str(UUID(int=int(moment.timestamp() * 1000) << 80))
