"""Writing the chain, and proving that nobody rewrote it.

A row's hash covers the row before it, so an edit, a removed row or another order breaks the chain. A cut
tail or a wholly rewritten chain is found by the signed checkpoints, which lie outside the database.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey
from sqlalchemy import text
from sqlmodel import Session, col, select

from app.audit import chain
from app.audit.models import Action, ActorKind, AuditEvent
from app.core.clock import now
from app.core.files import append_lines, last_line, whole_lines
from app.core.postgres import hold_audit_tail
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
        session: a writing session; until it ends nobody else appends, so the chain has one end. What it
            records last, others wait for least.
        actor: who did it.
        action: what was done.
        subject_kind: the table's word for what it was done to.
        subject_id: its id.
        detail: codes, ids and counts; never a name, a text, a place, an address or a score's meaning.
    """
    session.flush()
    hold_audit_tail(session)
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    event = AuditEvent(
        seq=_next_number(session, last),
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


def _next_number(session: Session, last: AuditEvent | None) -> int | None:
    """The next row's number; None lets SQLite count on, which shows when rows at the end are gone.

    PostgreSQL's own counter says nothing of the kind: it leaves gaps where transactions failed. There the
    checkpoints alone show it.
    """
    if session.get_bind().dialect.name == "sqlite":
        return None
    return 1 if last is None or last.seq is None else last.seq + 1


def searched(session: Session, officer_id: UUID, by: Iterable[str], about: UUID | None) -> None:
    """Write down that somebody searched the log: by which fields and about whom, never what was typed."""
    record(
        session,
        officer_actor(officer_id),
        Action.AUDIT_SEARCHED,
        "officer" if about else "log",
        about or "audit",
        by=",".join(sorted(by)),
    )


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


def verify(
    session: Session, checkpoints: Path, key: SigningKey, *, processes: int = 1, kept: Sequence[str] = ()
) -> Verdict:
    """Read the whole chain and hold it against the signed checkpoints.

    Args:
        session: a reading session.
        checkpoints: file that `write_checkpoint` appends to.
        key: the key that signs checkpoints.
        processes: how many read at once; more than one needs a database that others may open.
        kept: further checkpoints, lines that were kept elsewhere.

    Returns:
        The verdict; more than ten problems are cut short.
    """
    problems: list[str] = []
    signed = list(_signed_heads(whole_lines(checkpoints), key))
    elsewhere = list(_signed_heads(kept, key))
    wanted = {seq for seq, _, valid in (*signed, *elsewhere) if valid}
    newest = chain.newest(session)
    if processes > 1:
        address = session.get_bind().engine.url.render_as_string(hide_password=False)
        found = list(chain.stretches(address, newest, wanted, processes))
    else:
        found = [chain.read(session, 1, newest, wanted)]
    previous, hashes = GENESIS, dict[int, str]()
    for stretch in found:
        if stretch.begins_after not in (None, previous):
            problems.append("a row does not follow the row before it, between two ranges")
        problems.extend(stretch.problems)
        previous = stretch.ends_with or previous
        hashes |= stretch.hashes
    problems.extend(_tail_problems(session, newest))
    for name, heads in (("checkpoint", signed), ("kept checkpoint", elsewhere)):
        for number, (seq, digest, valid) in enumerate(heads, start=1):
            if not valid:
                problems.append(f"{name} {number} carries no valid signature")
            elif hashes.get(seq) != digest:
                problems.append(f"{name} {number} names row {seq} with another hash, or the row is gone")
    return Verdict(sum(stretch.rows for stretch in found), tuple(problems[: chain.MOST_PROBLEMS]))


def write_checkpoint(session: Session, path: Path, key: SigningKey) -> bool:
    """Append the signed head of the chain to a file, unless it stands there already.

    Returns:
        Whether a line was written.
    """
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    if last is None:
        return False
    newest = last_line(path)
    if newest is not None and _seq_of(newest) == last.seq:
        return False
    body = {"seq": last.seq, "hash": last.hash, "at": _stamp(now())}
    signature = key.sign(rfc8785.dumps(body)).signature
    append_lines(path, [json.dumps(body | {"signature": base64.b64encode(signature).decode()})])
    return True


def _seq_of(line: str) -> int | None:
    """The row that a checkpoint names; None for a line that is none: verifying says so, writing goes on."""
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, KeyError, TypeError):
        return None


def _signed_heads(lines: Iterable[str], key: SigningKey) -> Iterator[tuple[int, str, bool]]:
    for line in lines:
        try:
            body = json.loads(line)
            signature = base64.b64decode(body.pop("signature"))
            key.verify_key.verify(rfc8785.dumps(body), signature)
            yield int(body["seq"]), str(body["hash"]), True
        except (ValueError, KeyError, TypeError, AttributeError, BadSignatureError):
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
    return chain.digest(
        event.previous_hash,
        event.at,
        event.actor_kind.value,
        event.actor_id,
        event.action.value,
        event.subject_kind,
        event.subject_id,
        event.detail,
    )


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
