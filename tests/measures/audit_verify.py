"""Verify a long audit log: by one process, by as many as there are cores, and as the peer does it.

`python -m tests.measures.audit_verify --rows 200000`. The peer reads every row as an object of the model and
hashes its canonical form with `rfc8785`.
"""

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import rfc8785
from sqlmodel import Session, col, insert, select

from app.audit import chain, service
from app.audit.models import Action, ActorKind, AuditEvent
from app.core.clock import now
from app.core.context import open_context
from app.core.settings import Settings

AT_ONCE = 5_000


def fill(session: Session, rows: int) -> None:
    """Write a chain as the product would, many rows at a time."""
    previous = service.GENESIS
    waiting: list[dict[str, Any]] = []
    for number in range(1, rows + 1):
        at, detail = now(), {"was": "routed", "now": "acknowledged", "n": number}
        said = (ActorKind.OFFICER.value, f"o{number % 40}", Action.TIP_STATE.value, "tip", f"t{number}")
        own = chain.digest(previous, at, *said, detail)
        waiting.append(
            {
                "seq": number,
                "at": at,
                "actor_kind": ActorKind.OFFICER,
                "actor_id": said[1],
                "action": Action.TIP_STATE,
                "subject_kind": "tip",
                "subject_id": said[4],
                "detail": detail,
                "previous_hash": previous,
                "hash": own,
            }
        )
        previous = own
        if len(waiting) == AT_ONCE or number == rows:
            session.execute(insert(AuditEvent), waiting)
            waiting = []


def peer(session: Session) -> int:
    """Objects of the model, hashed by way of `rfc8785`.

    Returns:
        Rows that are as their hash says.
    """
    right = 0
    for event in session.exec(select(AuditEvent).order_by(col(AuditEvent.seq))).yield_per(1_000):
        body: dict[str, Any] = {
            "at": event.at.isoformat(timespec="microseconds"),
            "actor_kind": event.actor_kind.value,
            "actor_id": event.actor_id,
            "action": event.action.value,
            "subject_kind": event.subject_kind,
            "subject_id": event.subject_id,
            "detail": event.detail,
        }
        own = hashlib.sha256(event.previous_hash.encode() + rfc8785.dumps(body)).hexdigest()
        right += own == event.hash
    return right


def main() -> None:
    """Run from the command line."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--rows", type=int, default=200_000)
    rows: int = reading.parse_args().rows
    taken: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        context = open_context(
            Settings(data_dir=Path(folder) / "data", key_file=Path(folder) / "homeward.key")
        )
        with context.db.write() as session:
            fill(session, rows)
        with context.db.read() as session:
            begun = time.perf_counter()
            right = peer(session)
            taken["peer: model objects, rfc8785"] = time.perf_counter() - begun
            path = service.checkpoints_path(context.settings)
            for processes in dict.fromkeys((1, os.cpu_count() or 1)):
                begun = time.perf_counter()
                verdict = service.verify(session, path, context.keys.signing, processes=processes)
                taken[f"homeward, {processes} process(es)"] = time.perf_counter() - begun
                right = min(right, verdict.rows if not verdict.problems else 0)
        context.close()
    first = next(iter(taken.values()))
    for name, seconds in taken.items():
        sys.stdout.write(
            f"{name:32} {seconds:6.2f} s {rows / seconds:9,.0f} rows/s {first / seconds:5.2f} x\n"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{right} of {rows} rows right; most memory {peak:.0f} MB\n")
    sys.exit(right != rows)


if __name__ == "__main__":
    main()
