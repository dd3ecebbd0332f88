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

COPYING: Final = 0x686F6D70
"""Key of the lock of whoever copies."""

WAIT: Final = "60s"
"""How long one worker waits for another's copying."""

FIRST: Final = UUID(int=0)
"""Before all references."""

_DRAW_BYTES: Final = 4

_NEXT: Final = text(
    "SELECT reference_id FROM face_index.due WHERE reference_id > :after ORDER BY reference_id LIMIT :most"
)
_TAKE: Final = text(
    "DELETE FROM face_index.due WHERE reference_id = ANY(:references) RETURNING reference_id, seq"
)
_MARK_OLDER: Final = text(
    """
    INSERT INTO face_index.due
    SELECT reference_id, seq FROM face_index.copy
    WHERE encoder_id = :encoder AND turned_by < :newest LIMIT CAST(:most AS bigint)
    ON CONFLICT DO NOTHING
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
    db: Database,
    keys: Keys,
    *,
    renew: int | None = AT_A_TIME,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Bring the copies up to date with everything that was committed before.

    Args:
        db: the database, on PostgreSQL with the table of copies.
        keys: the deployment's keys; the newest one's rotation is used.
        renew: copies turned by an older key that are made anew at most; None for all, as where a key is
            not there any more.
        on_progress: told how many references were gone through so far.

    Returns:
        References gone through.
    """
    done = _drained(db, keys, 0, on_progress)
    if mark_older(db, keys, renew):
        done = _drained(db, keys, done, on_progress)
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


def turned_by(session: Session, encoder_id: UUID) -> list[int]:
    """Numbers of the keys by which an encoder's copies are turned; two for a while after a new key."""
    numbers: list[int] = []
    # A step to the next number each, instead of reading all rows for the few that there are.
    question = text(
        "SELECT turned_by FROM face_index.copy WHERE encoder_id = :encoder AND turned_by > :after "
        "ORDER BY turned_by LIMIT 1"
    )
    while True:
        after = numbers[-1] if numbers else 0
        found = session.execute(question, {"encoder": encoder_id, "after": after}).scalar()
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


def mark_older(db: Database, keys: Keys, most: int | None = None) -> bool:
    """Have references copied anew whose copies are turned by an older key.

    Args:
        db: the database.
        keys: the deployment's keys.
        most: of each encoder at most; all without, and where a copy is that no probe can be turned like.

    Returns:
        Whether there are any.
    """
    marked = False
    with Session(_beside(db)) as session, session.begin():
        newest = keys.newest
        for encoder in encoders.in_use(session):
            numbers = set(turned_by(session, encoder.id))
            if numbers - {newest}:
                gone = not numbers <= set(keys.numbers)
                asked = {"encoder": encoder.id, "newest": newest, "most": None if gone else most}
                session.execute(text("SET LOCAL statement_timeout = 0"))
                session.execute(_MARK_OLDER, asked)
                marked = True
    return marked


def take_due(session: Session, keys: Keys, after: UUID = FIRST) -> list[UUID]:
    """Copy some of what is due, in one transaction with its being due no more.

    Args:
        session: a session that holds the lock.
        keys: the deployment's keys.
        after: the reference behind which to go on: what was taken lies before it until it is vacuumed.

    Returns:
        References gone through, in order.
    """
    some = list(session.execute(_NEXT, {"after": after, "most": AT_A_TIME}).scalars())
    taken = session.execute(_TAKE, {"references": some})
    _copy(session, keys, {row.reference_id: row.seq for row in taken})
    return some


def _drained(db: Database, keys: Keys, done: int, on_progress: Callable[[int], None] | None) -> int:
    """Copy until nothing is due; returns how many were gone through."""
    engine, after = _beside(db), FIRST
    while True:
        with Session(engine) as session, session.begin():
            if session.execute(_NEXT, {"after": FIRST, "most": 1}).first() is None:
                return done
            lock(session)
            some = take_due(session, keys, after)
        # Behind the last one nothing is left: what was added before it meanwhile comes next.
        after = some[-1] if some else FIRST
        done += len(some)
        if on_progress:
            on_progress(done)


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
