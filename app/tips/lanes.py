"""In which lane of the queue a tip's work waits: one for each channel and, roughly, each place.

Areas are known only after the work. A tip's square of half a degree is hashed into a few dozen lanes, so that
a flood from one city does not hold up another city's tips, and the queue tells no place.
"""

import zlib
from typing import Final

from app.tips.models import Tip

SQUARES_PER_DEGREE: Final = 2
LANES: Final = 64
"""Lanes of one channel; two cities share one by chance."""


def lane_of(tip: Tip) -> str:
    """The lane of a tip's work; without coordinates, that of its channel."""
    if tip.latitude is None or tip.longitude is None:
        return f"channel {tip.channel_id}"
    square = ",".join(str(round(each * SQUARES_PER_DEGREE)) for each in (tip.latitude, tip.longitude))
    return f"channel {tip.channel_id} {zlib.crc32(square.encode()) % LANES}"
