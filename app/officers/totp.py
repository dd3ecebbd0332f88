"""Digits of an authenticator app (RFC 6238): six of them, each thirty seconds others, each good once."""

import hmac
import re
from uuid import UUID

import pyotp
from sqlmodel import Session

from app.core.clock import now
from app.core.crypto import Keys, Unsealable
from app.officers.models import FactorKind, SecondFactor

ISSUER = "Homeward"
STEP_S = 30
SLACK = 1
"""Steps before and after this one that count too: clocks of phones differ."""
DIGITS = re.compile(r"[0-9]{6}")


def invent() -> str:
    """A new secret, 160 bits in base 32."""
    return pyotp.random_base32()


def address(secret: str, username: str) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def step_of(secret: str, code: str, *, after: int = -1) -> int | None:
    """The thirty-second step whose digits were typed.

    Args:
        secret: in base 32.
        code: as typed, spaces allowed.
        after: the latest step that was used; it and those before do not count.

    Returns:
        The step; None when the digits are of none that counts.
    """
    typed = "".join(code.split())
    if not DIGITS.fullmatch(typed):
        return None
    maker = pyotp.TOTP(secret)
    present = int(now().timestamp()) // STEP_S
    found = None
    for step in range(present - SLACK, present + SLACK + 1):
        # All are looked at, so that the time does not tell which one fits.
        if hmac.compare_digest(maker.generate_otp(step), typed) and step > after:
            found = step
    return found


def accepts(session: Session, keys: Keys, factor: SecondFactor, code: str) -> bool:
    """Whether digits are of this app, now and for the first time; used ones are noted."""
    if factor.kind != FactorKind.TOTP or factor.secret_sealed is None:
        return False
    try:
        secret = keys.unseal(factor.secret_sealed).decode()
    except Unsealable:
        return False
    step = step_of(secret, code, after=-1 if factor.last_step is None else factor.last_step)
    if step is None:
        return False
    factor.last_step, factor.last_used_at = step, now()
    session.add(factor)
    return True


def is_same(keys: Keys, one: SecondFactor, other: SecondFactor) -> bool:
    """Whether two factors are apps with the same secret."""
    if one.secret_sealed is None or other.secret_sealed is None:
        return False
    return hmac.compare_digest(keys.unseal(one.secret_sealed), keys.unseal(other.secret_sealed))


def proven(keys: Keys, officer_id: UUID, name: str, secret: str, code: str) -> SecondFactor | None:
    """A factor of a secret whose digits were typed; None when they are wrong."""
    step = step_of(secret, code)
    if step is None:
        return None
    return SecondFactor(
        officer_id=officer_id,
        kind=FactorKind.TOTP,
        name=name,
        secret_sealed=keys.seal(secret.encode()),
        last_step=step,
        last_used_at=now(),
    )
