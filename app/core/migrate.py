"""Bringing a database to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, delete, insert, inspect, select
from sqlmodel import col

from app.core.postgres import without_timeouts
from app.core.reach import SchemaReach

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class SchemaTooNew(RuntimeError):
    """The database was written by a later version of Homeward."""


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that a database lacks, all in one transaction.

    A later version's schema is left as it is where it only added to this one's: both versions work on it
    while processes are replaced one after the other.

    Args:
        engine: the database.
        revision: how far to go; "head" is this version's schema.

    Raises:
        SchemaTooNew: this version does not know the database's schema; nothing was changed.
    """
    with engine.begin() as connection:
        without_timeouts(connection)
        config = config_for(connection)
        if _is_later(connection, config):
            _check_reach(connection, config)
            return
        command.upgrade(config, revision)
        if revision == "head":
            _say_reach(connection, config)


def check_known(engine: Engine) -> None:
    """See that a database's schema is this version's or an earlier one; nothing is changed.

    Raises:
        SchemaTooNew: it is not.
    """
    with engine.connect() as connection:
        if _is_later(connection, config_for(connection)):
            raise SchemaTooNew(_too_new(connection))


def _is_later(connection: Connection, config: Config) -> bool:
    present = _present(connection)
    return present is not None and present not in _known(config)


def _check_reach(connection: Connection, config: Config) -> None:
    """See that all that came after this version's schema only added to it."""
    oldest = connection.execute(select(col(SchemaReach.oldest))).scalar() if _says_reach(connection) else None
    if oldest not in _known(config):
        raise SchemaTooNew(_too_new(connection))


def _say_reach(connection: Connection, config: Config) -> None:
    """Write down the oldest revision that everything since only added to."""
    scripts = ScriptDirectory.from_config(config)
    oldest = next(
        script for script in scripts.walk_revisions() if not getattr(script.module, "EXPANDS", False)
    )
    if connection.execute(select(col(SchemaReach.oldest))).scalar() != oldest.revision:
        connection.execute(delete(SchemaReach))
        connection.execute(insert(SchemaReach).values(number=1, oldest=oldest.revision))


def _says_reach(connection: Connection) -> bool:
    return inspect(connection).has_table(str(SchemaReach.__tablename__))


def _known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _too_new(connection: Connection) -> str:
    return (
        f"the database has schema {_present(connection)}, which this version does not know; "
        "use a later version"
    )


def config_for(connection: Connection) -> Config:
    """What Alembic's commands need to work on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
