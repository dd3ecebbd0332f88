"""An enquiry: a picture somebody holds, and the one question about it."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Finding(StrEnum):
    """All that an enquiry is ever told."""

    NEW = "new"  # No tip has this picture.
    BEING_CHECKED = "being_checked"  # The police have it and have not answered yet.
    CHECKED = "checked"  # The police have answered; please stop sharing.
    UNREADABLE = "unreadable"  # It is no picture that can be looked at.


class Enquiry(Row, table=True):
    """One enquiry; its picture is erased with the answer, and the row a day later."""

    __tablename__ = "enquiry"

    asked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    shown_from: datetime = Field(sa_type=UtcDateTime)
    """When the answer may be read: the same wait for everybody, whatever it is."""
    store_key: str | None = Field(default=None, unique=True)
    sealed_key: bytes | None = None
    finding: Finding | None = Field(default=None, sa_type=stored(Finding))
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
