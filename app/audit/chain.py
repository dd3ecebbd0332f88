"""Hashing rows of the chain, and reading ranges of it: one after the other, or several at once.

Rows are read as plain tuples and written as JSON by the standard library: for what a row holds that is the
very form of RFC 8785, which `service` signs with, and a test holds both against each other.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

from sqlalchemy import String, type_coerce
from sqlmodel import Session, col, func, select

from app.audit.models import AuditEvent
from app.core.db import Database

AT_ONCE = 2_000
MOST_PROBLEMS = 10
"""Problems of a range that are told; after so many it is clear enough."""
LEAST_FOR_TWO = 20_000
"""Rows from which a second process is worth its start."""


@dataclass(frozen=True)
class Stretch:
    """What a range of rows holds.

    Attributes:
        rows: rows that are there.
        begins_after: hash that its first row says it follows; None without rows.
        ends_with: hash of its last row; None without rows.
        problems: one sentence each.
        hashes: hashes of the rows that were asked for.
    """

    rows: int
    begins_after: str | None
    ends_with: str | None
    problems: tuple[str, ...]
    hashes: dict[int, str]


def digest(
    previous: str,
    at: datetime,
    actor_kind: str,
    actor_id: str | None,
    action: str,
    subject_kind: str,
    subject_id: str,
    detail: Mapping[str, Any],
) -> str:
    """The hash of a row: over the hash of the row before it and everything that it says."""
    body = {
        "action": action,
        "actor_id": actor_id,
        "actor_kind": actor_kind,
        "at": at.isoformat(timespec="microseconds"),
        "detail": detail,
        "subject_id": subject_id,
        "subject_kind": subject_kind,
    }
    return hashlib.sha256(previous.encode() + canonical(body)).hexdigest()


def canonical(body: Mapping[str, Any]) -> bytes:
    """JSON as RFC 8785 has it, for texts, whole numbers, truth values, and names in ASCII."""
    plain = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return plain.encode()


def newest(session: Session) -> int:
    """The number of the last row; 0 without any."""
    return session.exec(select(func.max(AuditEvent.seq))).one() or 0


def stretches(address: str, newest_seq: int, wanted: Collection[int], processes: int) -> Iterator[Stretch]:
    """Read the whole chain in ranges, by as many processes.

    Args:
        address: SQLAlchemy address of the database.
        newest_seq: the last row to read.
        wanted: rows whose hashes are asked for.
        processes: at most so many; a short chain is read by one.
    """
    count = max(1, min(processes, newest_seq // LEAST_FOR_TWO))
    edges = [newest_seq * number // count for number in range(count + 1)]
    ranges = [
        (address, first + 1, last, sorted(seq for seq in wanted if first < seq <= last))
        for first, last in pairwise(edges)
    ]
    if count == 1:
        yield _read_alone(ranges[0])
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_read_alone, ranges)


def read(session: Session, first: int, last: int, wanted: Collection[int]) -> Stretch:
    """Read a range, and hold each row against its own hash and the row before it."""
    problems: list[str] = []
    hashes: dict[int, str] = {}
    asked = frozenset(wanted)
    rows, expected, begins_after = 0, first, None
    previous: str | None = None
    try:
        for row in session.execute(_rows(first, last)).yield_per(AT_ONCE):
            seq, before, own = row[0], row[8], row[9]
            if len(problems) < MOST_PROBLEMS:
                problems.extend(_wrong_with(row, expected, previous))
            if begins_after is None:
                begins_after = before
            if seq in asked:
                hashes[seq] = own
            rows, previous, expected = rows + 1, own, seq + 1
    except ValueError:  # An edit may have put there what is no time or no JSON.
        problems.append(f"row {expected} or one after it cannot be read")
    else:
        if expected <= last:
            problems.append(f"row {expected} is missing: no row follows up to {last}")
    return Stretch(rows, begins_after, previous, tuple(problems), hashes)


def _wrong_with(row: Any, expected: int, previous: str | None) -> Iterator[str]:
    seq, before, own = row[0], row[8], row[9]
    if seq != expected:
        yield f"row {expected} is missing: the next row is {seq}"
    if previous is not None and before != previous:
        yield f"row {seq} does not follow the row before it"
    if digest(before, *row[1:8]) != own:
        yield f"row {seq} was changed after it was written"


def _rows(first: int, last: int) -> Any:
    event = AuditEvent
    return (
        select(  # type: ignore[call-overload]
            event.seq,
            event.at,
            type_coerce(event.actor_kind, String),  # An edit may have put any word there.
            event.actor_id,
            type_coerce(event.action, String),
            event.subject_kind,
            event.subject_id,
            event.detail,
            event.previous_hash,
            event.hash,
        )
        .where(col(event.seq) >= first, col(event.seq) <= last)
        .order_by(col(event.seq))
    )


def _read_alone(asked: tuple[str, int, int, list[int]]) -> Stretch:
    address, first, last, wanted = asked
    database = Database(address)
    try:
        with database.read() as session:
            return read(session, first, last, wanted)
    finally:
        database.close()
