"""What an officer narrows the queue to, as it stands in the address of the page."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from app.core.errors import Invalid

Value = TypeVar("Value")


class Part(StrEnum):
    """Which part of the candidate lists; nothing finer is told of how alike two faces are."""

    FIRST = "first"  # The short lists.
    MORE = "more"  # What stands behind "more".


WAITING_HOURS = (24, 72, 168)
"""Waits that can be asked for: a day, three days, a week."""
LONGEST_CODE = 40
"""Characters of an area's code."""


@dataclass(frozen=True)
class Filters:
    """All that are set have to hold.

    Attributes:
        danger: the sender says that the child is in danger now.
        area: code of an area; the areas in it count, too. Empty for all of the officer's own.
        part: short lists only, or what is behind "more" only.
        waiting: waits longer than this many hours; 0 for any time.
        escalated: a clock ran out below and the officer's own area has it now.
        mine: the officer holds it.
        skipped: the officer skipped it.
    """

    danger: bool = False
    area: str = ""
    part: Part | None = None
    waiting: int = 0
    escalated: bool = False
    mine: bool = False
    skipped: bool = False

    @property
    def query(self) -> str:
        """As it stands in an address, without the question mark."""
        return urlencode(self.pairs)

    @property
    def pairs(self) -> dict[str, str]:
        """What is set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: "on" if value is True else str(value) for name, value in values.items() if value}

    def toggled(self, name: str, value: str = "on") -> str:
        """The address with one filter changed: set to a value, or taken off if it has that already."""
        pairs = dict(self.pairs)
        if pairs.get(name) == value:
            del pairs[name]
        else:
            pairs[name] = value
        return urlencode(pairs)


EVERYTHING = Filters()


def read(given: Mapping[str, str]) -> Filters:
    """Filters as an address or a form gives them; names that are no filter's are left alone.

    Raises:
        Invalid: a value that the filter does not know.
    """
    area = given.get("area", "")
    if len(area) > LONGEST_CODE:
        raise _unknown()
    return Filters(
        danger=_is_on(given, "danger"),
        area=area,
        part=_one_of(given, "part", {"": None} | {part.value: part for part in Part}),
        waiting=_one_of(given, "waiting", {"": 0} | {str(hours): hours for hours in WAITING_HOURS}),
        escalated=_is_on(given, "escalated"),
        mine=_is_on(given, "mine"),
        skipped=_is_on(given, "skipped"),
    )


def read_query(query: str) -> Filters:
    """Filters as one text, as forms and saved views carry them.

    Raises:
        Invalid: a value that a filter does not know.
    """
    return read(dict(parse_qsl(query)))


def _is_on(given: Mapping[str, str], name: str) -> bool:
    return _one_of(given, name, {"": False, "on": True})


def _one_of(given: Mapping[str, str], name: str, known: Mapping[str, Value]) -> Value:
    value = given.get(name, "")
    if value not in known:
        raise _unknown()
    return known[value]


def _unknown() -> Invalid:
    return Invalid("The list has no such filter. Open it again and choose one of those shown.")
