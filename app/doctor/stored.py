"""The photo store held against the rows that name its files."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator

from sqlmodel import col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.crypto import Unsealable
from app.core.files import PhotoStore
from app.keys import rewrapping
from app.photos.erasing import ERASED
from app.photos.models import Photo
from app.tables import metadata

YOUNGEST_ORPHAN_S = 24 * 3600
"""A file is stored before its row is written: a young one may still get it."""


def orphaned(store: PhotoStore, named: set[str]) -> Iterator[str]:
    """Files of the photo store that no row names and that are too old to get one."""
    before = time.time() - YOUNGEST_ORPHAN_S
    for each in store.objects.listed():
        if each.name not in named and each.changed_at < before:
            yield each.name


def sweep(context: Context) -> int:
    """Delete files that no row names; rows are read after the list of files was made, so none is missed.

    Returns:
        How many were deleted.

    Raises:
        StoreTrouble: the photo store does not answer; what was not deleted is at the next time.
    """
    suspects = list(orphaned(context.store, set()))
    named = named_by_rows(context)
    gone = [name for name in suspects if name not in named]
    for name in gone:
        context.store.delete(name)
    if gone:
        with context.db.write() as session:
            audit.record(session, SYSTEM, Action.ORPHANS_SWEPT, "store", "photos", files=len(gone))
    return len(gone)


def named_by_rows(context: Context) -> set[str]:
    """Store keys of all files that rows name."""
    names: set[str] = set()
    with context.db.read() as session:
        for table in metadata.sorted_tables:
            if "store_key" in table.columns:
                keys = (key for (key,) in session.execute(select(table.c.store_key)) if key)
                names.update(key for key in keys if not key.startswith(ERASED))
    return names


def unopened(context: Context, most: int | None) -> int:
    """How many photos do not open, or are not what came in."""
    broken = 0
    with context.db.read() as session:
        kept = select(Photo.store_key, Photo.sealed_key, Photo.sha256).where(Photo.sealed_key != b"")
        question = kept.order_by(col(Photo.received_at).desc())
        rows = session.exec(question if most is None else question.limit(most)).all()
    for store_key, sealed_key, digest in rows:
        try:
            broken += hashlib.sha256(context.store.get(store_key, sealed_key)).hexdigest() != digest
        except Unsealable:
            broken += 1
        except FileNotFoundError:
            continue  # counted as gone
    return broken


def unopened_values(context: Context, most: int | None) -> dict[str, int]:
    """Sealed values of the database that do not open.

    Args:
        context: the open deployment.
        most: values looked at in each column, the newest first; None for all.

    Returns:
        How many, by table and column; columns without any are left out.
    """
    shut = Counter[str]()
    with context.db.read() as session:
        for each in rewrapping.columns():
            newest = [part.desc() for part in each.of.primary_key]
            raw = each.stored().order_by(*newest).limit(most)
            for value, *_ in session.execute(raw):
                try:
                    if value:
                        each.open(context.keys, value)
                except Unsealable:
                    shut[each.name] += 1
    return dict(shut)
