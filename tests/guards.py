"""What somebody does who holds the database: its guards go first."""

from sqlalchemy import Connection, text


def drop_guards(connection: Connection, table: str = "audit_event") -> None:
    """Take away the triggers that keep a table's rows as they were written."""
    on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    for event in ("update", "delete"):
        connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{event}{on}"))
