"""The database: how it is opened, and the kinds of session. `app.core.postgres` opens PostgreSQL.

SQLite runs in WAL mode with `synchronous=FULL`, because NORMAL may lose a committed tip in a power cut.
Writers begin with `BEGIN IMMEDIATE`: Python's own transactions lose updates that read before they write.
Connections never make the file: one that was moved away while the service runs is missing, not new and empty.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, create_engine

from app.core import postgres

BUSY_TIMEOUT_MS = 3_000
"""How long a writer waits for another; longer would hold web threads and stop the service."""

LOG_PATIENCE_MS = 200
"""How long emptying the write-ahead log waits for readers."""

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "2",  # FULL
    "foreign_keys": "1",
    "secure_delete": "1",
    "trusted_schema": "0",
}


def open_engine(address: str) -> Engine:
    """Open a database with the settings that durability depends on.

    Args:
        address: SQLAlchemy address; SQLite's file is made when there is none.

    Returns:
        An engine whose connections begin their transactions explicitly; whatever keeps the file from being
        read or written is an OperationalError.

    Raises:
        RuntimeError: SQLite did not take a pragma on which a promise rests.
        ServerTooOld: PostgreSQL is older than what Homeward is tested with.
    """
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        return postgres.open_engine(url)
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        path.touch(mode=0o600)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw",
            uri=True,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_MS / 1000,
        )

    engine = create_engine(url, creator=connect, pool_size=40)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the begin event below starts transactions
        cursor = connection.cursor()
        for name, wanted in PRAGMAS.items():
            cursor.execute(f"PRAGMA {name}={wanted}")
            found = str(cursor.execute(f"PRAGMA {name}").fetchone()[0])
            if found != wanted:
                msg = f"SQLite answered {found!r} to PRAGMA {name}={wanted}"
                raise RuntimeError(msg)
        cursor.close()

    @event.listens_for(engine, "handle_error", retval=True)
    def name(context: ExceptionContext) -> OperationalError | None:
        # A disk that fails gives back nonsense; SQLite then speaks of a file that is none of its own.
        error = context.original_exception
        if type(error) is not sqlite3.DatabaseError:
            return None
        return OperationalError(context.statement, None, error)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


class Database:
    """The engine and the sessions made from it."""

    def __init__(self, address: str) -> None:
        self.engine = open_engine(address)
        self._together = self.engine.execution_options(together=True)
        reads: dict[str, Any] = {"read_only": True}
        if self.engine.dialect.name == "postgresql":
            # All questions of one session see the rows of one moment, as they do in SQLite.
            reads |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = self.engine.execution_options(**reads)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when its block ends well and rolls back when it does not.

        Nobody else writes until it ends: what it reads stays true while it decides.
        """
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write_together(self) -> Iterator[Session]:
        """A session like that of `write`, for what needs nobody to stand still.

        It adds rows, or changes rows that it alone holds; what must not exist twice has a unique key. On
        PostgreSQL such sessions run at the same time, on SQLite one after the other.
        """
        with Session(self._together, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for questions; it never takes the write lock."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def empty_log(self) -> None:
        """Have SQLite write its log into the database and cut it: it may hold copies of what was erased.

        Readers may keep it from doing so for now; the log is emptied again later anyway.
        """
        if self.engine.dialect.name != "sqlite":
            return
        pooled = self.engine.raw_connection()
        try:
            cursor = pooled.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {LOG_PATIENCE_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            cursor.close()
        finally:
            pooled.close()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _write_session(request: Request) -> Iterator[Session]:
    with request.app.state.context.db.write() as session:
        yield session


def _read_session(request: Request) -> Iterator[Session]:
    with request.app.state.context.db.read() as session:
        yield session


SessionDep = Annotated[Session, Depends(_write_session, scope="function")]
"""A session that commits before the reply leaves; an error in the route or the commit changes nothing."""

ReadSessionDep = Annotated[Session, Depends(_read_session, scope="function")]
"""A session for pages that only read."""
