"""Whether a tip's picture went round before: what earlier copies claim, the file, lists of known ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlmodel import Session

from app.officers.models import Officer
from app.photos.models import KnownList, KnownPicture, Photo
from app.reviews import cluster_members, cluster_queries
from app.reviews.cluster_members import Member
from app.reviews.cluster_queries import APART_KM
from app.tips.models import Tip

OLD_DAYS = 14.0
"""Days from which an earlier sighting of the same picture says that it is old, and not sent twice."""
MOST_SHOWN = 5
"""Earlier claims that a page lists; the others are counted."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class EarlierClaim:
    """A tip that came in before with the same picture and states something else.

    Attributes:
        tip: that tip.
        km: kilometres between the two places; None where they do not contradict each other, or are unknown.
        area: whether it belongs to another area.
        days: days between the two sightings; None where they lie close together.
    """

    tip: Tip
    km: float | None
    area: bool
    days: float | None


@dataclass(frozen=True)
class Earlier:
    """All that says of a tip's picture that it is an old one in circulation."""

    claims: list[EarlierClaim]
    elsewhere: int
    """Earlier tips of areas that the officer does not see."""
    file_days: float | None
    """Days between what a file says of its making and this tip; None if they agree."""
    lists: list[str]
    """Names of the lists of known pictures that it is on."""

    def __bool__(self) -> bool:
        """Whether anything says so."""
        return bool(self.claims or self.elsewhere or self.file_days or self.lists)


def earlier(
    session: Session,
    officer: Officer,
    tip: Tip,
    copies: Mapping[UUID, Sequence[Member]],
    listed: Mapping[UUID, Sequence[tuple[KnownList, KnownPicture]]],
) -> Earlier:
    """Gather what speaks for an old picture.

    Args:
        session: any session.
        officer: who asks; only tips that they see are named.
        tip: the tip.
        copies: by cluster of its photos, their copies in tips that the officer sees.
        listed: by photo, the lists of known pictures that it is on.
    """
    claims: dict[UUID, EarlierClaim] = {}
    elsewhere, oldest = 0, 0.0
    for cluster_id, members in copies.items():
        elsewhere += cluster_members.elsewhere(session, officer, cluster_id, before=tip.received_at)
        for member in members:
            oldest = max(oldest, _file_days(member.photo, tip))
            claim = _claim(tip, member)
            if claim is not None:
                claims.setdefault(claim.tip.id, claim)
    names = {known_list.name for lists in listed.values() for known_list, _ in lists}
    return Earlier(list(claims.values()), elsewhere, oldest if oldest > OLD_DAYS else None, sorted(names))


def _claim(tip: Tip, member: Member) -> EarlierClaim | None:
    other = member.tip
    if other.id == tip.id or other.received_at >= tip.received_at:
        return None
    km = None
    if None not in (tip.latitude, tip.longitude, other.latitude, other.longitude):
        km = cluster_queries.kilometres(
            (tip.latitude or 0.0, tip.longitude or 0.0), (other.latitude or 0.0, other.longitude or 0.0)
        )
    days = ((tip.observed_at or tip.received_at) - (other.observed_at or other.received_at)) / _DAY
    claim = EarlierClaim(
        other,
        km if km is not None and km > APART_KM else None,
        other.jurisdiction_code != tip.jurisdiction_code,
        days if days > OLD_DAYS else None,
    )
    return claim if claim.km or claim.area or claim.days else None


def _file_days(photo: Photo, tip: Tip) -> float:
    made = cluster_queries.moment_of(photo.claimed_taken_at)
    return ((tip.observed_at or tip.received_at) - made) / _DAY if made else 0.0
