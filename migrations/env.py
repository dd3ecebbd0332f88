"""Runs the migrations; `app.core.migrate` calls this with an open connection."""

from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from app import tables
from app.core.columns import UtcDateTime


def plain(kind: str, column_type: Any, _context: Any) -> str | bool:
    """Write a migration in SQLAlchemy's own types, so that it never depends on code that changes later."""
    if kind != "type":
        return False
    if isinstance(column_type, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(column_type, sa.Enum):
        return f"sa.String({column_type.length})"
    return "sa.String()" if isinstance(column_type, AutoString) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=plain,
)
with context.begin_transaction():
    context.run_migrations()
