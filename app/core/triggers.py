"""Triggers of migrations, in the words of both databases."""

from collections.abc import Sequence

from alembic import op

REFUSE = """
CREATE OR REPLACE FUNCTION homeward_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are kept as they were written', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$
"""


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def keep_rows(name: str, event: str, table: str, but: str = "") -> None:
    """Refuse to rewrite or delete what was received or logged.

    Args:
        name: of the trigger.
        event: as `UPDATE`, `UPDATE OF a, b` or `DELETE`.
        table: whose rows.
        but: condition on OLD and NEW under which it is allowed; empty for never.
    """
    if not _on_postgresql():
        when = f"WHEN NOT ({but}) " if but else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{table} rows are kept as they were written'); END"
        )
        return
    op.execute(REFUSE)
    when = f"WHEN (NOT ({but})) " if but else ""
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}"
        f"EXECUTE FUNCTION homeward_refuse('{table}')"
    )


def after(name: str, event: str, table: str, statements: Sequence[str]) -> None:
    """Run statements after a row was written; they may name NEW and OLD.

    Args:
        name: of the trigger.
        event: as `INSERT`, `UPDATE OF a, b` or `DELETE`.
        table: whose rows.
        statements: SQL, without semicolons.
    """
    body = " ".join(f"{each};" for each in statements)
    if not _on_postgresql():
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {body} END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def drop(name: str, table: str) -> None:
    """Take a trigger away, and the function that `after` made for it."""
    if not _on_postgresql():
        op.execute(f"DROP TRIGGER {name}")
        return
    op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute(f"DROP FUNCTION IF EXISTS {name}()")
