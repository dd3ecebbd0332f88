"""Areas and their authorities."""

from enum import StrEnum

from sqlmodel import Field, SQLModel

from app.core.columns import stored


class Level(StrEnum):
    """How large an area is; a tip goes to the smallest that has an authority."""

    NATION = "nation"
    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"


class Jurisdiction(SQLModel, table=True):
    """An area, by its official code (GB/T 2260 for China)."""

    __tablename__ = "jurisdiction"

    code: str = Field(primary_key=True)
    name: str
    name_en: str
    level: Level = Field(sa_type=stored(Level))
    parent_code: str | None = Field(default=None, foreign_key="jurisdiction.code", index=True)
    path: str = Field(index=True, unique=True)
    """Codes from the nation down, each followed by a slash: an officer sees what starts with their path."""
    authority: str | None = None
    """Name of the police authority; None means that the area above answers for this one."""
    shape: str | None = None
    """GeoJSON geometry in WGS 84, or None for an area known by name only."""
