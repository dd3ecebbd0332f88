"""Tips are sent while power, disk, database and processes fail; then each promise is held.

`python -m tests.faults.campaign --faults 300 --clients 8 --seed N` needs root, for a file system of its own.
`--spoil no-fsync`, `--spoil synchronous-normal` and `--spoil no-sync` break a promise of the product: those
runs must find tips lost, or the campaign would prove nothing.
"""

import argparse
import hashlib
import itertools
import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
from sqlmodel import select

from app.core.context import Context
from app.core.crypto import Unsealable
from app.jurisdictions.models import Jurisdiction, Level
from app.photos.models import Photo
from tests.faults.disk import Disk
from tests.faults.launch import SPOIL
from tests.journeys import campaign as kills

SPOILED = ("no-fsync", "synchronous-normal", "no-sync")
MEGABYTES = 1_024
RESERVE_MB = 48
UP_PATIENCE_S = 90.0
CUT_SHARE = 0.3
"""Power cuts among all faults: 300 hold more than 50 of them."""
LOCKED_S = 4.5
"""Longer than the database's patience, so that requests and jobs meet the lock."""


class Bench(kills.Processes):
    """Web and worker on a disk of their own, and what may happen to them."""

    def __init__(self, folder: Path, kind: str, spoil: str | None, chance: random.Random) -> None:
        super().__init__(folder)
        self.disk = Disk(folder / "disk.img", folder / "data", kind, MEGABYTES)
        self.spoil, self._chance = spoil, chance
        self.environment |= {
            "HOMEWARD_DISK_RESERVE_MB": str(RESERVE_MB),
            "HOMEWARD_JOB_ATTEMPTS": "1000",
            SPOIL: spoil or "",
        }

    def start(self, name: str) -> None:
        """Start `serve` or `worker`, spoiled when that was asked for."""
        module = "tests.faults.launch" if self.spoil else "app"
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", module, name], env=self.environment, stdout=log, stderr=log
            )

    def revive(self) -> None:
        """Start again what ended by itself, as the supervisor does."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.start(name)

    def power_cut(self) -> None:
        """Stop everything, lose what was not synced, start anew."""
        for process in self.running.values():
            process.send_signal(signal.SIGSTOP)
        self.disk.cut()
        for process in self.running.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.disk.unmount()
        self.disk.mount()
        for name in list(self.running):
            self.start(name)

    def kill_web(self) -> None:
        """Kill -9 the web process."""
        self.kill("serve")

    def kill_worker(self) -> None:
        """Kill -9 the worker, wherever it is in the pipeline."""
        self.kill("worker")

    def kill_child(self) -> None:
        """Kill -9 the process that decodes."""
        worker = self.running["worker"].pid
        children = Path(f"/proc/{worker}/task/{worker}/children")
        for child in children.read_text().split() if children.exists() else ():
            os.kill(int(child), signal.SIGKILL)

    def disk_full(self) -> None:
        """Leave no room, then give it back."""
        filler = self.disk.fill("filler")
        time.sleep(self._chance.uniform(1, 3))
        filler.unlink()

    def store_gone(self) -> None:
        """Take the photo store away, then bring it back."""
        store = self.disk.folder / "photos"
        aside = store.rename(self.disk.folder / "photos.aside")
        time.sleep(self._chance.uniform(0.5, 2))
        if store.exists():  # A process that started meanwhile made an empty one.
            shutil.rmtree(store)
        aside.rename(store)

    def database_locked(self) -> None:
        """Hold the write lock for longer than anybody waits."""
        holder = sqlite3.connect(self.disk.folder / "homeward.sqlite", timeout=30, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)
        holder.execute("ROLLBACK")
        holder.close()

    def wait_until_up(self) -> float:
        """Wait until the form opens.

        Returns:
            How long that took, in seconds.

        Raises:
            RuntimeError: it stays away.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < UP_PATIENCE_S:
            self.revive()
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/tip", timeout=5).status_code == httpx.codes.OK:
                    return time.monotonic() - begun
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        msg = "the service did not come back"
        raise RuntimeError(msg)


