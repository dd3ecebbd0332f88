"""What every process of a deployment opens first: settings, keys, database, photo store."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from app.core.crypto import Keys, load_keys
from app.core.db import Database
from app.core.files import PhotoStore
from app.core.holders import CommandHolder, Holder
from app.core.migrate import migrate
from app.core.objects import Objects, StoreUnreachable, open_objects
from app.core.sealing import use_keys
from app.core.settings import Settings


class DatabaseGone(FileNotFoundError):
    """The database's file is missing where one was in use."""


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
        DatabaseGone: there is none, although photos are stored.
        StoreRefused: the photo store has no such bucket, refuses our keys, or is another deployment's. One
            that does not answer is waited for by whoever needs it.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    objects = open_objects(settings)
    _refuse_to_begin_anew(settings, objects)
    db = Database(settings.database_address)
    migrate(db.engine)
    keys = load_keys(settings.key_file, create=not _holds_photos(db), holder=holder_of(settings))
    use_keys(db.engine, keys)
    store = PhotoStore(objects, keys)
    with contextlib.suppress(StoreUnreachable):
        store.check()
    return Context(settings, keys, db, store)


def holder_of(settings: Settings) -> Holder | None:
    """Who holds the keys when it is not the key file."""
    return CommandHolder(settings.key_command) if settings.key_command else None


def _refuse_to_begin_anew(settings: Settings, objects: Objects) -> None:
    url = make_url(settings.database_address)
    if url.get_backend_name() != "sqlite" or Path(url.database or "").exists():
        return
    if any(objects.listed()):
        msg = (
            f"the database {url.database} is gone although photos are stored: "
            "bring it back, or restore a backup into an empty folder"
        )
        raise DatabaseGone(msg)


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
