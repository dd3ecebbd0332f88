"""What every process of a deployment opens first: settings, keys, database, photo store."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import inspect, text

from app.core.crypto import Keys, load_keys
from app.core.db import Database
from app.core.files import PhotoStore
from app.core.migrate import migrate
from app.core.sealing import use_keys
from app.core.settings import Settings


@dataclass(frozen=True)
class Context:
    """The parts that web, worker and command line share."""

    settings: Settings
    keys: Keys
    db: Database
    store: PhotoStore

    def close(self) -> None:
        """Give the database's connections back."""
        self.db.close()


def open_context(settings: Settings) -> Context:
    """Open a deployment, bringing its database to this version's schema.

    Args:
        settings: where things lie.

    Returns:
        The open parts.

    Raises:
        KeyProblem: the key file is missing although photos are stored, or others may read it.
        SchemaTooNew: a later version wrote the database.
    """
    db = Database(settings.database_address)
    migrate(db.engine)
    keys = load_keys(settings.key_file, create=not _holds_photos(db))
    use_keys(db.engine, keys)
    return Context(settings, keys, db, PhotoStore(settings.data_dir / "photos", keys))


def _holds_photos(db: Database) -> bool:
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("photo"):
            return False
        return connection.execute(text("SELECT 1 FROM photo LIMIT 1")).first() is not None


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]
"""The open parts of this deployment, for a route."""
