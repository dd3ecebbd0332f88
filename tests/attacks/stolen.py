"""A thief with the disk: database, log and photo store copied from a deployment, but not the key file.

    python -m tests.attacks.stolen --people 12

Fills a deployment by its own doors and its own worker, copies its data folder, and counts what comes out of
the copy: first with keys of the thief's own, then with the deployment's, which must open all of it. Only then
do the first counts say anything.
"""

import argparse
import dataclasses
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlmodel import select

from app.audit.service import TIPSTER
from app.backup.writing import SNAPSHOT, take_snapshot
from app.core import sealing
from app.core.context import Context, open_context
from app.core.crypto import Keys, Unsealable
from app.core.db import Database
from app.core.files import PhotoStore
from app.core.objects import FolderObjects
from app.core.sealing import SealedBytes, SealedText, SealedVector
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from app.photos.models import Template
from app.photos.sandbox import Examiner
from app.tables import metadata
from app.tips import service
from app.tips.intake import NewTip
from app.tips.models import Author, TipMessage
from app.tips.parts import NewPhoto
from app.worker import Worker
from tests.attacks import pictures
from tests.make import Make

AREA: Final = "440304"
USABLE: Final = 0.5
"""Cosine from which a stolen template would be of use; turned and plain ones of one face lie about 0."""
PICTURE_BEGINS: Final = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
Vectors = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Filled:
    """What went into the deployment.

    Attributes:
        markers: bytes that must not lie anywhere: words, places, contacts, pieces of photos.
        templates: plain templates, one a row.
    """

    markers: tuple[bytes, ...]
    templates: Vectors


@dataclasses.dataclass(frozen=True)
class Loot:
    """What came out of the copy.

    Attributes:
        photos: files that became pictures.
        contacts: contacts and other single secrets that opened.
        texts: texts and miniatures that opened.
        templates: templates that compare with the plain ones.
        cosine: the best likeness between anything taken for a template and a plain one.
        markers: markers in the raw bytes of all files or in what opened.
        values: sealed values that were tried.
    """

    photos: int
    contacts: int
    texts: int
    templates: int
    cosine: float
    markers: int
    values: int

    @property
    def taken(self) -> tuple[int, ...]:
        """What would hurt, each of which has to be none."""
        return self.photos, self.contacts, self.texts, self.templates, self.markers


def fill(context: Context, examiner: Examiner, people: int) -> Filled:
    """Records and tips of the demo's people, through the door of tips and through the worker.

    Args:
        context: an empty deployment.
        examiner: the decode server.
        people: how many.
    """
    make, markers = Make(context), list[bytes]()
    channel = service.web_channel(context)
    for number, person in enumerate(pictures.people()[:people]):
        portrait, street = pictures.portrait(person), pictures.street(person, number)
        make.sent_record(portrait)
        planted: dict[str, Any] = {
            "place_text": f"Planted Gate {number}, Moonlight Lane",
            "description": f"Planted words {number}: a girl sells roses here.",
            "contact": f"planted{number}@tipster.example",
            "source_url": f"https://planted.example/post/{number}",
        }
        new = NewTip(
            photos=(NewPhoto(street, "JPEG"),),
            language="en",
            place=None,
            observed_at=None,
            danger_now=False,
            external_id=None,
            key=None,
            digest="",
            **planted,
        )
        tip = service.accept(context, channel, new, TIPSTER)
        message = f"Planted question {number}: which exit?"
        with context.db.write() as session:
            session.add(TipMessage(tip_id=tip.tip_id, author=Author.OFFICER, text=message))
        markers += [text.encode() for text in (*planted.values(), message)]
        markers += [_piece(file) for file in (portrait, street)]
    Worker(context, examiner).run_until_idle()
    with context.db.read() as session:
        vectors = session.exec(select(Template.vector)).all()
    return Filled(tuple(markers), _unit(list(vectors)))


def steal(context: Context, folder: Path) -> Path:
    """Copy the data folder as it lies there, log included, while the deployment runs.

    Of a server's database, the thief has the rows.
    """
    copied = Path(shutil.copytree(context.settings.data_dir, folder / "stolen"))
    if context.db.engine.dialect.name != "sqlite":
        take_snapshot(context, copied / SNAPSHOT)
    return copied


