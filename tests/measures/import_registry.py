"""Measures a registry's import: twice, then killed in the middle and resumed.

python -m tests.measures.import_registry --records 100000
"""

import argparse
import csv
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from app.core.context import Context, open_context
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from app.records.import_file import COLUMNS
from app.records.importing import ImportReport, import_folder
from app.records.lines import Outcome
from tests.make import jpeg

PHOTO_EVERY = 100
"""One record in so many has a photo."""

SAME = (
    "SELECT number, name, sex, born_on, missing_since, missing_place, features, state FROM record ORDER BY 1"
)
PHOTOS = (
    "SELECT r.number, p.sha256 FROM reference f JOIN record r ON r.id = f.record_id "
    "JOIN photo p ON p.id = f.photo_id ORDER BY 1, 2"
)


def main() -> None:
    """Measure and print."""
    reading = argparse.ArgumentParser()
    reading.add_argument("--records", type=int, default=100_000)
    reading.add_argument("--into", type=Path)
    reading.add_argument("--list", type=Path)
    asked = reading.parse_args()
    if asked.into:
        import_folder(deployment(asked.into), asked.list)
        return
    root = Path(tempfile.mkdtemp(prefix="homeward-import-"))
    try:
        measure(root, asked.records)
    finally:
        shutil.rmtree(root)


def measure(root: Path, records: int) -> None:
    """Import a made-up registry in every way that is promised."""
    folder = root / "list"
    write_list(folder, records)
    say(f"{records} records, {records // PHOTO_EVERY} of them with a photo of its own")
    context = deployment(root / "first")
    first = timed("first import", context, folder, records)
    before = total_changes(root / "first")
    second = timed("second import", context, folder, records)
    say(f"first: {first.count(Outcome.ADDED)} added; second: {second.count(Outcome.UNCHANGED)} unchanged")
    rewritten = changed(before, total_changes(root / "first"))
    say(f"rows of records, photos and jobs that the second changed: {rewritten}")
    say(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    plain(root, folder)
    killed(root, folder)


def killed(root: Path, folder: Path) -> None:
    """Kill an import in the middle, start it again, and compare the tables."""
    target = root / "killed"
    deployment(target).close()
    command = [
        sys.executable,
        "-m",
        "tests.measures.import_registry",
        "--into",
        str(target),
        "--list",
        str(folder),
    ]
    wanted = len(rows(root / "first", SAME)) // 2
    child = subprocess.Popen(command)  # noqa: S603 - our own module
    while child.poll() is None and len(rows(target, SAME)) < wanted:
        time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    there = len(rows(target, SAME))
    report = import_folder(deployment(target), folder)
    same = all(rows(root / "first", question) == rows(target, question) for question in (SAME, PHOTOS))
    say(f"killed with {there} records there; resumed after line {report.resumed}; same tables: {same}")


def plain(root: Path, folder: Path) -> None:
    """The lower bound: the same columns by executemany into SQLite."""
    started = time.monotonic()
    with (folder / "records.csv").open(newline="") as file, sqlite3.connect(root / "plain.sqlite") as base:
        base.execute(f"CREATE TABLE r ({', '.join(COLUMNS[:9])}, UNIQUE (number))")
        reader = csv.reader(file)
        next(reader)
        base.executemany("INSERT INTO r VALUES (?,?,?,?,?,?,?,?,?)", reader)
    say(f"plain executemany of the same columns: {time.monotonic() - started:.2f} s")


def timed(name: str, context: Context, folder: Path, records: int) -> ImportReport:
    """Import and print how long it took."""
    started = time.monotonic()
    report = import_folder(context, folder)
    took = time.monotonic() - started
    say(f"{name}: {took:.1f} s, {records / took:.0f} records/s")
    return report


def write_list(folder: Path, records: int) -> None:
    """A registry of children who do not exist."""
    folder.mkdir(parents=True)
    with (folder / "records.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS[:9])
        for number in range(records):
            photo = ""
            if number % PHOTO_EVERY == 0:
                photo = f"{number}.jpg|age=5"
                colour = (number // PHOTO_EVERY % 256, number // PHOTO_EVERY // 256 % 256, 99)
                (folder / f"{number}.jpg").write_bytes(
                    jpeg(colour, (64 + number % 7, 48)) + str(number).encode()
                )
            out.writerow(
                [
                    f"N{number:07}",
                    f"无名{number}",
                    "male",
                    "2018-03-01",
                    "2024-03-01",
                    "北站",
                    "右眉有疤",
                    "44",
                    photo,
                ]
            )


def deployment(folder: Path) -> Context:
    """An open deployment with one area."""
    context = open_context(Settings(data_dir=folder / "data", key_file=folder / "key"))
    with context.db.write() as session:
        if session.get(Jurisdiction, "44") is None:
            session.add(
                Jurisdiction(
                    code="44",
                    name="甲",
                    name_en="A",
                    level=Level.PROVINCE,
                    parent_code=None,
                    path="44/",
                    authority="甲",
                )
            )
    return context


def rows(folder: Path, question: str) -> list[tuple[object, ...]]:
    """What a deployment's database answers."""
    base = sqlite3.connect(folder / "data" / "homeward.sqlite")
    try:
        return base.execute(question).fetchall()
    finally:
        base.close()


def total_changes(folder: Path) -> list[list[tuple[object, ...]]]:
    """Every row of the tables that an import writes, but its own run."""
    return [rows(folder, f"SELECT * FROM {table}") for table in ("record", "reference", "photo", "job")]  # noqa: S608 - constants


def changed(before: list[list[tuple[object, ...]]], after: list[list[tuple[object, ...]]]) -> int:
    """How many rows differ."""
    return sum(len(set(one) ^ set(two)) for one, two in zip(before, after, strict=True))


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - a measurement prints


if __name__ == "__main__":
    main()
