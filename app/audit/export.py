"""The log as a file that a third party verifies without the database and without the deployment's keys.

JSON lines: each row with its hash and that of the row before it, then one line that signs the last hash, the
number of rows and whose log it is.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from sqlmodel import Session, col, select

from app.audit import chain
from app.audit.models import AuditEvent
from app.core.clock import now
from app.core.errors import Invalid

NAMES = ("seq", "at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id", "detail")


@dataclass(frozen=True)
class Exported:
    """What an export holds.

    Attributes:
        first: number of its first row; 0 without rows.
        last: number of its last row; 0 without rows.
        rows: how many.
        at: when it was made, as written.
    """

    first: int
    last: int
    rows: int
    at: str


def lines(
    session: Session, key: SigningKey, since: datetime | None = None, until: datetime | None = None
) -> Iterator[str]:
    """The lines of an export; memory stays small whatever its length.

    Args:
        session: a reading session.
        key: signs the last line.
        since: not before this moment.
        until: before this moment.
    """
    question = select(AuditEvent).order_by(col(AuditEvent.seq))
    if since is not None:
        question = question.where(col(AuditEvent.at) >= since)
    if until is not None:
        question = question.where(col(AuditEvent.at) < until)
    first = last = rows = 0
    digest = ""
    for event in session.exec(question).yield_per(chain.AT_ONCE):
        last, digest, rows = event.seq or 0, event.hash, rows + 1
        first = first or last
        yield json.dumps(_row(event), ensure_ascii=False) + "\n"
    body: dict[str, Any] = {
        "first": first,
        "last": last,
        "rows": rows,
        "hash": digest,
        "at": now().isoformat(),
    }
    signature = base64.b64encode(key.sign(rfc8785.dumps(body)).signature).decode()
    yield json.dumps(body | {"signature": signature}) + "\n"


def verify(written: Iterable[str], public_key: str) -> Exported:
    """Hold an export against itself and its signature.

    Args:
        written: its lines.
        public_key: the deployment's, as hex.

    Returns:
        What it holds.

    Raises:
        Invalid: a row was changed, left out, added or moved, or the signature is not by this key.
    """
    first = last = rows = 0
    previous = ""
    end: dict[str, Any] | None = None
    for line in written:
        body = _object(line)
        if end is not None:
            raise Invalid("Something follows the last line of this export.")
        if "signature" in body:
            end = body
            continue
        seq = body.get("seq")
        if not isinstance(seq, int) or (previous and body.get("previous_hash") != previous):
            raise Invalid("Row %(number)s does not follow the row before it.", number=str(seq)[:20])
        if _digest(body) != body.get("hash"):
            raise Invalid("Row %(number)s was changed after it was written.", number=seq)
        first, last, rows, previous = first or seq, seq, rows + 1, str(body["hash"])
    if end is None:
        raise Invalid("This export is cut short: its last line is missing.")
    signature = end.pop("signature")
    try:
        key = VerifyKey(bytes.fromhex(public_key))
        key.verify(rfc8785.dumps(end), base64.b64decode(signature))
    except (ValueError, TypeError, BadSignatureError) as error:
        raise Invalid("The signature of this export is not by this key.") from error
    if (end.get("first"), end.get("last"), end.get("rows"), end.get("hash")) != (first, last, rows, previous):
        raise Invalid("Rows of this export are missing.")
    return Exported(first, last, rows, str(end.get("at")))


def _row(event: AuditEvent) -> dict[str, Any]:
    row = {name: getattr(event, name) for name in NAMES}
    at = event.at.isoformat(timespec="microseconds")
    return row | {"at": at, "previous_hash": event.previous_hash, "hash": event.hash}


def _digest(body: dict[str, Any]) -> str | None:
    try:
        rest = [body[name] for name in NAMES[2:]]
        return chain.digest(body["previous_hash"], datetime.fromisoformat(body["at"]), *rest)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _object(line: str) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise Invalid("A line of this export is no JSON.") from error
    if not isinstance(body, dict):
        raise Invalid("A line of this export is no JSON.")
    return body
