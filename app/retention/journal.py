"""What was erased, in a file to be kept elsewhere: a restored backup of before must not bring it back.

Each line names a tip or a record by its id and is signed. Lines are taken from the audit log, so a lost file
is written anew from the beginning.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey
from sqlmodel import col, select

from app import erasing
from app.audit import chain
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Conflict, Invalid
from app.core.files import append_lines, last_line, whole_lines
from app.core.settings import Settings
from app.records import erasing as record_erasing
from app.records import forgetting
from app.records.models import Record, RecordState

ERASURES = {Action.TIP_ERASED: "tip", Action.RECORD_ERASED: "record"}


@dataclass(frozen=True)
class Erased:
    """One line.

    Attributes:
        seq: row of the audit log that says so.
        kind: tip or record.
        id: which.
    """

    seq: int
    kind: str
    id: UUID


def path_of(settings: Settings) -> Path:
    """Where the journal lies; copy it to another machine with the checkpoints, and often."""
    return settings.data_dir / "audit" / "erased.jsonl"


def write(context: Context) -> int:
    """Append what was erased since the last line.

    Returns:
        Lines added.
    """
    path = path_of(context.settings)
    with context.db.write() as session:  # The lock keeps two workers from writing one line.
        newest = last_line(path)
        after = int(json.loads(newest)["seq"]) if newest is not None else 0
        if after > chain.newest(session):
            after = 0  # A newer journal was laid beside an older, restored log: all of it is named anew.
        rows = session.exec(
            select(AuditEvent)
            .where(col(AuditEvent.seq) > after, col(AuditEvent.action).in_(ERASURES))
            .order_by(col(AuditEvent.seq))
        ).all()
        if rows:
            append_lines(path, [_signed(row, context.keys.signing) for row in rows])
    return len(rows)


def _signed(row: AuditEvent, key: SigningKey) -> str:
    body = {"seq": row.seq, "kind": ERASURES[row.action], "id": row.subject_id}
    signature = key.sign(rfc8785.dumps(body)).signature
    return json.dumps(body | {"signature": base64.b64encode(signature).decode()})


def read(path: Path, key: SigningKey) -> Iterator[Erased]:
    """The lines of a journal.

    Raises:
        Invalid: a line is damaged, or another deployment's.
    """
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            body = json.loads(line)
            signature = base64.b64decode(body.pop("signature"))
            key.verify_key.verify(rfc8785.dumps(body), signature)
            yield Erased(int(body["seq"]), str(body["kind"]), UUID(body["id"]))
        except (ValueError, KeyError, TypeError, AttributeError, BadSignatureError) as error:
            raise Invalid(
                "Line %(number)s of the journal carries no valid signature. Nothing was erased.",
                number=number,
            ) from error


def replay(context: Context, path: Path) -> int:
    """Erase whatever a journal names and this database still holds.

    Args:
        context: a deployment that was restored from a backup; nothing serves it yet.
        path: a journal written after that backup.

    Returns:
        Tips and records that were erased again.

    Raises:
        Invalid: the journal is damaged or another deployment's; nothing was erased.
    """
    lines = list(read(path, context.keys.signing))
    return sum(_erase(context, line) for line in lines)


def _erase(context: Context, line: Erased) -> bool:
    if line.kind == "tip":
        return erasing.erase_again(context, line.id)
    with context.db.write() as session:
        record = session.get(Record, line.id)
        if record is None or record.state == RecordState.ERASED:
            return False
        try:
            record_erasing.erase_record(session, context.keys, record, record_erasing.Cause.LAW, SYSTEM)
        except Conflict:  # A case rested on it when the backup was taken: the next erasure asks again.
            return False
    forgetting.finish(context, line.id)
    return True
