"""Writing the chain, and proving that nobody rewrote it.

A row's hash covers the row before it, so an edit, a removed row or another order breaks the chain. A cut
tail or a wholly rewritten chain is found by the signed checkpoints, which lie outside the database.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey
from sqlalchemy import text
from sqlmodel import Session, col, select

from app.audit.models import Action, ActorKind, AuditEvent
from app.core.clock import now
from app.core.settings import Settings

GENESIS = "0" * 64
"""The hash that the first row follows."""


@dataclass(frozen=True)
class Actor:
    """Who does something, as the audit log names them."""

    kind: ActorKind
    id: str | None = None


SYSTEM = Actor(ActorKind.SYSTEM)
TIPSTER = Actor(ActorKind.TIPSTER)


def officer_actor(officer_id: UUID) -> Actor:
    """The actor for an officer."""
    return Actor(ActorKind.OFFICER, str(officer_id))


def record(
    session: Session,
    actor: Actor,
    action: Action,
    subject_kind: str,
    subject_id: UUID | str,
    **detail: str | int | bool | None,
) -> None:
    """Append a row to the chain in the caller's transaction.

    Args:
        session: a writing session; it holds the write lock, so the chain has one end.
        actor: who did it.
        action: what was done.
        subject_kind: the table's word for what it was done to.
        subject_id: its id.
        detail: codes, ids and counts; never a name, a text, a place, an address or a score's meaning.
    """
    session.flush()
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    event = AuditEvent(
        at=now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=action,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        detail=detail,
        previous_hash=last.hash if last else GENESIS,
        hash="",
    )
    event.hash = _hash(event)
    session.add(event)
    session.flush()


def checkpoints_path(settings: Settings) -> Path:
    """Where signed heads of the chain are kept; copy this file to another machine, and often."""
    return settings.data_dir / "audit" / "checkpoints.jsonl"


@dataclass(frozen=True)
class Verdict:
    """What a verification found.

    Attributes:
        rows: rows read.
        problems: one sentence each; empty when the chain is whole.
    """

    rows: int
    problems: tuple[str, ...]


def verify(session: Session, checkpoints: Path, key: SigningKey) -> Verdict:
    """Read the whole chain and hold it against the signed checkpoints.

    Args:
        session: a reading session.
        checkpoints: file that `write_checkpoint` appends to.
        key: the key that signs checkpoints.

    Returns:
        The verdict; more than ten problems of one kind are cut short.
    """
    problems: list[str] = []
    hashes: dict[int, str] = {}
    previous, expected = GENESIS, 1
    for event in session.exec(select(AuditEvent).order_by(col(AuditEvent.seq))).yield_per(1000):
        seq = event.seq or 0
        if seq != expected:
            problems.append(f"row {expected} is missing: the next row is {seq}")
        if event.previous_hash != previous:
            problems.append(f"row {seq} does not follow the row before it")
        if _hash(event) != event.hash:
            problems.append(f"row {seq} was changed after it was written")
        previous, expected = event.hash, seq + 1
        hashes[seq] = event.hash
    problems.extend(_tail_problems(session, expected - 1))
    for number, (seq, digest, valid) in enumerate(_read_checkpoints(checkpoints, key), start=1):
        if not valid:
            problems.append(f"checkpoint {number} carries no valid signature")
        elif hashes.get(seq) != digest:
            problems.append(f"checkpoint {number} names row {seq} with another hash, or the row is gone")
    return Verdict(len(hashes), tuple(problems[:10]))


def write_checkpoint(session: Session, path: Path, key: SigningKey) -> bool:
    """Append the signed head of the chain to a file, unless it stands there already.

    Returns:
        Whether a line was written.
    """
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    if last is None:
        return False
    lines = path.read_text().splitlines() if path.exists() else []
    if lines and json.loads(lines[-1])["seq"] == last.seq:
        return False
    body = {"seq": last.seq, "hash": last.hash, "at": _stamp(now())}
    signature = key.sign(rfc8785.dumps(body)).signature
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(body | {"signature": base64.b64encode(signature).decode()}) + "\n")
    return True


def _read_checkpoints(path: Path, key: SigningKey) -> Iterator[tuple[int, str, bool]]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            body = json.loads(line)
            signature = base64.b64decode(body.pop("signature"))
            key.verify_key.verify(rfc8785.dumps(body), signature)
            yield int(body["seq"]), str(body["hash"]), True
        except (ValueError, KeyError, BadSignatureError):
            yield 0, "", False


def _tail_problems(session: Session, last_seq: int) -> Iterator[str]:
    if session.get_bind().dialect.name != "sqlite":
        return
    given = session.connection().execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'audit_event'"))
    highest = given.scalar() or 0
    if highest > last_seq:
        yield f"rows {last_seq + 1} to {highest} were written and are gone"


def is_whole(event: AuditEvent) -> bool:
    """Whether a row still says what its hash was made of."""
    return _hash(event) == event.hash


def _hash(event: AuditEvent) -> str:
    body: Mapping[str, Any] = {
        "at": _stamp(event.at),
        "actor_kind": event.actor_kind.value,
        "actor_id": event.actor_id,
        "action": event.action.value,
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "detail": event.detail,
    }
    return hashlib.sha256(event.previous_hash.encode() + rfc8785.dumps(body)).hexdigest()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
