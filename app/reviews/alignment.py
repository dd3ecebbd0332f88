"""Where the eyes lie in a face's crop, so that the page can turn and scale two faces alike."""

import math
from dataclasses import dataclass

from app.photos.models import Face
from matching.framing import crop_square

EYES = 2
"""Landmarks begin with the two eyes."""

LEAST_DISTANCE = 0.05
"""Eyes nearer to each other than this share of the crop's side are no measure of anything: a profile."""


@dataclass(frozen=True)
class Eyes:
    """Both eyes as shares of the crop's side, from its upper left corner; the one further left first."""

    left_x: float
    left_y: float
    right_x: float
    right_y: float

    def __str__(self) -> str:
        """As the page's data attribute has it: four numbers with blanks between."""
        return f"{self.left_x:.4f} {self.left_y:.4f} {self.right_x:.4f} {self.right_y:.4f}"


def eyes_of(face: Face) -> Eyes | None:
    """Where a face's eyes lie in its crop.

    Args:
        face: a stored face; box and landmarks are pixels of the scene.

    Returns:
        The eyes; None for a face without landmarks, or with eyes that do not lie apart inside the crop.
    """
    points = face.landmarks
    if not points or len(points) < EYES or any(len(point) != EYES for point in points[:EYES]):
        return None
    shown = crop_square(face.left, face.top, face.width, face.height)
    (left_x, left_y), (right_x, right_y) = (
        ((x - shown.left) / shown.side, (y - shown.top) / shown.side) for x, y in points[:EYES]
    )
    found = Eyes(left_x, left_y, right_x, right_y)
    inside = all(0 <= share <= 1 for share in (left_x, left_y, right_x, right_y))
    apart = math.hypot(right_x - left_x, right_y - left_y) >= LEAST_DISTANCE
    return found if inside and apart else None
