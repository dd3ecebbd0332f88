"""Keeping the search copies in step with the gallery, on PostgreSQL, by whichever worker comes first.

A change of a reference deletes its copy and makes it due in one transaction. Each look of a worker begins
with what is due: it takes some of it, reads those references as they are now, and writes their copies, all in
one transaction under a lock of its own, so each change is applied once and a search sees all before it.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import Engine, text
from sqlmodel import Session

from app.candidates import gallery_rows
from app.candidates.gallery_rows import Rows
from app.core.crypto import Keys
from app.core.db import Database
from app.core.sealing import rotation
from app.encoders import queries as encoders
from app.encoders.models import EnrolledEncoder

PURPOSE: Final = "search rotation"
"""Copies have a rotation of their own: who works it out has not worked out that of the sealed templates."""

AT_A_TIME: Final = 100
"""References in one transaction: with a graph of a million to fit them into it takes two seconds."""

ALL: Final = 1 << 62
"""More copies than there are."""

COPYING: Final = 0x686F6D70
"""Key of the lock of whoever copies."""

WAIT: Final = "60s"
"""How long one worker waits for another's copying."""

_DRAW_BYTES: Final = 4

_DUE: Final = text(
    """
    DELETE FROM face_index.due WHERE reference_id IN (SELECT reference_id FROM face_index.due LIMIT :most)
    RETURNING reference_id, seq
    """
)
_OF_OLDER_KEYS: Final = text(
    """
    SELECT reference_id, seq FROM face_index.copy
    WHERE encoder_id = :encoder AND turned_by < :newest LIMIT :most
    """
)
_DELETE: Final = text("DELETE FROM face_index.copy WHERE reference_id = ANY(:references)")
_INSERT: Final = text(
    """
    INSERT INTO face_index.copy VALUES (:reference, :encoder, :turned_by, :record, :template, :seq, :sex,
        :age, :born, :draw, CAST(:vector AS halfvec))
    """
)


def keep_up(
    db: Database, keys: Keys, *, renew: int = AT_A_TIME, on_progress: Callable[[int], None] | None = None
) -> int:
    """Bring the copies up to date with everything that was committed before.

    Args:
        db: the database, on PostgreSQL with the table of copies.
        keys: the deployment's keys; the newest one's rotation is used.
        renew: copies turned by an older key that are made anew at most, once nothing is due; all of them
            where a key is not there any more.
        on_progress: told how many references were gone through so far.

    Returns:
        References gone through.
    """
    engine = _beside(db)
    done = 0
    while True:
        some = _some_due(engine, keys)
        if not some:
            break
        done += some
        if on_progress:
            on_progress(done)
    if _a_key_is_gone(engine, keys):
        renew = ALL
    while renew > 0:
        some = _some_renewed(engine, keys, min(renew, AT_A_TIME))
        if not some:
            break
        done, renew = done + some, renew - some
        if on_progress:
            on_progress(done)
    return done


def due(session: Session) -> int:
    """References whose copies are not up to date."""
    return int(session.execute(text("SELECT count(*) FROM face_index.due")).scalar_one())


def mark_missing(db: Database) -> int:
    """Have references copied that lack a copy of an encoder in use, as after a restore.

    Returns:
        How many are due now.
    """
    with Session(_beside(db)) as session, session.begin():
        session.execute(text("SET LOCAL statement_timeout = 0"))
        for encoder in encoders.in_use(session):
            _mark_missing(session, encoder)
        return due(session)


def _mark_missing(session: Session, encoder: EnrolledEncoder) -> None:
    session.execute(
        text(
            """
                INSERT INTO face_index.due
                SELECT reference.id, 0 FROM reference
                JOIN record ON record.id = reference.record_id
                JOIN template ON template.face_id = reference.face_id
                WHERE record.state = 'open' AND reference.removed_at IS NULL
                    AND template.encoder = :name AND template.encoder_version = :version
                    AND NOT EXISTS (SELECT FROM face_index.copy
                        WHERE copy.reference_id = reference.id AND copy.encoder_id = :encoder)
                ON CONFLICT DO NOTHING
                """
        ),
        {"name": encoder.name, "version": encoder.version, "encoder": encoder.id},
    )


