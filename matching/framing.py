"""Where a face's crop lies in its scene: plain arithmetic, usable without loading arrays."""

from dataclasses import dataclass
from typing import Final

CROP_MARGIN: Final = 0.5
"""How much of the box's longer side a crop shows beyond the box on each side: hair, ears and chin."""


@dataclass(frozen=True, slots=True)
class Square:
    """The part of a scene that a crop shows, in pixels of the scene; it may reach beyond the picture."""

    left: int
    top: int
    side: int


def crop_square(left: int, top: int, width: int, height: int) -> Square:
    """The square around a face's box.

    Args:
        left: pixels of the scene to the box's left side.
        top: pixels to its upper side.
        width: of the box, pixels.
        height: of the box, pixels.

    Returns:
        The square with the box in its middle.
    """
    side = round(max(width, height) * (1 + 2 * CROP_MARGIN))
    return Square(left + (width - side) // 2, top + (height - side) // 2, side)
