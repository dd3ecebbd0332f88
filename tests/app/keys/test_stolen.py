"""A thief with the disk but without the key file gets nothing; the same search with the key finds all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.core.context import Context
from app.core.crypto import Keys
from app.photos.sandbox import Examiner
from tests.attacks import stolen


@pytest.mark.folder
def test_a_stolen_disk_opens_to_nobody_without_the_key_file(
    context: Context, examiner: Examiner, tmp_path: Path
) -> None:
    """No photo, contact, text or usable template; no word or piece of a picture in the raw bytes."""
    filled = stolen.fill(context, examiner, 2)
    copy = stolen.steal(context, tmp_path)

    thief = stolen.loot(copy, Keys(b"t" * 32), filled)
    owner = stolen.loot(copy, context.keys, filled)

    assert thief.taken == (0, 0, 0, 0, 0)
    assert owner.contacts == 2
    assert owner.templates >= 4
    assert owner.markers == len(filled.markers)
    assert all(owner.taken)
    assert stolen.turned(context, filled) < stolen.USABLE


@pytest.mark.folder
def test_the_search_sees_what_lies_open(context: Context, examiner: Examiner, tmp_path: Path) -> None:
    """One template and one word that were not sealed are found."""
    filled = stolen.fill(context, examiner, 1)
    copy = stolen.steal(context, tmp_path)
    plain = filled.templates[0].astype("<f4").tobytes()
    with closing(sqlite3.connect(copy / "homeward.sqlite")) as connection, connection:
        connection.execute("UPDATE template SET vector = ?", (plain,))
        connection.execute("UPDATE tip_message SET text = ?", (filled.markers[4].decode(),))

    thief = stolen.loot(copy, Keys(b"t" * 32), filled)

    assert thief.templates
    assert (thief.texts, thief.markers) == (1, 1)
