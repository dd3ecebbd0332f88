"""Whose request it is: a key's channel, whether the key may do what is asked, and whose tips it may see."""

import hmac
from uuid import UUID

from sqlmodel import Session, select

from app.core.clock import now
from app.core.errors import NotAllowed, NotFound, NotSignedIn
from app.partners import keys
from app.partners.models import PartnerKey, Scope
from app.tips.models import Channel, Tip


def authenticate(session: Session, authorization: str, scope: Scope) -> tuple[PartnerKey, Channel]:
    """The key that a request carries, and its channel.

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
    if scheme.lower() != "bearer" or len(parts) != 3 or not key.isascii():  # noqa: PLR2004
        raise refused()
    if parts[0] not in keys.PREFIXES.values():
        raise refused()
    found = session.exec(select(PartnerKey).where(PartnerKey.key_id == parts[1])).first()
    fits = hmac.compare_digest(found.key_sha256 if found else "", keys.digest(key))
    if found is None or not fits or found.revoked_at is not None or found.expires_at <= now():
        raise refused()
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


def refused() -> NotSignedIn:
    """What every request without a good key is told."""
    refusal = NotSignedIn("Send a valid key: Authorization: Bearer hw1_...")
    refusal.headers = {"WWW-Authenticate": 'Bearer realm="Homeward"'}
    return refusal