def turned_by(session: Session, encoder: EnrolledEncoder) -> list[int]:
    """Numbers of the keys by which an encoder's copies are turned; two for a while after a new key."""
    numbers: list[int] = []
    # A step to the next number each, instead of reading all rows for the few that there are.
    question = text(
        "SELECT turned_by FROM face_index.copy WHERE encoder_id = :encoder AND turned_by > :after "
        "ORDER BY turned_by LIMIT 1"
    )
    while True:
        after = numbers[-1] if numbers else 0
        found = session.execute(question, {"encoder": encoder.id, "after": after}).scalar()
        if found is None:
            return numbers
        numbers.append(found)


def draw_of(record_id: UUID) -> int:
    """A number by which samples of records are drawn: the same at every look, and spread evenly."""
    digest = hashlib.blake2b(record_id.bytes, digest_size=_DRAW_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)


def turned(keys: Keys, number: int, templates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Templates as the copies of a key have them.

    Args:
        keys: the deployment's keys.
        number: of the key.
        templates: (n, d) float32.

    Raises:
        Unsealable: there is no key of this number.
    """
    matrix = rotation(keys, number, templates.shape[1], PURPOSE)
    return np.asarray(templates.astype(np.float64) @ matrix.T, dtype=np.float32)


def as_text(vector: NDArray[np.float32]) -> str:
    """A vector as SQL takes it; halves have three digits, and so has this."""
    return HalfVector(vector).to_text()


def _beside(db: Database) -> Engine:
    """Copies follow from other rows and have a lock of their own: no writer waits for them."""
    return db.engine.execution_options(read_only=True)


def _some_due(engine: Engine, keys: Keys) -> int:
    with Session(engine) as session, session.begin():
        if session.execute(text("SELECT 1 FROM face_index.due LIMIT 1")).first() is None:
            return 0
        lock(session)
        return take_due(session, keys)


def take_due(session: Session, keys: Keys) -> int:
    """Copy some of what is due, in one transaction with its being due no more.

    Args:
        session: a session that holds the lock.
        keys: the deployment's keys.

    Returns:
        References gone through.
    """
    some = {row.reference_id: row.seq for row in session.execute(_DUE, {"most": AT_A_TIME})}
    _copy(session, keys, some)
    return len(some)


def _a_key_is_gone(engine: Engine, keys: Keys) -> bool:
    """Whether there are copies that no probe can be turned like."""
    with Session(engine) as session:
        active = encoders.active(session)
        return active is not None and not set(turned_by(session, active)) <= set(keys.numbers)


def _some_renewed(engine: Engine, keys: Keys, most: int) -> int:
    with Session(engine) as session, session.begin():
        active = encoders.active(session)
        if active is None:
            return 0
        asked = {"encoder": active.id, "newest": keys.newest, "most": most}
        if session.execute(_OF_OLDER_KEYS, asked).first() is None:
            return 0
        lock(session)
        old = {row.reference_id: row.seq for row in session.execute(_OF_OLDER_KEYS, asked)}
        _copy(session, keys, old)
        return len(old)


def lock(session: Session) -> None:
    """Be the only one that copies, until the transaction ends."""
    session.execute(text(f"SET LOCAL lock_timeout = '{WAIT}'"))
    session.execute(text(f"SELECT pg_advisory_xact_lock({COPYING})"))


def _copy(session: Session, keys: Keys, seqs: dict[UUID, int]) -> None:
    """Write the copies of references as they are now, of every encoder that is in use."""
    if not seqs:
        return
    session.execute(_DELETE, {"references": list(seqs)})
    for encoder in encoders.in_use(session):
        rows = gallery_rows.rows(session, encoder, only=seqs)
        if len(rows.ids):
            session.execute(_INSERT, _values(keys, encoder, rows, seqs))


def _values(
    keys: Keys, encoder: EnrolledEncoder, rows: Rows, seqs: dict[UUID, int]
) -> Sequence[dict[str, object]]:
    number = keys.newest
    vectors = turned(keys, number, rows.templates)
    values: list[dict[str, object]] = []
    for place, key in enumerate(rows.ids.tolist()):
        reference_id, facts = gallery_rows.uuid_of(key), rows.facts[place]
        record_id = gallery_rows.uuid_of(bytes(facts["record"]))
        values.append(
            {
                "reference": reference_id,
                "encoder": encoder.id,
                "turned_by": number,
                "record": record_id,
                "template": rows.template_ids[place],
                "seq": seqs[reference_id],
                "sex": int(facts["sex"]),
                "age": _known(facts["age"]),
                "born": _known(facts["born"]),
                "draw": draw_of(record_id),
                "vector": as_text(vectors[place]),
            }
        )
    return values


def _known(number: np.floating) -> float | None:
    return None if np.isnan(number) else float(number)
