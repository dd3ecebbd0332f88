"""What somebody does who holds the database: read all that lies there, and write past its guards."""

import tempfile
from pathlib import Path

from sqlalchemy import Connection, text

from app.backup.writing import take_snapshot
from app.core.context import Context


def drop_guards(connection: Connection, table: str = "audit_event") -> None:
    """Take away the triggers that keep a table's rows as they were written."""
    on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    for event in ("update", "delete"):
        connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{event}{on}"))


def rewrite(context: Context, statement: str, **values: object) -> None:
    """Change what lies in the database, past models and their sealing."""
    with context.db.write() as session:
        session.connection().execute(text(statement), values)


def stored_bytes(context: Context) -> bytes:
    """All that lies in the data folder, and of a server's database all rows as they lie."""
    folder = b"".join(path.read_bytes() for path in context.settings.data_dir.rglob("*") if path.is_file())
    if context.db.engine.dialect.name == "sqlite":
        return folder
    with tempfile.TemporaryDirectory() as elsewhere:
        rows = Path(elsewhere) / "rows.sqlite"
        take_snapshot(context, rows)
        return folder + rows.read_bytes()
