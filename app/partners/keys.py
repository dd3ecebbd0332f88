"""Partners' keys: made, replaced, revoked. Only a key's hash is stored; its signing secret is sealed."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor
from app.core.clock import now
from app.core.crypto import Keys
from app.core.errors import Conflict, Invalid, NotFound
from app.jurisdictions.models import Jurisdiction
from app.partners.models import TIP_SCOPES, PartnerKey, Scope
from app.tips.models import Channel, ChannelKind

PREFIXES = {ChannelKind.PARTNER: "hw1", ChannelKind.SANDBOX: "hw1test", ChannelKind.REGISTRY: "hw1reg"}
"""Begin every key, so that scanners of leaked secrets know one, and people know a trial's."""
KEY_ID_BYTES = 6
SECRET_BYTES = 32
LONGEST_LIFE_DAYS = 365
LONGEST_OVERLAP = timedelta(days=30)
LONGEST_NAME = 100
LONGEST_LABEL = 60


@dataclass(frozen=True)
class NewKey:
    """A key as its partner gets it, once.

    Attributes:
        key: `hw1_<id>_<secret>`.
        key_id: the part that may be shown and logged.
        signing_secret: what requests are signed with; None for a key without signatures.
        expires_at: the end of its life.
    """

    key: str
    key_id: str
    signing_secret: str | None
    expires_at: datetime


