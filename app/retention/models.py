"""Runs of the retention job."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, Column
from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class RetentionState(StrEnum):
    """How a run ended."""

    RUNNING = "running"  # Under way, or killed and to be taken up anew.
    DONE = "done"  # All that was due is gone.
    REFUSED = "refused"  # Clock or amount was unbelievable: nothing was changed, a person has to look.


class RetentionRun(Row, table=True):
    """One look at what has expired."""

    __tablename__ = "retention_run"

    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: RetentionState = Field(default=RetentionState.RUNNING, sa_type=stored(RetentionState))
    reason: str | None = None
    """Code of why it was refused."""
    counts: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """How many of each class went, or were due where nothing went."""
    released_by: UUID | None = Field(default=None, foreign_key="officer.id")
    """Who looked at a refused run and let it go on."""
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