def loot(stolen: Path, keys: Keys, filled: Filled) -> Loot:
    """Get out of a copy what these keys give.

    Args:
        stolen: the copied data folder.
        keys: the deployment's, or whatever the thief made up.
        filled: what went in.
    """
    database = Database(f"sqlite:///{stolen / 'homeward.sqlite'}")
    sealing.use_keys(database.engine, keys)
    found: Counter[str] = Counter()
    spoils, likely = list[bytes](), list[bytes]()
    width = filled.templates.shape[1] * 4
    with closing(sqlite3.connect(stolen / "homeward.sqlite")) as connection:
        for kind, value in _values(connection):
            found["values"] += 1
            if isinstance(kind, SealedVector):
                # Whoever cannot open it may take the bytes for numbers as they lie there.
                likely += [value[start : start + width] for start in range(len(value) - width + 1)]
            try:
                plain = (
                    keys.unseal(value) if kind is None else kind.process_result_value(value, _of(database))
                )
            except Unsealable:
                continue
            if isinstance(kind, SealedVector):
                likely.append(plain)
            else:
                found["contacts" if kind is None else "texts"] += 1
                spoils.append(plain.encode() if isinstance(plain, str) else plain)
        store = PhotoStore(FolderObjects(stolen / "photos"), keys)
        named = connection.execute(
            "SELECT store_key, sealed_key FROM photo UNION SELECT store_key, sealed_key FROM rendition"
        ).fetchall()
    database.close()
    for name, sealed_key in named:
        try:
            spoils.append(store.get(name, sealed_key))
        except Unsealable:
            continue
    raw = [path.read_bytes() for path in stolen.rglob("*") if path.is_file()]
    found["photos"] = sum(each.startswith(PICTURE_BEGINS) for each in (*raw, *spoils))
    found["markers"] = sum(any(marker in each for each in (*raw, *spoils)) for marker in filled.markers)
    cosines = np.abs(_unit(likely) @ filled.templates.T).max(axis=1, initial=0.0)
    return Loot(
        found["photos"],
        found["contacts"],
        found["texts"],
        int((cosines >= USABLE).sum()),
        float(cosines.max(initial=0.0)),
        found["markers"],
        found["values"],
    )


def turned(context: Context, filled: Filled) -> float:
    """Best likeness of a template with itself as it is sealed, should its seal ever be broken."""
    keys = context.keys
    sealed = [sealing.turned(keys, keys.newest, each.astype("<f4").tobytes()) for each in filled.templates]
    return float(np.abs(_unit(sealed) @ filled.templates.T).max())


def _piece(file: bytes) -> bytes:
    """A piece of a file that is not filling: the most varied of many."""
    return max(
        (file[start : start + 48] for start in range(0, len(file), 499)), key=lambda piece: len(set(piece))
    )


def _values(connection: sqlite3.Connection) -> Iterator[tuple[Any, Any]]:
    """Each sealed value with its column's type; None where a single secret is sealed to the public key."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            kind: Any = column.type
            if not isinstance(kind, SealedBytes | SealedText | SealedVector):
                if column.name != "contact_sealed":
                    continue
                kind = None
            question = (
                f'SELECT "{column.name}" FROM "{table.name}" WHERE "{column.name}" NOT IN (\'\', x\'\')'  # noqa: S608 - names of the schema
            )
            for (value,) in connection.execute(question):
                yield kind, value


def _of(database: Database) -> Any:
    return database.engine.dialect


def _unit(vectors: list[bytes]) -> Vectors:
    """Vectors of length one; bytes that are no numbers become zeros."""
    if not vectors:
        return np.zeros((0, 1))
    with np.errstate(all="ignore"):
        numbers = np.stack([np.frombuffer(each, "<f4") for each in vectors]).astype(np.float64)
        numbers[~np.isfinite(numbers)] = 0
        lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
        return np.asarray(np.nan_to_num(numbers / np.where(lengths == 0, 1, lengths)))


def report(thief: Loot, owner: Loot, likeness: float) -> str:
    """Both counts beside each other."""
    lines = [f"{'':24}{'without the keys':>18}{'with them':>12}"]
    lines += [
        f"{name:24}{getattr(thief, name):18}{getattr(owner, name):12}"
        for name in ("photos", "contacts", "texts", "templates", "markers", "values")
    ]
    lines.append(f"{'best cosine':24}{thief.cosine:18.3f}{owner.cosine:12.3f}")
    lines.append(f"turned templates without their seal: best cosine to the plain ones {likeness:.3f}")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line; status 1 if the thief got anything, or the owner did not get all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Examiner() as examiner:
        folder = Path(name)
        context = open_context(Settings(data_dir=folder / "data", key_file=folder / "keys" / "key"))
        with context.db.write() as session:
            session.add(
                Jurisdiction(
                    code=AREA, name=AREA, name_en=AREA, level=Level.DISTRICT, path=f"{AREA}/", authority=AREA
                )
            )
        filled = fill(context, examiner, given.people)
        stolen = steal(context, folder)
        thief, owner = loot(stolen, Keys(b"t" * 32), filled), loot(stolen, context.keys, filled)
        likeness = turned(context, filled)
        context.close()
    sys.stdout.write(report(thief, owner, likeness) + "\n")
    sys.exit(any(thief.taken) or likeness >= USABLE or not all(owner.taken))


if __name__ == "__main__":
    main()
