"""The one clock: everything that asks for the time asks here, so that a test can stop it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC, aware of its zone."""
    return datetime.now(UTC)
