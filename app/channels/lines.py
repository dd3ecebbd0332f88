"""The list of channels: what each one is doing, and which of them needs somebody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from app.channels import deliveries, numbers, queries
from app.channels.deliveries import Telling
from app.channels.numbers import Numbers
from app.core.clock import now
from app.core.errors import message
from app.partners import quality
from app.partners.models import PartnerKey
from app.partners.quality import Quality
from app.tips.models import Channel, ChannelKind

EXPIRES_SOON = timedelta(days=30)
MANY_REFUSED = 20
"""Mistakes in a week from which a partner's program is thought to be broken, if there are more than tips."""


class State(StrEnum):
    """Whether a channel takes anything in."""

    OPEN = "open"
    PAUSED = "paused"
    SANDBOX = "sandbox"


STATES: dict[State, str] = {
    State.OPEN: message("Open"),
    State.PAUSED: message("Paused"),
    State.SANDBOX: message("For trials"),
}


class Need(StrEnum):
    """Why somebody should look at a channel, the most urgent first."""

    FAILED = "failed"
    DEAD = "dead"
    NO_KEY = "no_key"
    LOW_QUALITY = "low_quality"
    MISTAKES = "mistakes"
    VOIDED = "voided"
    EXPIRES = "expires"
    THROTTLED = "throttled"
    PAUSED = "paused"
    NO_OWNER = "no_owner"


NEEDS: dict[Need, str] = {
    Need.FAILED: message("Requests failed here"),
    Need.DEAD: message("Webhooks were given up"),
    Need.NO_KEY: message("No key works any more"),
    Need.LOW_QUALITY: message("Few tips were worth sending"),
    Need.MISTAKES: message("More mistakes than tips"),
    Need.VOIDED: message("Tips are set aside"),
    Need.EXPIRES: message("A key expires soon"),
    Need.THROTTLED: message("Over its quota"),
    Need.PAUSED: message("Paused"),
    Need.NO_OWNER: message("Nobody answers for it"),
}
LEVELS = {need: place for place, need in enumerate(Need)}


@dataclass(frozen=True)
class Wish:
    """Which channels are wanted.

    Attributes:
        text: part of the name or the owner.
        kind: one kind; None for all.
        state: one state; None for all.
        need: those that need somebody for this reason; None for all.
        any_need: those that need somebody for any reason.
    """

    text: str = ""
    kind: ChannelKind | None = None
    state: State | None = None
    need: Need | None = None
    any_need: bool = False


@dataclass(frozen=True)
class Line:
    """A channel with all that is shown of it.

    Attributes:
        channel: the channel.
        keys: its keys, the newest first.
        numbers: its last thirty days.
        quality: what officers made of its tips.
        telling: how its webhooks go.
        aside: tips set aside by voidings that can still be undone.
    """

    channel: Channel
    keys: Sequence[PartnerKey]
    numbers: Numbers
    quality: Quality
    telling: Telling
    aside: int

    @property
    def state(self) -> State:
        """Whether it takes anything in."""
        if self.channel.paused_at is not None:
            return State.PAUSED
        return State.SANDBOX if self.channel.kind == ChannelKind.SANDBOX else State.OPEN

    @property
    def working_keys(self) -> list[PartnerKey]:
        """Keys that are neither revoked nor expired."""
        return [key for key in self.keys if works(key)]

    @property
    def expiring(self) -> bool:
        """Whether the last of its keys expires soon: with a newer one in hand, that is only a change-over."""
        ends = [key.expires_at for key in self.working_keys]
        return bool(ends) and max(ends) - now() < EXPIRES_SOON

    @property
    def needs(self) -> list[Need]:
        """Why somebody should look at it, the most urgent first."""
        counted, keyed = self.numbers, self.channel.kind not in numbers.WITHOUT_KEYS
        reasons = {
            Need.FAILED: counted.failed > 0,
            Need.DEAD: self.telling.dead > 0,
            Need.NO_KEY: keyed and bool(self.keys) and not self.working_keys,
            Need.LOW_QUALITY: self.quality.factor < 1,
            Need.MISTAKES: counted.refused >= MANY_REFUSED and counted.refused > counted.week,
            Need.VOIDED: self.aside > 0,
            Need.EXPIRES: self.expiring,
            Need.THROTTLED: counted.throttled > 0,
            Need.PAUSED: self.channel.paused_at is not None,
            Need.NO_OWNER: keyed and not self.channel.owner,
        }
        return [need for need in Need if reasons[need]]

    @property
    def urgency(self) -> tuple[int, int, str]:
        """Place in the list: the most urgent reason, then the number of reasons, then the name."""
        return min((LEVELS[need] for need in self.needs), default=len(Need)), -len(self.needs), self.name

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name


def works(key: PartnerKey) -> bool:
    """Whether a key still opens anything."""
    return key.revoked_at is None and key.expires_at > now()


def expires_soon(key: PartnerKey) -> bool:
    """Whether a key works, and not for long."""
    return works(key) and key.expires_at - now() < EXPIRES_SOON


def of_all(session: Session) -> list[Line]:
    """Every channel, what needs somebody first; the number of questions does not grow with the channels."""
    return sorted(_lines(session, queries.shown(session)), key=lambda line: line.urgency)


def of_one(session: Session, channel_id: UUID) -> Line:
    """One channel.

    Raises:
        NotFound: no such channel.
    """
    [line] = _lines(session, [queries.get(session, channel_id)])
    return line


def chosen(lines: Iterable[Line], wish: Wish) -> list[Line]:
    """Those that are wanted."""
    text = wish.text.casefold()
    return [
        line
        for line in lines
        if (text in f"{line.name}\n{line.channel.owner}".casefold())
        and wish.kind in {None, line.channel.kind}
        and wish.state in {None, line.state}
        and (wish.need is None or wish.need in line.needs)
        and (not wish.any_need or line.needs)
    ]


def _lines(session: Session, channels: Sequence[Channel]) -> list[Line]:
    ids = [channel.id for channel in channels]
    keys = queries.keys(session, ids)
    counted = numbers.of_channels(session, channels)
    judged = quality.scores(session, ids)
    told = deliveries.of_channels(session, ids)
    aside = queries.aside(session, ids)
    return [
        Line(
            channel,
            keys.get(channel.id, ()),
            counted[channel.id],
            judged.get(channel.id, Quality(0, 0)),
            told.get(channel.id, deliveries.NOTHING),
            aside.get(channel.id, 0),
        )
        for channel in channels
    ]
