"""How much may be sent in, by whom, and what is asked beyond that."""

from collections.abc import Iterable

from app.core.errors import message
from app.core.web.limiting import Door
from app.tips.parts import NewPhoto

SEND = Door(
    "tip",
    own="120 per 10 minute",
    crowd="300 per minute",
    slow="300 per minute",
    most="1200 per minute",
    busy=message("So many tips are coming in that no more can be kept now. Send yours again in a minute."),
    keeps=True,
)
"""Tips, in started MiB. Nobody is refused for lack of work below `crowd` and `slow` together, some 600 photos
a minute; `most` keeps a flood from filling the disk before anybody sees it: 70 GiB in an hour."""


def weight_of(photos: Iterable[NewPhoto]) -> int:
    """What a tip takes of the amounts: started MiB of its photos, one at least."""
    return max(1, -(-sum(len(photo.data) for photo in photos) // 2**20))
