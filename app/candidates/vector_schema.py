"""Where search copies of templates lie on PostgreSQL: a schema of their own, which backups can leave out.

`face_index.due` lists references whose copies are not up to date; a trigger on the gallery's changes fills it
in the transaction of each change, whoever makes it, and deletes the copy in the same one. `face_index.copy`
needs the extension `vector`, so it is made where that is allowed, else when the index is first asked for.
"""

from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.core.errors import Conflict, message

OLDEST_VECTOR: Final = (0, 8)
"""Version of pgvector that has `halfvec` and scans that go on until there are enough rows."""

DUE: Final = (
    "CREATE SCHEMA face_index",
    "CREATE TABLE face_index.due (reference_id uuid PRIMARY KEY, seq bigint NOT NULL)",
    """CREATE FUNCTION face_index.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO face_index.due VALUES (NEW.reference_id, NEW.seq)
            ON CONFLICT (reference_id) DO UPDATE SET seq = EXCLUDED.seq;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER face_index_note AFTER INSERT ON gallery_change
    FOR EACH ROW EXECUTE FUNCTION face_index.note()""",
    "INSERT INTO face_index.due SELECT reference_id, seq FROM gallery_change",
)
"""What needs no extension: every reference that there is has to be copied."""

COPY: Final = (
    """CREATE TABLE face_index.copy (
        reference_id uuid NOT NULL,
        encoder_id uuid NOT NULL,
        turned_by integer NOT NULL,
        record_id uuid NOT NULL,
        template_id uuid NOT NULL,
        seq bigint NOT NULL,
        sex smallint NOT NULL,
        age real,
        born double precision,
        draw integer NOT NULL,
        vector halfvec NOT NULL,
        PRIMARY KEY (reference_id, encoder_id)
    )""",
    # Beside the row instead of behind it: a scan reads each page once.
    "ALTER TABLE face_index.copy ALTER COLUMN vector SET STORAGE PLAIN",
    "CREATE INDEX copy_filters ON face_index.copy (encoder_id, turned_by, sex, born)",
    "CREATE INDEX copy_records ON face_index.copy (encoder_id, record_id)",
    "CREATE INDEX copy_draw ON face_index.copy (encoder_id, draw)",
    # The due row first: whoever is copying just now is waited for, and what it wrote is then deleted.
    """CREATE OR REPLACE FUNCTION face_index.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO face_index.due VALUES (NEW.reference_id, NEW.seq)
            ON CONFLICT (reference_id) DO UPDATE SET seq = EXCLUDED.seq;
        DELETE FROM face_index.copy WHERE reference_id = NEW.reference_id;
        RETURN NULL;
    END $$""",
)
"""The copies. Their numbers are of an encoder's own count, so the column has none; an index names it."""


class VectorMissing(Conflict):
    """The database has no pgvector, or an old one, and this account may not change that."""

    def __init__(self) -> None:
        super().__init__(
            message(
                "The database has no extension vector of version 0.8 or later. Install the package pgvector "
                "of this PostgreSQL version, then run as the database's administrator: "
                "CREATE EXTENSION vector; ALTER EXTENSION vector UPDATE;"
            )
        )


def exists(connection: Connection) -> bool:
    """Whether there is a table of copies."""
    return connection.execute(text("SELECT to_regclass('face_index.copy')")).scalar() is not None


def make(connection: Connection) -> None:
    """Make the table of copies unless it is there, and the extension if this account may.

    Args:
        connection: of PostgreSQL, in a transaction that may write.

    Raises:
        VectorMissing: somebody else has to install it.
    """
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as error:
        raise VectorMissing from error
    version = connection.execute(
        text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    ).scalar()
    if tuple(int(part) for part in str(version).split(".")[:2]) < OLDEST_VECTOR:
        raise VectorMissing
    if not exists(connection):
        for statement in COPY:
            connection.execute(text(statement))
