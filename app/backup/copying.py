"""All rows of one database into another: from a file to a server, and from a server into a backup's file.

Values go as they lie, sealed. Rows that refer to rows of their own table get that reference last.
"""

from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Connection, MetaData, Table, bindparam, func, select, text
from sqlalchemy.types import TypeEngine

from app.core import partitions
from app.core.clock import now
from app.core.db import Database
from app.core.errors import Invalid
from app.core.migrate import migrate
from app.core.reach import SchemaReach
from app.core.sealing import SealedBytes, SealedText, SealedVector
from app.tables import metadata

AT_ONCE: Final = 500
"""Rows in one statement."""
NOTED_BY_TRIGGERS: Final = "gallery_change"
"""What triggers write while others are copied; it goes last, as it was."""

OF_THE_SCHEMA: Final = str(SchemaReach.__tablename__)
"""Says something of the database itself, and is there when it is made."""

NOT_EMPTY = "The database to copy into is not empty. Nothing was copied."


def copy(source: Connection, target: Connection) -> dict[str, int]:
    """Copy all rows.

    Args:
        source: in a transaction that sees the rows of one moment.
        target: in a writing transaction, with this version's schema and no rows.

    Returns:
        Rows by table.

    Raises:
        Invalid: there are rows in the target.
    """
    tables = [_raw(table) for table in metadata.sorted_tables if table.name != OF_THE_SCHEMA]
    if any(target.execute(select(table).limit(1)).first() is not None for table in tables):
        raise Invalid(NOT_EMPTY)
    oldest = _oldest(source)
    if oldest is not None:
        partitions.make_missing(target, now().date(), since=oldest)
    copied = {}
    for table in sorted(tables, key=lambda each: each.name == NOTED_BY_TRIGGERS):
        target.execute(table.delete())
        copied[table.name] = _copy_table(source, target, table)
    _count_on(target)
    return copied


def move(source: Database, target: Database) -> dict[str, int]:
    """Copy a deployment's rows into an empty database, while nobody writes to the old one.

    Returns:
        Rows by table, counted in the new one.

    Raises:
        Invalid: there are rows in the target, or it holds other numbers of rows afterwards.
    """
    migrate(target.engine)
    with source.write() as old, target.write() as new:
        copied = copy(old.connection(), new.connection())
        found = {
            table.name: new.connection().execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name != OF_THE_SCHEMA
        }
        if found != copied:
            raise Invalid("The copy has other numbers of rows. Nothing was kept of it.")
    return found


def _copy_table(source: Connection, target: Connection, table: Table) -> int:
    own = _references_to_itself(table.name)
    count = 0
    later: list[dict[str, Any]] = []
    found = source.execution_options(yield_per=AT_ONCE).execute(select(table))
    for part in found.mappings().partitions():
        rows = [dict(row) for row in part]
        count += len(rows)
        later += [row for row in rows if any(row[name] is not None for name in own)]
        target.execute(table.insert(), [row | dict.fromkeys(own) for row in rows])
    if later:
        keys = [part.name for part in metadata.tables[table.name].primary_key]
        change = table.update().values({name: bindparam(f"new_{name}") for name in own})
        for name in keys:
            change = change.where(table.c[name] == bindparam(f"old_{name}"))
        given = [
            {f"new_{name}": row[name] for name in own} | {f"old_{name}": row[name] for name in keys}
            for row in later
        ]
        target.execute(change, given)
    return count


def _raw(table: Table) -> Table:
    """A table whose sealed columns are plain ones: values as they lie."""
    return Table(table.name, MetaData(), *(Column(each.name, _plain(each.type)) for each in table.columns))


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.impl_instance if isinstance(kind, SealedBytes | SealedText | SealedVector) else kind


def _references_to_itself(name: str) -> list[str]:
    table = metadata.tables[name]
    return [each.parent.name for each in table.foreign_keys if each.column.table is table]


def _oldest(source: Connection) -> date | None:
    """The month of the oldest row that is kept by month."""
    found = []
    for name, column in partitions.MONTHLY.items():
        which = metadata.tables[name].c[column]
        oldest = source.execute(select(which).order_by(which).limit(1)).scalar()
        if oldest is not None:
            found.append(partitions.moment_of(oldest) if isinstance(oldest, UUID) else oldest)
    return min(found).date() if found else None


def _count_on(target: Connection) -> None:
    """Let the server's counters go on behind the numbers that were copied; SQLite does so by itself."""
    if target.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        counted = table.autoincrement_column
        if counted is not None:
            target.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{counted.name}'), "  # noqa: S608
                    f"coalesce(max({counted.name}), 0) + 1, false) FROM {table.name}"
                )
            )
