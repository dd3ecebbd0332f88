"""What administrators change about a channel: who answers for it, how much it may send, if it is open."""

import re
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.channels import queries
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound, message
from app.core.text import cleaned
from app.officers.models import Officer
from app.partners import keys as partner_keys
from app.partners.keys import PREFIXES
from app.partners.models import PartnerKey
from app.tips.models import Channel, ChannelKind

LONGEST_OWNER = 300
LARGEST_QUOTA = 10_000_000
NEW_KINDS = tuple(PREFIXES)
"""Channels that are made by hand."""


_NUMBER = re.compile("[0-9]{1,9}")


class PauseReason(StrEnum):
    """Why a channel is paused; the log keeps a code and no text."""

    FLOOD = "flood"
    FALSE_TIPS = "false_tips"
    KEY_LEAKED = "key_leaked"
    PARTNER_ASKED = "partner_asked"
    MAINTENANCE = "maintenance"


PAUSE_REASONS: dict[PauseReason, str] = {
    PauseReason.FLOOD: message("It sends far more than usual"),
    PauseReason.FALSE_TIPS: message("It sends false tips"),
    PauseReason.KEY_LEAKED: message("A key may be in the wrong hands"),
    PauseReason.PARTNER_ASKED: message("The partner asked for it"),
    PauseReason.MAINTENANCE: message("Work on the service"),
}


def add(
    session: Session, officer: Officer, name: str, kind: ChannelKind | None, owner: str, area: str
) -> Channel:
    """Add a channel of a partner, a trial or a registry.

    Args:
        session: a writing session.
        officer: who adds it.
        name: its name.
        kind: what it is for.
        owner: who answers for it, with how to reach them.
        area: code of a registry's area; empty for others.

    Raises:
        Invalid: a field breaks its rule.
        Conflict: the name is taken.
    """
    if kind not in NEW_KINDS or kind is None:
        raise Invalid("Choose what the channel is for.", field="kind")
    if queries.by_name(session, name) is not None:
        raise Conflict("There is a channel of this name already.")
    return partner_keys.add_channel(
        session,
        " ".join(name.split()),
        kind,
        owner=_owner(owner, needed=True),
        jurisdiction_code=area or None,
        actor=officer_actor(officer.id),
    )


def change(
    session: Session, officer: Officer, channel_id: UUID, owner: str, minute_quota: str, day_quota: str
) -> None:
    """Write down who answers for a channel and how much it may send.

    Args:
        session: a writing session.
        officer: who changes it.
        channel_id: the channel.
        owner: who answers for it; may be empty.
        minute_quota: tips in a minute as typed; empty takes the deployment's.
        day_quota: tips on a day as typed; likewise.

    Raises:
        NotFound: no such channel.
        Invalid: a field breaks its rule.
    """
    channel = queries.get(session, channel_id)
    before = (channel.owner, channel.minute_quota, channel.day_quota)
    channel.owner = _owner(owner, needed=False)
    channel.minute_quota = _quota(minute_quota, "minute_quota")
    channel.day_quota = _quota(day_quota, "day_quota")
    if (channel.owner, channel.minute_quota, channel.day_quota) == before:
        return
    session.add(channel)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.CHANNEL_CHANGED,
        "channel",
        channel.id,
        owner=channel.owner != before[0],
        minute_quota=channel.minute_quota,
        day_quota=channel.day_quota,
    )


def pause(session: Session, officer: Officer, channel_id: UUID, reason: PauseReason | None) -> None:
    """Take nothing in from a channel any more; what it sent before may still be read.

    Raises:
        NotFound: no such channel.
        Invalid: no reason chosen.
        Conflict: it is paused already, or it is the citizens' own form.
    """
    channel = queries.get(session, channel_id)
    if reason is None:
        raise Invalid("Choose why it is paused.", field="reason")
    if channel.kind not in NEW_KINDS:
        raise Conflict("Only channels with keys can be paused. The citizens' form stays open.")
    if channel.paused_at is not None:
        raise Conflict("This channel is paused already.")
    channel.paused_at = now()
    session.add(channel)
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.CHANNEL_PAUSED, "channel", channel.id, reason=reason.value)


def resume(session: Session, officer: Officer, channel_id: UUID) -> None:
    """Open a paused channel again.

    Raises:
        NotFound: no such channel.
        Conflict: it is open.
    """
    channel = queries.get(session, channel_id)
    if channel.paused_at is None:
        raise Conflict("This channel is open already.")
    channel.paused_at = None
    session.add(channel)
    audit.record(session, officer_actor(officer.id), Action.CHANNEL_RESUMED, "channel", channel.id)


def own_key(session: Session, channel_id: UUID, key_id: str) -> PartnerKey:
    """A key of a channel, by the part of it that may be shown.

    Raises:
        NotFound: the channel has no such key.
    """
    key = partner_keys.get_key(session, key_id)
    if key.channel_id != channel_id:
        raise NotFound
    return key


def _owner(text: str, *, needed: bool) -> str:
    owner = " ".join(cleaned(text, "owner").split())
    if needed and not owner:
        raise Invalid("Say who answers for the channel, and how to reach them.", field="owner")
    if len(owner) > LONGEST_OWNER:
        raise Invalid(
            "This text is too long: at most %(most)s characters.", field="owner", most=LONGEST_OWNER
        )
    return owner


def _quota(text: str, field: str) -> int | None:
    typed = text.strip()
    if not typed:
        return None
    number = int(typed) if _NUMBER.fullmatch(typed) else 0
    if not 1 <= number <= LARGEST_QUOTA:
        raise Invalid("Give a whole number from 1 to %(most)s, or nothing.", field=field, most=LARGEST_QUOTA)
    return number
