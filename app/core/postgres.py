"""PostgreSQL: how it is opened, who may write at the same time, how long anything waits.

The rules of Homeward read and then write (is this name free, has anybody else decided, which cluster is this
of). They hold because nobody else writes meanwhile. SQLite has one writer at a time; here an advisory lock
gives the same. Transactions that only add rows of their own share the lock, and do not wait for each other.
"""

from typing import Final

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, create_engine

LOCK_TIMEOUT_MS: Final = 5_000
"""How long a statement waits for a lock, that of other writers among them."""

STATEMENT_TIMEOUT_MS: Final = 60_000
"""How long one statement may run; migrations and maintenance are excepted."""

IDLE_TIMEOUT_MS: Final = 120_000
"""How long a transaction may rest before the server ends it: its process hangs, and holds up all others."""

POOL, MORE, POOL_TIMEOUT_S = 5, 15, 10.0
"""Connections that a process keeps, opens besides when it has to, and how long a thread waits for one."""

OLDEST: Final = 16
"""Major version of the oldest server that is tested."""

WRITERS: Final = 0x686F6D65
"""Key of the lock of all writers: alone or together."""
AUDIT_TAIL: Final = 0x686F6D66
"""Key of the lock of the audit chain's end."""

_OPTIONS = (
    f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS} "
    f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS} -c timezone=UTC"
)


class ServerTooOld(RuntimeError):
    """The server is older than what Homeward is tested with."""


def open_engine(url: URL) -> Engine:
    """Open a PostgreSQL database with the settings that the promises depend on.

    Args:
        url: SQLAlchemy address, as `postgresql+psycopg://user@host/name`.

    Returns:
        An engine of which a transaction is a writer that is alone, unless its execution options say
        `read_only` or `together`. A connection that breaks, or waits too long for a lock, is an
        OperationalError.
    """
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=POOL,
        max_overflow=MORE,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={"options": _OPTIONS, "connect_timeout": 5, "application_name": "homeward"},
    )

    @event.listens_for(engine, "first_connect")
    def check(connection: object, _record: object) -> None:
        version = connection.info.server_version // 10_000  # type: ignore[attr-defined]
        if version < OLDEST:
            msg = f"PostgreSQL {version} is too old: Homeward needs {OLDEST} or later"
            raise ServerTooOld(msg)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("read_only", False):
            return
        shared = "_shared" if options.get("together", False) else ""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{shared}({WRITERS})")

    @event.listens_for(engine, "handle_error", retval=True)
    def name(context: ExceptionContext) -> OperationalError | None:
        # A server that went away shows itself in several classes; whoever asks is to come again.
        if context.is_disconnect and not isinstance(context.sqlalchemy_exception, OperationalError):
            return OperationalError(context.statement, None, context.original_exception)
        return None

    return engine


def hold_audit_tail(session: Session) -> None:
    """Be the only one that appends to the audit chain until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql(f"SELECT pg_advisory_xact_lock({AUDIT_TAIL})")


def without_timeouts(connection: Connection) -> None:
    """Let this transaction's statements take their time: a migration builds indices."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
