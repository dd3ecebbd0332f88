"""What a check of `homeward doctor` found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave it is."""

    FINE = "fine"
    LOOK = "look"  # Somebody should look at it soon.
    BROKEN = "broken"  # A promise does not hold.


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: its name.
        level: how grave it is.
        says: a sentence; never a name, a text or a place.
        do: what to do; empty when it is fine.
    """

    check: str
    level: Level
    says: str
    do: str = ""
