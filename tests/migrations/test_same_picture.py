"""Revision 0002 on a deployment with data: earlier merges keep their reason."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

from sqlmodel import select

from app.core.db import Database
from app.core.migrate import migrate
from app.photos.models import LinkKind, Photo, PhotoLink


def photo(raw: sqlite3.Connection, received: str, cluster: str | None, sha256: str) -> str:
    """A photo as the first version wrote it."""
    name = uuid4().hex
    raw.execute(
        "INSERT INTO photo (id, position, sha256, byte_count, format, store_key, sealed_key, received_at, "
        "state, kept_apart, cluster_id) VALUES (?, 0, ?, 1, 'JPEG', ?, x'00', ?, 'examined', 0, ?)",
        (name, sha256, name, f"2026-01-{received} 03:04:05.000000", cluster),
    )
    return name


def test_photos_that_were_joined_before_are_copies_of_the_first(tmp_path: Path) -> None:
    """An officer who opens an old cluster after the upgrade reads why it is one, and can undo it."""
    path = tmp_path / "x.sqlite"
    database = Database(f"sqlite:///{path}")
    migrate(database.engine, "0001")
    cluster, alone = uuid4().hex, uuid4().hex
    with closing(sqlite3.connect(path)) as raw, raw:
        for name in (cluster, alone):
            raw.execute(
                "INSERT INTO photo_cluster (id, created_at) VALUES (?, '2026-01-01 00:00:00')", (name,)
            )
        copy = photo(raw, "03", cluster, "bb")
        first = photo(raw, "02", cluster, "aa")
        same = photo(raw, "04", cluster, "aa")
        photo(raw, "05", alone, "cc")
        photo(raw, "06", None, "dd")

    migrate(database.engine)

    with database.read() as session:
        links = {link.photo_id.hex: link for link in session.exec(select(PhotoLink))}
        photos = session.exec(select(Photo)).all()
    database.close()
    assert set(links) == {copy, same}
    assert {link.other_id for link in links.values()} == {UUID(first)}
    assert (links[copy].kind, links[same].kind) == (LinkKind.COPY, LinkKind.SAME_FILE)
    assert all(link.joined and link.undone_at is None for link in links.values())
    assert len(photos) == 5