def add_channel(
    session: Session,
    name: str,
    kind: ChannelKind = ChannelKind.PARTNER,
    *,
    owner: str = "",
    jurisdiction_code: str | None = None,
    actor: Actor = SYSTEM,
) -> Channel:
    """Add a channel, or give the one of that name and kind.

    Args:
        session: a writing session.
        name: its name, at most 100 characters.
        kind: partner, sandbox or registry.
        owner: who answers for it.
        jurisdiction_code: area of a registry, for no other kind.
        actor: who adds it.

    Raises:
        Invalid: the name is empty or too long, or a registry has no area.
        Conflict: the name is another channel's.
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid("A channel needs a name of at most 100 characters.", field="name")
    if kind not in PREFIXES:
        raise Conflict("Channels of this kind have no keys.")
    if (kind == ChannelKind.REGISTRY) != (jurisdiction_code is not None):
        raise Invalid("A registry has an area, and only a registry has.", field="area")
    if jurisdiction_code is not None and session.get(Jurisdiction, jurisdiction_code) is None:
        raise Invalid("There is no area with this code.", field="area")
    known = session.exec(select(Channel).where(Channel.name == name)).first()
    if known is not None:
        if (known.kind, known.jurisdiction_code) != (kind, jurisdiction_code):
            raise Conflict("This name belongs to another channel.")
        return known
    channel = Channel(kind=kind, name=name, owner=owner.strip(), jurisdiction_code=jurisdiction_code)
    session.add(channel)
    session.flush()
    audit.record(session, actor, Action.CHANNEL_CHANGED, "channel", channel.id, kind=kind.value, new=1)
    return channel


def make_key(
    session: Session,
    keys: Keys,
    channel: Channel,
    *,
    scopes: Collection[Scope] | None = None,
    days: int = LONGEST_LIFE_DAYS,
    label: str = "",
    signed: bool = False,
    actor: Actor = SYSTEM,
) -> NewKey:
    """Make a key for a channel; older keys go on.

    Args:
        session: a writing session.
        keys: the deployment's keys; the signing secret is sealed with them.
        channel: whose key it is.
        scopes: what it may do; without any, all that its kind of channel may.
        days: until it expires, at most a year.
        label: what the partner calls it.
        signed: whether its requests have to be signed.
        actor: who makes it.

    Raises:
        Invalid: a label too long, days out of range, or scopes that the kind of channel does not have.
        Conflict: channels of this kind have no keys.
    """
    if channel.kind not in PREFIXES:
        raise Conflict("Channels of this kind have no keys.")
    allowed = {Scope.RECORDS} if channel.kind == ChannelKind.REGISTRY else set(TIP_SCOPES)
    wanted = set(scopes) if scopes else allowed
    if not wanted <= allowed:
        raise Invalid("Keys of this kind of channel cannot have all of these scopes.", field="scopes")
    if not 0 < days <= LONGEST_LIFE_DAYS:
        raise Invalid("A key lives from 1 to 365 days.", field="days")
    label = " ".join(label.split())
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise Invalid("A label has at most 60 characters.", field="label")
    key_id = secrets.token_hex(KEY_ID_BYTES)
    key = f"{PREFIXES[channel.kind]}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    signing_secret = f"hws_{secrets.token_urlsafe(SECRET_BYTES)}" if signed else None
    row = PartnerKey(
        channel_id=channel.id,
        key_id=key_id,
        key_sha256=digest(key),
        expires_at=now() + timedelta(days=days),
        label=label,
        scopes=sorted(wanted),
        signing_secret_sealed=keys.seal(signing_secret.encode()) if signing_secret else None,
    )
    session.add(row)
    audit.record(
        session, actor, Action.PARTNER_KEY_MADE, "channel", channel.id, key=key_id, days=days, signed=signed
    )
    return NewKey(key, key_id, signing_secret, row.expires_at)


def rotate_key(
    session: Session, keys: Keys, key_id: str, *, overlap: timedelta, actor: Actor = SYSTEM
) -> NewKey:
    """Replace a key: the new one may do the same, the old one works on for the overlap.

    Args:
        session: a writing session.
        keys: the deployment's keys.
        key_id: the key to replace.
        overlap: how long both work, at most 30 days; never longer than the old one would have lived.
        actor: who replaces it.

    Raises:
        NotFound: no such key.
        Conflict: it was revoked or has expired.
        Invalid: the overlap is negative or too long.
    """
    old = get_key(session, key_id)
    moment = now()
    if old.revoked_at is not None or old.expires_at <= moment:
        raise Conflict("This key does not work any more. Make a new one.")
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise Invalid("Both keys work side by side for at most 30 days.", field="overlap")
    channel = session.get_one(Channel, old.channel_id)
    new = make_key(
        session,
        keys,
        channel,
        scopes=[Scope(scope) for scope in old.scopes],
        days=min(LONGEST_LIFE_DAYS, max(1, (old.expires_at - old.created_at).days)),
        label=old.label,
        signed=old.signing_secret_sealed is not None,
        actor=actor,
    )
    old.expires_at = min(old.expires_at, moment + overlap)
    session.add(old)
    audit.record(
        session, actor, Action.PARTNER_KEY_ROTATED, "channel", channel.id, key=key_id, new=new.key_id
    )
    return new


def revoke_key(session: Session, key_id: str, actor: Actor = SYSTEM) -> None:
    """Refuse a key from now on; revoked twice, nothing more happens.

    Raises:
        NotFound: no such key.
    """
    key = get_key(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = now()
        session.add(key)
        audit.record(session, actor, Action.PARTNER_KEY_REVOKED, "channel", key.channel_id, key=key_id)


def get_key(session: Session, key_id: str) -> PartnerKey:
    """One key by the part of it that may be shown.

    Raises:
        NotFound: no such key.
    """
    key = session.exec(select(PartnerKey).where(PartnerKey.key_id == key_id)).first()
    if key is None:
        raise NotFound
    return key


def keys_of(session: Session, channel_id: UUID | None = None) -> list[tuple[PartnerKey, Channel]]:
    """The keys of a channel, or of all, newest first."""
    asked = select(PartnerKey, Channel).join(Channel).order_by(col(PartnerKey.created_at).desc())
    if channel_id is not None:
        asked = asked.where(PartnerKey.channel_id == channel_id)
    return list(session.exec(asked))


def digest(key: str) -> str:
    """What a key is known by; it has 256 random bits, so a plain hash is slow enough to guess."""
    return hashlib.sha256(key.encode()).hexdigest()
