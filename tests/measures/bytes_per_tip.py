"""What a tip takes: bytes of each table, index and stored file, and processor time beside the networks.

`python -m tests.measures.bytes_per_tip --tips 20000 --database postgresql` sends tips through the real
intake, lets a real worker look into them and divides what lies there afterwards. Networks look once at each
demo picture; every tip then gets one of these findings with hashes, keypoints and templates of its own, so
that each picture is new and each face a stranger's. `make bench` measures decoding and networks.
"""

import argparse
import contextlib
import csv
import logging
import secrets
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import structlog
from sqlalchemy import inspect, text
from sqlmodel import Session, SQLModel, col, func, select

from app.audit.service import SYSTEM, TIPSTER
from app.core.clock import now
from app.core.context import Context, open_context
from app.core.db import Database
from app.core.partitions import SCHEMA
from app.core.settings import Settings
from app.demo import FOLDER, PICTURES
from app.encoders.examiner import EnrolledExaminer
from app.jurisdictions import service as areas
from app.photos.models import Photo, Rendition
from app.tips import service as tips
from app.tips.intake import NewTip, Place
from app.tips.models import CoordinateSystem
from app.tips.parts import NewPhoto
from app.worker import Worker
from matching.examination import Examination
from matching.formats import UnreadablePhoto
from matching.hashing import PictureHash
from matching.pictures.pdq import PDQ_BYTES, Pdq, PdqViews
from tests.make import Make
from tests.servers.postgres import PostgresServer

TIPS_PER_RECORD = 10
CONTACTS = 0.3
"""Share of tips that leave one."""
PHOTOS = (1, 1, 1, 2)
"""Photos of a tip, one of these by chance: 1.25 a tip."""
WORKED_AT_A_TIME = 500

SQLITE_SIZES = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name"
SQLITE_OF = "SELECT name, tbl_name FROM sqlite_master WHERE type IN ('table', 'index')"
POSTGRES_SIZES = f"""
SELECT coalesce(whole.relname, c.relname) AS of, CASE WHEN i.relkind = 'i'
       THEN coalesce(whole_index.relname, i.relname) ELSE coalesce(whole.relname, c.relname) END AS name,
       sum(pg_relation_size(i.oid) + CASE WHEN i.relkind = 'r' AND i.reltoastrelid <> 0
           THEN pg_total_relation_size(i.reltoastrelid) ELSE 0 END) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', '{SCHEMA}')
JOIN LATERAL (SELECT c.oid, c.relname, c.relkind, c.reltoastrelid UNION ALL
              SELECT x.oid, x.relname, x.relkind, x.reltoastrelid FROM pg_index p JOIN pg_class x
              ON x.oid = p.indexrelid WHERE p.indrelid = c.oid) i ON true
LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class whole ON whole.oid = h.inhparent
LEFT JOIN pg_inherits hi ON hi.inhrelid = i.oid
LEFT JOIN pg_class whole_index ON whole_index.oid = hi.inhparent
WHERE c.relkind = 'r' GROUP BY 1, 2
"""  # noqa: S608 - a constant of our own


@dataclass(frozen=True)
class Taken:
    """What one table or index takes."""

    table: str
    name: str
    byte_count: int


