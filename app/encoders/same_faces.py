"""Which of the faces found now is which of those found before: by where they lie in the picture."""

from collections.abc import Sequence
from typing import Final

from matching.rendition import Box

LEAST_OVERLAP: Final = 0.2
"""Intersection over union from which two boxes are of one face. MTCNN's and HOG's boxes of one face overlap
by 0.59 to 0.9, those of two faces by less than 0.01 (120 faces of synthetic scenes, measured 2026)."""


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes of one picture, 0 to 1."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    common = max(width, 0) * max(height, 0)
    return common / (one.width * one.height + other.width * other.height - common)


def same_faces(known: Sequence[Box], found: Sequence[Box]) -> dict[int, int]:
    """Pair known faces with found ones, those that overlap most first.

    Args:
        known: faces found before, pixels of the scene.
        found: faces found now, in the same pixels.

    Returns:
        Number of the found face by that of the known one; each face once, those without a counterpart not.
    """
    overlaps = sorted(
        (
            (-overlap(one, other), place, number)
            for place, one in enumerate(known)
            for number, other in enumerate(found)
            if overlap(one, other) >= LEAST_OVERLAP
        ),
    )
    pairs: dict[int, int] = {}
    for _, place, number in overlaps:
        if place not in pairs and number not in pairs.values():
            pairs[place] = number
    return pairs
