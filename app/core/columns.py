"""Column types that both databases store alike."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import uuid6
from sqlalchemy import BigInteger, Dialect, Enum, Integer, types
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that a later migration can change it."""


class UtcDateTime(types.TypeDecorator[datetime]):
    """An aware moment, stored in UTC; a naive one is refused before it reaches the database."""

    impl = types.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a stored time needs its zone"
            raise ValueError(msg)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment its zone back."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Counter = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database counts on; SQLite counts on only what it calls an integer, which is as long."""

LONGEST_CODE = 40
"""Characters of the longest enum value that a column stores."""


def stored(enum: type[StrEnum]) -> Enum:
    """A column type that stores an enum's values as plain text.

    Args:
        enum: the enum; its values are the words of the product.

    Returns:
        A SQLAlchemy type for `Field(sa_type=...)`.
    """
    return Enum(
        enum,
        native_enum=False,
        length=LONGEST_CODE,
        values_callable=lambda members: [member.value for member in members],
    )


def new_id() -> UUID:
    """A new identifier, UUIDv7: unguessable enough for a URL behind a check, and sorted by time."""
    return UUID(int=uuid6.uuid7().int)


class Row(SQLModel):
    """A table row with an identifier of its own."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