class Remembering:
    """Examines as the networks did before, each time as if of a picture that nobody sent yet.

    Args:
        seen: what the real examiner found.
        seed: of the random numbers.
    """

    def __init__(self, seen: list[Examination], seed: int) -> None:
        self._seen = seen
        self._chance = np.random.default_rng(seed)

    def examine(self, data: bytes) -> Examination:
        """One of the findings, with hashes, keypoints and templates of its own."""
        found = self._seen[len(data) % len(self._seen)]
        known = found.fingerprint
        codes = self._chance.integers(0, 2, known.keypoints.codes.shape, np.uint8)
        return replace(
            found,
            hash=PictureHash(
                int.from_bytes(self._chance.bytes(8), "big"),
                self._chance.bytes(len(found.hash.verification)),
                found.hash.detail,
            ),
            fingerprint=replace(
                known,
                whole=self._pdq(known.whole),
                whole_mirrored=self._pdq(known.whole_mirrored),
                views=PdqViews(
                    self._pdq(known.views.plain),
                    tuple(self._pdq(view) for view in known.views.turned),  # type: ignore[arg-type]
                    tuple(self._pdq(view) for view in known.views.mirrored),  # type: ignore[arg-type]
                ),
                keypoints=replace(known.keypoints, codes=codes),
            ),
            faces=tuple(
                replace(
                    face,
                    templates=tuple(self._template(len(template) // 4) for template in face.templates),
                )
                for face in found.faces
            ),
        )

    def _pdq(self, found: Pdq) -> Pdq:
        return Pdq(self._chance.bytes(PDQ_BYTES), found.quality)

    def _template(self, dimensions: int) -> bytes:
        vector = self._chance.standard_normal(dimensions)
        return (vector / np.linalg.norm(vector)).astype("<f4").tobytes()


class Alone:
    """Counts transactions that keep all other writers waiting, and how long they last.

    Args:
        db: the database; its `write` is watched from now on.
    """

    def __init__(self, db: Database) -> None:
        self.number, self.by_the_clock_s, self.processor_s = 0, 0.0, 0.0
        begin = db.write

        @contextlib.contextmanager
        def write() -> Iterator[Session]:
            began, used = time.perf_counter(), time.thread_time()
            try:
                with begin() as session:
                    yield session
            finally:
                self.number += 1
                self.by_the_clock_s += time.perf_counter() - began
                self.processor_s += time.thread_time() - used

        db.write = write  # type: ignore[method-assign]

    def of(self, count: int) -> str:
        """What it comes to for each of so many tips."""
        return (
            f"{self.number / count:.1f} transactions a tip that are alone, "
            f"{1000 * self.by_the_clock_s / count:.1f} ms by the clock, "
            f"{1000 * self.processor_s / count:.1f} ms of this process's processor time"
        )


def main() -> None:
    """Measure in a folder, and on a server, that are taken away afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tips", type=int, default=20_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = Path(tempfile.mkdtemp(prefix="homeward-bytes-"))
    server = PostgresServer(settings={"autovacuum": "on"}) if asked.database == "postgresql" else None
    try:
        context = open_context(
            Settings(
                data_dir=folder / "data",
                key_file=folder / "keys" / "homeward.key",
                database_url=server.create("homeward") if server else "",
                disk_reserve_mb=0,
            )
        )
        measure(context, asked.tips, asked.seed)
        context.close()
    finally:
        if server:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def measure(context: Context, count: int, seed: int) -> None:
    """Fill a deployment and print what lies there."""
    with (
        (FOLDER / "authorities.csv").open(encoding="utf-8") as file,
        context.db.write() as session,
    ):
        known = {row["code"]: (row["authority"], row["name_en"]) for row in csv.DictReader(file)}
        areas.load(session, areas.areas_of_china(known, "44"), SYSTEM)
    pictures = [path.read_bytes() for path in sorted(PICTURES.glob("*-tip*.jpg"))]
    say(f"{len(pictures)} demo pictures are looked at by the networks, then {count} tips are sent")
    worker = Worker(context, Remembering(list(examined(context, pictures)), seed))
    make = Make(context)
    for number in range(count // TIPS_PER_RECORD):
        make.sent_record(unlike(pictures[number % len(pictures)]))
    worker.run_until_idle()
    before, rows_before = sizes(context), rows(context)
    intake, work, alone = 0.0, 0.0, Alone(context.db)
    for start in range(0, count, WORKED_AT_A_TIME):
        began = time.process_time()
        for number in range(start, min(start + WORKED_AT_A_TIME, count)):
            send(context, number, pictures)
        sent = time.process_time()
        worker.run_until_idle()
        intake, work = intake + sent - began, work + time.process_time() - sent
    show(context, before, rows_before, count)
    say(
        f"\nprocessor time of this process: {1000 * intake / count:.1f} ms a tip to take it in (receipt, "
        f"sealing, rows), {1000 * work / count:.1f} ms for a worker beside decoding and networks"
    )
    say(alone.of(count))


def examined(context: Context, pictures: list[bytes]) -> Iterator[Examination]:
    """What the networks find in the pictures; unreadable ones are left out."""
    with EnrolledExaminer(context.db) as examiner:
        for data in pictures:
            try:
                yield examiner.examine(data)
            except UnreadablePhoto:
                continue


def unlike(data: bytes) -> bytes:
    """A picture's bytes as a file of its own."""
    return data + secrets.token_bytes(8 + secrets.randbelow(64))


def send(context: Context, number: int, pictures: list[bytes]) -> None:
    """Send one tip as the citizens' form does."""
    photos = secrets.choice(PHOTOS)
    key = secrets.token_hex(16)
    tips.accept(
        context,
        tips.web_channel(context),
        NewTip(
            photos=tuple(NewPhoto(unlike(secrets.choice(pictures)), "JPEG") for _ in range(photos)),
            language="zh",
            place_text=f"福田区华强北地铁站{number}号出口",
            place=Place(
                22.5 + secrets.randbelow(1000) / 1e4,
                114.0 + secrets.randbelow(1000) / 1e4,
                20.0,
                CoordinateSystem.WGS84,
            ),
            observed_at=now(),
            description=f"一个孩子独自向路人要钱，看上去很累，旁边没有大人。第{number}次看到。",
            danger_now=False,
            contact="13800000000" if secrets.randbelow(100) < 100 * CONTACTS else "",
            external_id=None,
            source_url=None,
            key=key,
            digest=secrets.token_hex(32),
        ),
        TIPSTER,
    )


def sizes(context: Context) -> dict[tuple[str, str], Taken]:
    """Bytes of every table and index, months of one table taken together."""
    if context.db.engine.dialect.name == "sqlite":
        with context.db.read() as session:
            connection = session.connection()
            of = {str(name): str(table) for name, table in connection.execute(text(SQLITE_OF))}
            found = [
                Taken(of.get(str(name), str(name)), str(name), int(total))
                for name, total in connection.execute(text(SQLITE_SIZES))
            ]
    else:
        with context.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
            rows = connection.execute(text(POSTGRES_SIZES)).all()
            found = [Taken(str(table), str(name), int(total)) for table, name, total in rows]
    added: dict[tuple[str, str], int] = defaultdict(int)
    for one in found:
        added[one.table, one.name] += one.byte_count
    return {key: Taken(*key, total) for key, total in added.items()}


def show(
    context: Context, before: dict[tuple[str, str], Taken], rows_before: dict[str, int], count: int
) -> None:
    """Print what the tips added, by table, index and kind of file."""
    grown = [
        replace(taken, byte_count=taken.byte_count - (before[key].byte_count if key in before else 0))
        for key, taken in sizes(context).items()
    ]
    added = {table: number - rows_before[table] for table, number in rows(context).items()}
    totals: dict[str, int] = defaultdict(int)
    for taken in grown:
        totals[taken.table] += taken.byte_count
    say(f"\n{'table, index':52}{'rows':>10}{'bytes a row':>13}{'bytes a tip':>13}")
    for table, total in sorted(totals.items(), key=lambda item: -item[1]):
        if total < count:
            continue
        line(table, added.get(table, 0), total, count)
        for taken in sorted(grown, key=lambda one: -one.byte_count):
            if taken.table == table and taken.byte_count >= count:
                name = "  its rows" if taken.name == table else f"  {taken.name}"
                line(name[:50], added.get(table, 0), taken.byte_count, count)
    line("database", count, sum(totals.values()), count)
    files(context, count)


def rows(context: Context) -> dict[str, int]:
    """How many rows each table has."""
    with context.db.read() as session:
        connection, known = session.connection(), SQLModel.metadata.tables
        return {
            table: int(connection.execute(select(func.count()).select_from(known[table])).scalar_one())
            for table in inspect(connection).get_table_names()
            if table in known
        }


def line(name: str, number: int, total: int, count: int) -> None:
    """Print a line of the table."""
    say(f"{name:52}{number:10}{total / max(number, 1):13.0f}{total / count:13.0f}")


def files(context: Context, count: int) -> None:
    """Print the stored files of tips by kind; originals are demo pictures, much smaller than a phone's."""
    with context.db.read() as session:
        originals = session.exec(
            select(func.count(), func.sum(Photo.byte_count)).where(col(Photo.tip_id).is_not(None))
        ).one()
        made = session.exec(
            select(Rendition.kind, Rendition.store_key).join(Photo).where(col(Photo.tip_id).is_not(None))
        ).all()
    line("stored originals", originals[0], originals[1], count)
    by_kind: dict[str, list[int]] = defaultdict(list)
    for kind, key in made:
        by_kind[kind].append((context.settings.data_dir / "photos" / key).stat().st_size)
    for kind, found in sorted(by_kind.items()):
        line(f"stored {kind}", len(found), sum(found), count)


def say(told: str) -> None:
    """Print a line at once."""
    sys.stdout.write(told + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
