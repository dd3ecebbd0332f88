"""What `homeward doctor` asks a PostgreSQL server: promises rest on settings of its own."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from app.core import partitions
from app.core.clock import now
from app.core.context import Context
from app.doctor.findings import Finding, Level

LOSING: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""With any of these, a power cut of the server loses tips that were acknowledged."""


def findings(context: Context) -> Iterator[Finding]:
    """What one reads of the server's settings, of its files and of the months."""
    with context.db.read() as session:
        wrong, months = losing(session), list(_month_problems(session))
        damaged = _damaged_pages(session)
    if wrong:
        yield Finding(
            "database",
            Level.BROKEN,
            f"A power cut of the server loses tips: {', '.join(wrong)} is off.",
            "Set it to on in postgresql.conf, and reload the server.",
        )
    if damaged:
        yield Finding(
            "database",
            Level.BROKEN,
            f"{damaged} pages of the server's files are damaged.",
            "Stop Homeward and restore: docs/disaster.md.",
        )
    elif damaged is None:
        yield Finding(
            "database",
            Level.LOOK,
            "The server would not notice damaged pages.",
            "Switch checksums on, with the server stopped: pg_checksums --enable.",
        )
    for says, do in months:
        yield Finding("database", Level.LOOK, says, do)
    if not wrong and not damaged:
        yield Finding("database", Level.FINE, "The server keeps what was acknowledged.")


def losing(session: Session) -> list[str]:
    """Settings of the server that do not keep what was acknowledged."""
    return [name for name, bad in LOSING.items() if session.execute(text(f"SHOW {name}")).scalar_one() == bad]


def _month_problems(session: Session) -> Iterator[tuple[str, str]]:
    connection = session.connection()
    if partitions.missing(connection, now().date()):
        yield "Months that begin soon have no place yet.", "See that a worker runs: it makes them."
    elsewhere = partitions.rows_elsewhere(connection)
    if elsewhere:
        yield (
            f"{elsewhere} rows lie outside of their months: they are found, but not kept apart.",
            "Read docs/postgresql.md, Months.",
        )


def _damaged_pages(session: Session) -> int | None:
    """Pages that failed their checksum since the server counts; None where it keeps no checksums."""
    if session.execute(text("SHOW data_checksums")).scalar_one() != "on":
        return None
    asked = text("SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database")
    return int(session.execute(asked).scalar_one())
