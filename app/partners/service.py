"""Partners' keys: made, checked, revoked."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from app.partners.models import PartnerKey, Scope
from app.tips.models import Channel, ChannelKind, Tip

PREFIX = "hw1"
"""Begins every key, so that scanners of leaked secrets know one when they see it."""
KEY_ID_BYTES = 6
SECRET_BYTES = 32
LONGEST_LIFE_DAYS = 365
LONGEST_NAME = 100


def make_key(session: Session, name: str, days: int = LONGEST_LIFE_DAYS) -> str:
    """Make a key for a partner's channel; the channel is made with its first key.

    Args:
        session: a writing session.
        name: the channel's name.
        days: until the key expires, at most a year. Older keys go on, so that a partner can change over.

    Returns:
        The key, `hw1_<id>_<secret>`; only its hash is stored.

    Raises:
        Invalid: the name is empty or too long, or the days are out of range.
        Conflict: the name is the citizens' form's.
    """
    name = name.strip()
    sound = 0 < len(name) <= LONGEST_NAME and name.isprintable()
    if not sound or not 0 < days <= LONGEST_LIFE_DAYS:
        raise Invalid("A channel needs a name of at most 100 characters, a key a life of at most 365 days.")
    channel = session.exec(select(Channel).where(Channel.name == name)).first()
    if channel is None:
        channel = Channel(kind=ChannelKind.PARTNER, name=name)
        session.add(channel)
        session.flush()
    if channel.kind != ChannelKind.PARTNER:
        raise Conflict("This name belongs to a channel that is no partner's.")
    key_id = secrets.token_hex(KEY_ID_BYTES)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    session.add(
        PartnerKey(
            channel_id=channel.id,
            key_id=key_id,
            key_sha256=_digest(key),
            expires_at=now() + timedelta(days=days),
        )
    )
    audit.record(session, SYSTEM, Action.PARTNER_KEY_MADE, "channel", channel.id, key=key_id, days=days)
    return key


def revoke_key(session: Session, key_id: str) -> None:
    """Refuse a key from now on; revoked twice, nothing more happens.

    Raises:
        NotFound: no such key.
    """
    key = session.exec(select(PartnerKey).where(PartnerKey.key_id == key_id)).first()
    if key is None:
        raise NotFound
    if key.revoked_at is None:
        key.revoked_at = now()
        session.add(key)
        audit.record(session, SYSTEM, Action.PARTNER_KEY_REVOKED, "channel", key.channel_id, key=key_id)


def authenticate(session: Session, authorization: str, scope: Scope) -> tuple[PartnerKey, Channel]:
    """The key that a request carries, and its channel.

    A key has 256 random bits, so a plain hash is slow enough to guess.

    Args:
        session: any session.
        authorization: value of the header.
        scope: what the request wants to do.

    Raises:
        NotSignedIn: no key, an unknown, expired or revoked one; all read alike.
        NotAllowed: a valid key that was not made for this.
    """
    scheme, _, key = authorization.partition(" ")
    parts = key.split("_", 2)
    if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != PREFIX or not key.isascii():  # noqa: PLR2004
        raise _refused()
    found = session.exec(select(PartnerKey).where(PartnerKey.key_id == parts[1])).first()
    fits = hmac.compare_digest(found.key_sha256 if found else "", _digest(key))
    if found is None or not fits or found.revoked_at is not None or found.expires_at <= now():
        raise _refused()
    if scope not in found.scopes:
        raise NotAllowed("This key was not made for that. Ask the operator for one with the right scope.")
    return found, session.get_one(Channel, found.channel_id)


def own_tip(session: Session, channel_id: UUID, tip_id: UUID) -> Tip:
    """A tip that the channel sent.

    Raises:
        NotFound: none such, or somebody else's.
    """
    tip = session.get(Tip, tip_id)
    if tip is None or tip.channel_id != channel_id:
        raise NotFound
    return tip


def _refused() -> NotSignedIn:
    refusal = NotSignedIn("Send a valid key: Authorization: Bearer hw1_...")
    refusal.headers = {"WWW-Authenticate": 'Bearer realm="Homeward"'}
    return refusal


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
