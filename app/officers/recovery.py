"""Recovery codes: ten for the day a phone is lost, each good once."""

import hashlib
import re
import secrets
from uuid import UUID

from sqlmodel import Session, col, delete, select

from app.core.clock import now
from app.core.crypto import Keys
from app.officers.models import RecoveryCode

COUNT = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 4, 4
"""Sixteen letters of thirty-one: 79 bits, which a fast keyed hash is enough for."""
FORM = re.compile(f"[{ALPHABET}]{{{GROUPS * GROUP}}}")


def make(session: Session, keys: Keys, officer_id: UUID) -> list[str]:
    """Make new codes in the place of all earlier ones.

    Returns:
        The codes as they are shown, once.
    """
    forget(session, officer_id)
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP)) for _ in range(COUNT)]
    session.add_all(RecoveryCode(officer_id=officer_id, code_hash=_hash(keys, code)) for code in codes)
    return ["-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP)) for code in codes]


def use(session: Session, keys: Keys, officer_id: UUID, typed: str) -> bool:
    """Whether a code is one that is left; it is none any more afterwards."""
    code = re.sub(r"[\s-]", "", typed).lower()
    if not FORM.fullmatch(code):
        return False
    found = session.exec(
        select(RecoveryCode).where(
            RecoveryCode.officer_id == officer_id,
            RecoveryCode.code_hash == _hash(keys, code),
            col(RecoveryCode.used_at).is_(None),
        )
    ).first()
    if found is None:
        return False
    found.used_at = now()
    session.add(found)
    return True


def left(session: Session, officer_id: UUID) -> int:
    """How many codes an officer has left."""
    return len(
        session.exec(
            select(RecoveryCode.id).where(
                RecoveryCode.officer_id == officer_id, col(RecoveryCode.used_at).is_(None)
            )
        ).all()
    )


def forget(session: Session, officer_id: UUID) -> None:
    """Drop all codes of an officer."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.officer_id) == officer_id))


def _hash(keys: Keys, code: str) -> str:
    return hashlib.blake2b(code.encode(), key=keys.derive("recovery code"), digest_size=32).hexdigest()
