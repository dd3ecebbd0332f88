"""Logs: JSON lines with an allow-list of keys, so that no text, place or address slips in."""

import logging
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "error",
        "job",
        "job_kind",
        "attempts",
        "worker",
        "watch",
        "tip_id",
        "photo_id",
        "record_id",
        "count",
        "state",
        "reason",
        "seconds",
        "address",
    }
)


def _only_allowed(_logger: Any, _method: str, entry: Any) -> Any:
    return {key: value for key, value in entry.items() if key in ALLOWED}


def configure() -> None:
    """Set up logging for a process; access logs stay off because they hold addresses."""
    logging.getLogger("uvicorn.access").disabled = True
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
