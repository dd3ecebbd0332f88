"""Whether two pictures are one, and what one is of the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from matching.pictures.alignment import Pose, align
from matching.pictures.fingerprint import Fingerprint
from matching.pictures.overlap import Miniature, Overlap, overlap
from matching.pictures.pdq import PDQ_BITS, SAME_PDQ, Pdq, pdq_distance
from matching.pictures.words import sought_hashes

FEWEST_KEYPOINTS: Final = 4
"""Keypoints in agreement below which a pose is not looked at.

Source:
    Crops to a quarter of plain streets keep as few. Of 2,797 strange pairs that agree in 4 or 5 none is alike
    in nine of ten blocks.
"""

FEWEST_BLOCKS: Final = 5
"""Blocks with something in them below which two pictures are not called alike."""

MANY_KEYPOINTS: Final = 44
"""Keypoints in agreement that outweigh stickers and hidden faces."""

LEAST_SHOWN: Final = 0.5
"""Share of one of the two that the other must show: two pictures with one logo are not one picture."""

ALIKE: Final = 0.9
"""Share of blocks that agree in an untouched copy."""
ALIKE_CORRELATION: Final = 0.95
"""Correlation of the grey levels of untouched copies."""
TOUCHED: Final = 0.6
"""Share of blocks that agree in a copy with stickers."""
TOUCHED_CORRELATION: Final = 0.75
"""Correlation at which two pictures whose hashes say that they are copies are believed.

Source, for all of these:
    64 synthetic pictures, 20 edits each, among 1,063, of which 433 are portraits of one head with other
    features, the hardest strangers there can be. Copies: untouched 0.93 and 0.955 at least, with stickers
    47 keypoints and 0.66, with watermarks 0.45 and 0.79 and a hash within 32 bits. Other streets: at most
    14 keypoints and 0.67. Portraits: up to 41 keypoints with 0.87, or 1.0 with a correlation of 0.93; their
    hashes differ by 30 bits and more.
"""

_UNSTRETCHED: Final = 1.03
"""Ratio of two pictures' proportions up to which one may be laid over the other without keypoints."""

WHOLLY: Final = 0.9
"""Share of a picture from which all of it counts as shown."""
TURNED: Final = 1.5
"""Degrees from which a copy counts as turned; keypoints give the angle to 0.3."""
PHONE: Final = 1.6
"""Height by width from which a framed picture counts as a phone's screen."""


class Kind(StrEnum):
    """What a picture is of another."""

    COPY = "copy"  # All of it, perhaps resized, recompressed or filtered.
    SCREENSHOT = "screenshot"  # In the frame of a phone's screen.
    CROP = "crop"  # A part of it.
    MIRRORED = "mirrored"  # Flipped left to right, perhaps more.
    ROTATED = "rotated"  # Turned.
    EDITED = "edited"  # With a border, a caption, a sticker, a face hidden.


class Derived(StrEnum):
    """Which of two copies was made from the other."""

    FIRST = "first"
    SECOND = "second"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SameAs:
    """Two pictures are one: how, and what says so."""

    kind: Kind
    derived: Derived
    """Which of the two is the screenshot, the crop, the edited one."""
    keypoints: int
    """Keypoints in agreement."""
    agreement: float
    """Share of the blocks that agree, 0 to 1."""
    correlation: float
    """Of the grey levels where both show something, -1 to 1."""
    pdq_distance: int
    """Bits of 256 by which their nearest hashes differ."""
    turned: float
    """Degrees, clockwise, by which the first is turned in the second; after mirroring, if it is mirrored."""
    shown: tuple[float, float]
    """Share of the first that the second shows, and of the second that the first shows; without frames."""

    @property
    def strength(self) -> tuple[int, float]:
        """What orders several findings about one picture; the strongest is the greatest."""
        return self.keypoints, self.correlation


def same_picture(first: Fingerprint, second: Fingerprint) -> SameAs | None:
    """Tell whether two pictures are one.

    - No, if one of them is flat.
    - As they are, then with the first mirrored, the first is laid over the second where most keypoints
      coincide; without enough of them but with near hashes, corner on corner.
    - No, if one does not show at least half of the other.
    - Yes, if blocks and grey levels agree all over.
    - Yes, if very many keypoints coincide and most blocks agree.
    - Yes, if the hashes are near and the grey levels do not contradict them.

    Args:
        first: the fingerprint of a picture.
        second: the fingerprint of another.

    Returns:
        What one is of the other; None if they are different pictures.
    """
    if not (first.usable and second.usable):
        return None
    plain = _laid_over(first, second, mirrored=False)
    if plain is not None and plain.agreement >= ALIKE:
        return plain
    found = [same for same in (plain, _laid_over(first, second, mirrored=True)) if same is not None]
    return max(found, key=lambda same: same.strength, default=None)


