"""Bringing a database to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from app.core.postgres import without_timeouts

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class SchemaTooNew(RuntimeError):
    """The database was written by a later version of Homeward."""


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that a database lacks, all in one transaction.

    Args:
        engine: the database.
        revision: how far to go; "head" is this version's schema.

    Raises:
        SchemaTooNew: this version does not know the database's schema; nothing was changed.
    """
    with engine.begin() as connection:
        without_timeouts(connection)
        config = config_for(connection)
        _check_known(connection, config)
        command.upgrade(config, revision)


def check_known(engine: Engine) -> None:
    """See that this version knows a database's schema; nothing is changed.

    Raises:
        SchemaTooNew: it does not.
    """
    with engine.connect() as connection:
        _check_known(connection, config_for(connection))


def _check_known(connection: Connection, config: Config) -> None:
    present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        msg = f"the database has schema {present}, which this version does not know; use a later version"
        raise SchemaTooNew(msg)


def config_for(connection: Connection) -> Config:
    """What Alembic's commands need to work on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
