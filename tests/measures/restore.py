"""Measures a backup, its check and its restore at a given size, beside plain tar, in one run.

Photos are small and sealed by the real store; rows are the product's own. More tips come in while the backup
is written, and all that were there before it are looked for afterwards, each by its SHA-256.
"""

import argparse
import hashlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pyrage import x25519
from sqlmodel import select

from app.backup import reading, writing
from app.core.context import Context, open_context
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from app.photos.models import Photo
from app.tips.models import Tip
from tests.make import Make

ROWS_AT_A_TIME = 500
PHOTO_BYTES = 20_000
AREA = "440304"


def fill(context: Context, make: Make, count: int) -> None:
    """Write tips with a photo each: rows in bulk, files one by one as the store does it."""
    with context.db.write() as session:
        session.add(
            Jurisdiction(
                code=AREA,
                name="福田区",
                name_en="Futian",
                level=Level.DISTRICT,
                path=f"{AREA}/",
                authority="福田",
            )
        )
    first = make.tip(area=AREA)
    with context.db.read() as session:
        tip = session.get_one(Tip, first.id).model_dump(exclude={"id", "receipt_lookup"})
        photo = session.exec(select(Photo).where(Photo.tip_id == first.id)).one().model_dump(exclude={"id"})
    for start in range(1, count, ROWS_AT_A_TIME):
        tips: list[Tip] = []
        photos: list[Photo] = []
        for number in range(start, min(start + ROWS_AT_A_TIME, count)):
            data = hashlib.shake_256(str(number).encode()).digest(PHOTO_BYTES)
            stored = context.store.put(data)
            new = Tip(**tip, receipt_lookup=secrets.token_bytes(32))
            tips.append(new)
            named = photo | {
                "tip_id": new.id,
                "store_key": stored.store_key,
                "sealed_key": stored.sealed_key,
                "sha256": stored.sha256,
                "byte_count": stored.byte_count,
            }
            photos.append(Photo(**named))
        with context.db.write() as session:
            session.add_all(tips)
            session.flush()
            session.add_all(photos)


def whole(context: Context) -> tuple[int, int]:
    """Tips, and photos that open and are what came in."""
    with context.db.read() as session:
        tips = len(session.exec(select(Tip.id)).all())
        photos = session.exec(select(Photo.store_key, Photo.sealed_key, Photo.sha256)).all()
    good = sum(
        hashlib.sha256(context.store.get(key, own)).hexdigest() == digest for key, own, digest in photos
    )
    return tips, good


def measure(folder: Path, count: int) -> None:
    """Do everything once and print what it took."""
    identity = x25519.Identity.generate()
    settings = Settings(
        data_dir=folder / "data",
        key_file=folder / "keys" / "homeward.key",
        backup_recipients=str(identity.to_public()),
    )
    context = open_context(settings)
    make = Make(context)
    took: dict[str, float] = {}

    began = time.perf_counter()
    fill(context, make, count)
    took["fill"] = time.perf_counter() - began
    before, _ = whole(context)

    stopping, meanwhile = threading.Event(), [0]

    def come_in() -> None:
        while not stopping.wait(0.02):
            make.tip(area=AREA)
            meanwhile[0] += 1

    coming = threading.Thread(target=come_in)
    coming.start()
    archive = folder / "one.age"
    began = time.perf_counter()
    written = writing.write(context, archive)
    took["backup"] = time.perf_counter() - began
    stopping.set()
    coming.join()

    began = time.perf_counter()
    subprocess.run(["tar", "-cf", folder / "plain.tar", "-C", folder, "data"], check=True)  # noqa: S603, S607
    took["plain tar"] = time.perf_counter() - began

    began = time.perf_counter()
    reading.verify(archive, identity, settings)
    took["verify"] = time.perf_counter() - began

    again = settings.model_copy(update={"data_dir": folder / "again"})
    began = time.perf_counter()
    reading.restore(archive, identity, again)
    took["restore"] = time.perf_counter() - began

    restored = open_context(again)
    began = time.perf_counter()
    tips, good = whole(restored)
    took["each photo by SHA-256"] = time.perf_counter() - began

    tar = (folder / "plain.tar").stat().st_size
    lines = [f"{step:24}{seconds:8.1f} s" for step, seconds in took.items()]
    lines += [f"backup {written.byte_count / 1e6:.1f} MB, tar {tar / 1e6:.1f} MB"]
    lines += [f"{before} tips before the backup, {meanwhile[0]} came in during it"]
    lines += [f"restored {tips} tips, {good} photos whole"]
    sys.stdout.write("\n".join(lines) + "\n")
    if tips < before or good < before or not meanwhile[0]:
        raise SystemExit("tips are missing after the restore, or none came in meanwhile")
    restored.close()
    context.close()


def main() -> None:
    """Read the size and measure in a folder that is taken away afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tips", type=int, default=10_000)
    folder = Path(tempfile.mkdtemp(prefix="homeward-restore-"))
    try:
        measure(folder, parser.parse_args().tips)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