def hash_distance(first: Fingerprint, second: Fingerprint) -> int:
    """Bits of 256 between the nearest hashes of two pictures, with and without frame, and mirrored."""
    return _nearest(sought_hashes(first), _filed(second))


def _laid_over(first: Fingerprint, second: Fingerprint, *, mirrored: bool) -> SameAs | None:
    views = first.views
    sought = (first.whole_mirrored, views.mirrored[0]) if mirrored else (first.whole, views.plain)
    distance = _nearest([pdq for pdq in sought if pdq.usable], _filed(second))
    side = max(first.content_width, first.content_height)
    keypoints = first.keypoints.mirrored(first.content_width / side) if mirrored else first.keypoints
    miniature: Miniature = first.miniature[:, ::-1] if mirrored else first.miniature
    pose = align(keypoints, second.keypoints)
    if pose is None or pose.agreeing < FEWEST_KEYPOINTS:
        pose = _corner_on_corner(first, second) if distance <= SAME_PDQ else None
    if pose is None:
        return None
    common = overlap(miniature, second.miniature, pose)
    if max(common.of_first, common.of_second) < LEAST_SHOWN or not _is_same(pose, common, distance):
        return None
    kind, derived = _kind(first, second, pose, common, mirrored=mirrored)
    return SameAs(
        kind,
        derived,
        pose.agreeing,
        common.agreement,
        common.correlation,
        distance,
        float(np.degrees(np.angle(pose.factor))),
        (common.of_first, common.of_second),
    )


def _filed(picture: Fingerprint) -> list[Pdq]:
    return [pdq for pdq in (picture.whole, picture.views.plain) if pdq.usable]


def _nearest(sought: Iterable[Pdq], filed: Iterable[Pdq]) -> int:
    filed = list(filed)
    return min((pdq_distance(one, other) for one in sought for other in filed), default=PDQ_BITS)


def _corner_on_corner(first: Fingerprint, second: Fingerprint) -> Pose | None:
    """The pose of a copy of the same proportions; None for other proportions."""
    one = first.content_width / first.content_height
    other = second.content_width / second.content_height
    return Pose(1 + 0j, 0j, 0) if max(one / other, other / one) <= _UNSTRETCHED else None


def _is_same(pose: Pose, common: Overlap, distance: int) -> bool:
    alike = (
        len(common.blocks) >= FEWEST_BLOCKS
        and common.agreement >= ALIKE
        and common.correlation >= ALIKE_CORRELATION
    )
    touched = pose.agreeing >= MANY_KEYPOINTS and common.agreement >= TOUCHED
    hashed = distance <= SAME_PDQ and common.correlation >= TOUCHED_CORRELATION
    return alike or touched or hashed


def _kind(
    first: Fingerprint, second: Fingerprint, pose: Pose, common: Overlap, *, mirrored: bool
) -> tuple[Kind, Derived]:
    """What one is of the other.

    - Mirrored, if it had to be mirrored; which came first cannot be seen.
    - A crop, if one is wholly shown and the other is not.
    - A screenshot, if one has a frame more, and the shape of a phone's screen.
    - Turned, even if its empty corners make it larger.
    - Edited, if a frame was added or something in it covered.
    - Otherwise a copy; the smaller is not always the later one.
    """
    if mirrored:
        return Kind.MIRRORED, Derived.UNKNOWN
    if framed := _with_more_around(first, second, pose):
        tall = first if framed is Derived.FIRST else second
        if tall.height / tall.width >= PHONE:
            return Kind.SCREENSHOT, framed
    less, more = sorted((common.of_first, common.of_second))
    turned = abs(np.degrees(np.angle(pose.factor))) >= TURNED
    # The corners that a turn leaves empty are no larger picture.
    if more >= WHOLLY > less and not (turned and less >= LEAST_SHOWN):
        return Kind.CROP, Derived.FIRST if common.of_first > common.of_second else Derived.SECOND
    if turned:
        return Kind.ROTATED, framed or Derived.UNKNOWN
    if framed or common.agreement < ALIKE:
        return Kind.EDITED, framed or Derived.UNKNOWN
    return Kind.COPY, Derived.UNKNOWN


def _with_more_around(first: Fingerprint, second: Fingerprint, pose: Pose) -> Derived | None:
    """Which of the two has plain parts around the content that the other lacks."""
    scale = abs(pose.factor) * max(second.content_width, second.content_height)
    scale /= max(first.content_width, first.content_height)
    ratio = first.width * first.height * scale**2 / (second.width * second.height)
    if ratio < WHOLLY and second.framed:
        return Derived.SECOND
    if ratio > 1 / WHOLLY and first.framed:
        return Derived.FIRST
    return None
