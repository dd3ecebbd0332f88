"""Which earlier versions may go on working on a schema: the database says it itself."""

from sqlmodel import Field, SQLModel


class SchemaReach(SQLModel, table=True):
    """One row: the oldest revision whose code may work here, for all migrations since only added."""

    __tablename__ = "schema_reach"

    number: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    oldest: str