def run(faults: int, clients: int, bench: Bench, chance: random.Random) -> tuple[str, list[str]]:
    """Run a campaign.

    Returns:
        The last line, and every broken promise.
    """
    _lay_ground(bench)
    others: list[Callable[[], None]] = [
        bench.kill_web,
        bench.kill_worker,
        bench.kill_child,
        bench.disk_full,
        bench.store_gone,
        bench.database_locked,
    ]
    told, over, lock = kills.Told(), threading.Event(), threading.Lock()
    handed = itertools.count()
    numbers = itertools.takewhile(lambda _number: not over.is_set(), handed)
    for name in ("serve", "worker"):
        bench.start(name)
    bench.wait_until_up()
    senders = [
        threading.Thread(target=kills._send, args=(bench.port, numbers, lock, told), daemon=True)
        for _ in range(clients)
    ]
    for sender in senders:
        sender.start()
    counts: Counter[str] = Counter()
    slowest = 0.0
    for _ in range(faults):
        time.sleep(chance.uniform(0.3, 1.5))
        cut = bench.spoil is not None or chance.random() < CUT_SHARE  # Only a cut shows what was not synced.
        fault = bench.power_cut if cut else chance.choice(others)
        fault()
        counts[fault.__name__.replace("_", " ")] += 1
        slowest = max(slowest, bench.wait_until_up())
    over.set()
    for sender in senders:
        sender.join(UP_PATIENCE_S)
    context = bench.context()
    if not bench.spoil:  # Lost photos would keep a spoiled run's queue from emptying.
        kills._wait_until_idle(context)
    bench.stop()
    lost, doubled, problems = _judge(context, told, whole=not bench.spoil)
    context.close()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return (
        f"{sum(counts.values())} faults ({kinds}); {len(told.receipts)} tips acknowledged in {told.attempts} "
        f"attempts, slowest return {slowest:.1f} s: {lost} lost, {doubled} doubled, "
        f"{len(problems)} other promises broken"
    ), problems


def _lay_ground(bench: Bench) -> None:
    context = bench.context()
    with context.db.write() as session:
        session.add(
            Jurisdiction(
                code="CN", name="全国", name_en="China", level=Level.NATION, path="CN/", authority="nation"
            )
        )
    context.close()


def _judge(context: Context, told: kills.Told, *, whole: bool) -> tuple[int, int, list[str]]:
    """Hold the disk against what senders were told.

    Returns:
        Acknowledged tips that are gone or whose photo is; tips too many; other broken promises.
    """
    found = kills._read(context)
    problems = list(found.audit)
    with context.db.read() as session:
        if session.connection().exec_driver_sql("PRAGMA integrity_check").scalar_one() != "ok":
            problems.append("the database is damaged")
        photos = list(session.exec(select(Photo)))
    broken = {photo.tip_id for photo in photos if not _opens(context, photo)}
    carrying = {photo.tip_id for photo in photos} - broken
    lost = sum(found.by_key.get(key) not in carrying for key in told.receipts)
    doubled = len(found.tips) - len(found.by_key) + len(photos) - len({photo.tip_id for photo in photos})
    if whole:
        problems.extend(f"unfinished: {job}" for job in found.unfinished)
        problems.extend(
            f"a face was searched {count} times" for count in found.searches.values() if count > 1
        )
        problems.extend(f"a photo has {count} scenes" for count in found.scenes.values() if count != 1)
        for key in told.receipts:
            problems.extend(kills._tip_problems(found, found.by_key.get(key)))
        if not told.receipts:
            problems.append("no tip was acknowledged, so nothing was tried")
    return lost, doubled, problems


def _opens(context: Context, photo: Photo) -> bool:
    try:
        plain = context.store.get(photo.store_key, photo.sealed_key)
    except (OSError, Unsealable):
        return False
    return hashlib.sha256(plain).hexdigest() == photo.sha256


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--disk", choices=("ext4", "xfs"), default="ext4")
    parser.add_argument("--spoil", choices=SPOILED)
    given = parser.parse_args()
    if os.geteuid() != 0 or shutil.which(f"mkfs.{given.disk}") is None:
        sys.exit(f"skipped: a file system of one's own needs root and mkfs.{given.disk}")
    sys.stdout.write(f"seed {given.seed}, {given.disk}, spoiled: {given.spoil or 'nothing'}\n")
    chance = random.Random(given.seed)  # noqa: S311 - kinds and moments of faults, no secret
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.disk, given.spoil, chance)
        try:
            line, problems = run(given.faults, given.clients, bench, chance)
        finally:
            bench.stop()
            bench.disk.unmount()
    for problem in problems[:20]:
        sys.stdout.write(f"broken: {problem}\n")
    sys.stdout.write(line + "\n")
    sys.exit(bool(problems) or ": 0 lost, 0 doubled" not in line)


if __name__ == "__main__":
    main()
