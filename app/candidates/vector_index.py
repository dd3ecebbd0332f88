"""Building the graph over the search copies beside whatever uses the old one.

A graph is built concurrently, which stops neither searches nor changes. It is used from the moment it is
finished, and the one before it is dropped then. A build that was killed leaves a graph that nobody uses; the
next one takes it away and begins anew.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text
from sqlmodel import Session

from app.candidates import gallery_rows
from app.candidates.vector_search import EXACT_LIMIT, Filters, Shelf, has_graph, is_small, shelves
from app.core.db import Database
from app.encoders.models import EnrolledEncoder

BUILDING: Final = 0x686F6D71
"""Key of the lock of whoever builds a graph; held by its connection."""

LINKS: Final = 16
"""HNSW's m."""
CANDIDATES: Final = 100
"""HNSW's ef_construction."""

MEMORY: Final = "1GB"
"""Memory for a build unless told otherwise; a graph that does not fit takes several times as long."""

_LOOK_S: Final = 1.0


class AlreadyBuilding(RuntimeError):
    """Another process builds a graph."""


@dataclass(frozen=True)
class State:
    """How an encoder's copies stand."""

    encoder: EnrolledEncoder
    copies: int
    of_other_keys: int
    """Copies turned by a key that is not the newest any more."""
    graphs: tuple[str, ...]
    """Names of its finished graphs."""
    broken: tuple[str, ...]
    """Names of graphs that are being built or were left unfinished."""
    byte_count: int
    """Size of all graphs."""


def shelves_of(session: Session, encoder: EnrolledEncoder) -> list[Shelf]:
    """The shelves of an encoder; none while it has no template."""
    dimensions = gallery_rows.dimensions(session, encoder)
    return [] if dimensions is None else shelves(session, encoder.id, dimensions)


def is_wanted(session: Session, shelf: Shelf, *, small: bool, anew: bool) -> bool:
    """Whether a graph is to be built.

    Args:
        session: any session.
        shelf: over which copies.
        small: also where so few are there that all are compared.
        anew: also where there is one.
    """
    if not anew and has_graph(session, shelf):
        return False
    return small or not is_small(session, shelf, Filters(), EXACT_LIMIT)


def build(
    db: Database,
    shelf: Shelf,
    *,
    memory: str = MEMORY,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> str:
    """Build a graph of a shelf, then drop the shelf's other ones.

    Args:
        db: the database.
        shelf: which copies.
        memory: as PostgreSQL's maintenance_work_mem has it.
        on_progress: told the step and how much of it is done, in the server's units, about each second.

    Returns:
        The graph's name.

    Raises:
        AlreadyBuilding: another process builds one.
    """
    # Not in a transaction, as building concurrently demands.
    lone = db.engine.execution_options(isolation_level="AUTOCOMMIT", read_only=True)
    with lone.connect() as connection:
        if not connection.execute(text(f"SELECT pg_try_advisory_lock({BUILDING})")).scalar():
            raise AlreadyBuilding
        try:
            for setting in ("statement_timeout = 0", "lock_timeout = 0"):
                connection.execute(text(f"SET {setting}"))
            connection.execute(
                text("SELECT set_config('maintenance_work_mem', :memory, false)"), {"memory": memory}
            )
            return _built(connection, db, shelf, on_progress)
        finally:
            # Gives lock and settings back, however it ended.
            connection.invalidate()


def drop_others(db: Database, kept: list[Shelf]) -> list[str]:
    """Drop the graphs of shelves that are empty: of retired encoders, of keys that turn nothing any more.

    Returns:
        Names of those dropped.
    """
    dropped = []
    lone = db.engine.execution_options(isolation_level="AUTOCOMMIT", read_only=True)
    with lone.connect() as connection:
        for name, _ in _graphs(connection):
            if not name.startswith(tuple(shelf.graph_prefix for shelf in kept)):
                connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS face_index.{name}"))
                dropped.append(name)
    return dropped


def state(session: Session, encoder: EnrolledEncoder, newest: int) -> State:
    """How an encoder's copies and graphs stand.

    Args:
        session: any session.
        encoder: the encoder.
        newest: number of the newest key.
    """
    copies, others = session.execute(
        text(
            "SELECT count(*), count(*) FILTER (WHERE turned_by <> :newest) "
            "FROM face_index.copy WHERE encoder_id = :encoder"
        ),
        {"encoder": encoder.id, "newest": newest},
    ).one()
    graphs = [
        (name, valid)
        for name, valid in _graphs(session.connection())
        if name.startswith(f"near_{encoder.id.hex[-12:]}_")
    ]
    size = sum(
        session.execute(
            text("SELECT pg_relation_size(CAST(:name AS regclass))"), {"name": f"face_index.{name}"}
        ).scalar_one()
        for name, _ in graphs
    )
    return State(
        encoder,
        copies,
        others,
        tuple(name for name, valid in graphs if valid),
        tuple(name for name, valid in graphs if not valid),
        size,
    )


def _built(
    connection: Connection, db: Database, shelf: Shelf, on_progress: Callable[[str, int, int], None] | None
) -> str:
    before = [(name, valid) for name, valid in _graphs(connection) if name.startswith(shelf.graph_prefix)]
    for name, valid in before:
        if not valid:
            connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS face_index.{name}"))
    number = 1 + max((int(name.rpartition("_")[2]) for name, _ in before), default=0)
    made = f"{shelf.graph_prefix}{number}"
    with _watched(db, on_progress):
        connection.execute(
            text(
                f"CREATE INDEX CONCURRENTLY {made} ON face_index.copy "
                f"USING hnsw ((vector::halfvec({int(shelf.dimensions)})) halfvec_ip_ops) "
                f"WITH (m = {LINKS}, ef_construction = {CANDIDATES}) WHERE {shelf.condition}"
            )
        )
    for name, valid in before:
        if valid:
            connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS face_index.{name}"))
    # The planner's estimates decide how a search is made.
    connection.execute(text("ANALYZE face_index.copy"))
    return made


def _graphs(connection: Connection) -> list[tuple[str, bool]]:
    return [
        (name, valid)
        for name, valid in connection.execute(
            text(
                "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
                "WHERE indrelid = 'face_index.copy'::regclass AND starts_with(relname, 'near_') "
                "ORDER BY relname"
            )
        )
    ]


class _watched:  # noqa: N801 - used as a context manager
    """Tells how far a build is, from a connection of its own."""

    def __init__(self, db: Database, on_progress: Callable[[str, int, int], None] | None) -> None:
        self._db, self._on_progress, self._ended = db, on_progress, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        if self._on_progress:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._on_progress:
            self._thread.join()

    def _look(self) -> None:
        assert self._on_progress is not None
        while not self._ended.wait(_LOOK_S):
            with self._db.read() as session:
                found = session.execute(
                    text(
                        "SELECT phase, CASE WHEN tuples_total > 0 THEN tuples_done ELSE blocks_done END, "
                        "CASE WHEN tuples_total > 0 THEN tuples_total ELSE blocks_total END "
                        "FROM pg_stat_progress_create_index "
                        "WHERE relid = 'face_index.copy'::regclass"
                    )
                ).first()
            if found is not None:
                self._on_progress(*found)
