"""What was erased must not come back: keyed digests of numbers, files and pictures.

A file is known again by its bytes. A picture is known by its perceptual hash, sign for sign: a keyed digest
cannot be searched for near ones, so a crop or a heavier compression is a new picture.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core.crypto import Keys
from app.core.errors import Conflict, NotFound, message
from app.photos.models import PhotoHash
from app.records.models import Suppressed, SuppressedKind

PURPOSE = "suppression"
NUMBER_ERASED = message("The record of this number was erased and stays erased.")
PHOTO_ERASED = message("This photo was erased and stays erased.")
SHORTEST_REASON = 5
"""Characters of the reason for lifting."""


class Erased(Conflict):
    """Something that was erased and stays erased."""

    code = "erased"


def digest(keys: Keys, kind: SuppressedKind, value: str) -> str:
    """The keyed digest of a number, of a file's SHA-256 or of a picture's hash."""
    plain = f"{kind.value}:{unicodedata.normalize('NFC', value)}"
    return hmac.new(keys.derive(PURPOSE), plain.encode(), hashlib.sha256).hexdigest()


def suppress(session: Session, keys: Keys, kind: SuppressedKind, values: Iterable[str]) -> None:
    """Keep values from coming back; told twice, they stand there once."""
    for value in sorted(set(values)):
        session.merge(Suppressed(kind=kind, digest=digest(keys, kind, value)))


def is_suppressed(session: Session, keys: Keys, kind: SuppressedKind, values: Iterable[str]) -> bool:
    """Whether one of the values was erased."""
    digests = [digest(keys, kind, value) for value in values]
    question = select(Suppressed.kind).where(Suppressed.kind == kind, col(Suppressed.digest).in_(digests))
    return session.exec(question.limit(1)).first() is not None


def check(session: Session, keys: Keys, number: str, files: Iterable[str]) -> None:
    """Refuse a number or photos of an erased record.

    Args:
        session: any session.
        keys: the deployment's keys.
        number: a record's number.
        files: SHA-256 of photos, in hex.

    Raises:
        Erased: one of them was erased.
    """
    if is_suppressed(session, keys, SuppressedKind.NUMBER, [number]):
        raise Erased(NUMBER_ERASED, field="number")
    if is_suppressed(session, keys, SuppressedKind.FILE, files):
        raise Erased(PHOTO_ERASED, field="photos")


def shows_erased(session: Session, keys: Keys, photo_hash: PhotoHash | None) -> bool:
    """Whether an examined photo is, by its perceptual hash, one that was erased."""
    return photo_hash is not None and is_suppressed(
        session, keys, SuppressedKind.PICTURE, [picture_of(photo_hash)]
    )


def picture_of(photo_hash: PhotoHash) -> str:
    """A picture's hash as it is suppressed."""
    return f"{photo_hash.phash}:{photo_hash.verification.hex()}"


def lift(session: Session, keys: Keys, number: str, reason: str, actor: Actor) -> None:
    """Let a number come back, for a child that is registered anew; its photos stay erased.

    Args:
        session: a writing session.
        keys: the deployment's keys.
        number: the number.
        reason: why, in words; asked for so that nobody does it by the way, kept nowhere.
        actor: who lifts it.

    Raises:
        Conflict: no reason given.
        NotFound: the number was not erased.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise Conflict("Give the reason in words.")
    held = session.get(
        Suppressed,
        (SuppressedKind.NUMBER, digest(keys, SuppressedKind.NUMBER, " ".join(number.split()))),
    )
    if held is None:
        raise NotFound
    session.delete(held)
    audit.record(session, actor, Action.RECORD_CHANGED, "suppressed", held.digest[:16], lifted=1)
