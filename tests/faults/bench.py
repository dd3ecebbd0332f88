"""A deployment on a disk of its own, and the faults that may happen to it."""

import itertools
import os
import random
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
from alembic import command

from app.backup import writing
from app.core.context import Context, open_context
from app.core.db import open_engine
from app.core.migrate import config_for
from app.core.objects import sync_folder
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from app.partners import keys as partner_keys
from tests.faults import launch
from tests.faults.disk import Disk
from tests.faults.launch import Conditions

MEGABYTES = 1_024
RESERVE_MB = 48
LEASE_S = 6.0
"""Short, so that a killed worker's job is taken up within seconds."""
UP_PATIENCE_S = 90.0
LOCKED_S = 3.6
"""Longer than the database's patience, so that requests and jobs meet the lock."""
JUMPS_S = (-86_400.0, 86_400.0, 4 * 365 * 86_400.0)
"""How wrong a clock may be: a day slow, a day fast, some four years fast."""
MOST_TRANSACTIONS = 14
"""A worker dies at one of this many transactions: each step of several tips is among them."""
OLDER = "0006"
"""A schema that this version has to bring forward."""


class Bench:
    """Web and worker on a disk of their own.

    Args:
        folder: an empty folder outside that disk.
        kind: its file system, ext4 or xfs.
        spoil: the promise to break, or nothing.
        chance: decides moments.
        recipient: public key that backups are sealed to.
    """

    def __init__(self, folder: Path, kind: str, spoil: str, chance: random.Random, recipient: str) -> None:
        self.folder, self.spoiled, self._chance = folder, spoil, chance
        self.disk = Disk(folder / "disk.img", folder / "data", kind, MEGABYTES)
        self._clock = folder / "clock"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOMEWARD_")},
            "HOMEWARD_DATA_DIR": str(folder / "data"),
            "HOMEWARD_KEY_FILE": str(folder / "keys" / "homeward.key"),
            "HOMEWARD_SECURE_COOKIES": "false",
            "HOMEWARD_PORT": str(self.port),
            "HOMEWARD_JOB_LEASE_SECONDS": str(LEASE_S),
            "HOMEWARD_RECEIPT_MEMORY_KIB": "64",
            "HOMEWARD_DISK_RESERVE_MB": str(RESERVE_MB),
            "HOMEWARD_JOB_ATTEMPTS": "1000",
            "HOMEWARD_PARTNER_MINUTE_QUOTA": "100000",
            "HOMEWARD_BACKUP_RECIPIENTS": recipient,
        }
        self.running: dict[str, ForkServerProcess] = {}
        self._backup_numbers = itertools.count()
        self.backups: list[tuple[Path, float]] = []
        """Each with the moment before which everything told is in it."""

    def lay_ground(self) -> str:
        """Fill the disk with what a deployment needs.

        Returns:
            A partner's key.
        """
        context = self.context()
        with context.db.write() as session:
            session.add(
                Jurisdiction(
                    code="CN",
                    name="全国",
                    name_en="China",
                    level=Level.NATION,
                    path="CN/",
                    authority="nation",
                )
            )
            session.flush()
            channel = partner_keys.add_channel(session, "A partner")
            made = partner_keys.make_key(session, context.keys, channel)
        context.close()
        return made.key

    def context(self) -> Context:
        """The deployment as its processes have it."""
        return open_context(self.settings)

    @property
    def settings(self) -> Settings:
        """Where the deployment lies."""
        return Settings(
            data_dir=self.folder / "data",
            key_file=self.folder / "keys" / "homeward.key",
            secure_cookies=False,
            backup_recipients=self._environment["HOMEWARD_BACKUP_RECIPIENTS"],
        )

    def start(self, name: str, dies_at: int = 0) -> None:
        """Start `serve` or `worker`."""
        self.running[name] = launch.start(
            name,
            Conditions(
                environment=self._environment,
                log=self.folder / f"{name}.log",
                clock=self._clock,
                spoil=self.spoiled,
                dies_at=dies_at,
                before=self._chance.random() < 0.5,
            ),
        )

    def end(self, *names: str) -> None:
        """Kill -9."""
        for name in names or tuple(self.running):
            self.running[name].kill()
            self.running[name].join()

    def revive(self) -> None:
        """Start again what ended by itself, as the supervisor does."""
        for name, process in list(self.running.items()):
            if not process.is_alive():
                self.start(name)

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

    @property
    def faults(self) -> tuple[Callable[[], None], ...]:
        """All that may happen beside a power cut."""
        return (
            self.kill_web,
            self.kill_worker,
            self.kill_child,
            self.child_dies_each_time,
            self.worker_dies_in_a_step,
            self.disk_full,
            self.disk_read_only,
            self.disk_fails,
            self.store_gone,
            self.database_gone,
            self.database_locked,
            self.clock_jumps,
            self.migration_killed,
            self.backup,
        )

    def power_cut(self) -> None:
        """Stop everything, lose what was not synced, start anew."""
        for process in self.running.values():
            with suppress(ProcessLookupError):  # It had died before.
                os.kill(process.pid or 0, signal.SIGSTOP)
        self.disk.cut()
        self._restart()

    def kill_web(self) -> None:
        """Kill -9 the web process."""
        self.end("serve")
        self.start("serve")

    def kill_worker(self) -> None:
        """Kill -9 the worker, wherever it is in the pipeline."""
        self.end("worker")
        self.start("worker")

    def kill_child(self) -> None:
        """Kill -9 the process that decodes."""
        worker = self.running["worker"].pid
        children = Path(f"/proc/{worker}/task/{worker}/children")
        with suppress(ProcessLookupError, FileNotFoundError):  # It ended by itself meanwhile.
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGKILL)

    def child_dies_each_time(self) -> None:
        """Kill whatever decodes for a while, as a picture would that no decoder survives."""
        until = time.monotonic() + self._chance.uniform(1, 3)
        while time.monotonic() < until:
            self.kill_child()
            time.sleep(0.2)

    def worker_dies_in_a_step(self) -> None:
        """Let the worker end right before or after one of its commits."""
        self.end("worker")
        self.start("worker", dies_at=self._chance.randint(1, MOST_TRANSACTIONS))

    def disk_full(self) -> None:
        """Leave no room, then give it back."""
        filler = self.disk.fill("filler")
        time.sleep(self._chance.uniform(0.5, 2))
        filler.unlink()

    def disk_read_only(self) -> None:
        """Start on a disk that can only be read, then on one that can be written."""
        self.end()
        self.disk.remount("ro")
        for name in self.running:
            self.start(name)
        time.sleep(self._chance.uniform(0.5, 2))
        self.end()
        self.disk.remount("rw")
        for name in self.running:
            self.start(name)

    def disk_fails(self) -> None:
        """Let every access end in an I/O error while everything runs, then change the disk's cable."""
        self.disk.cut(keep_journal=True)
        time.sleep(self._chance.uniform(0.5, 1.5))
        self._restart()

    def store_gone(self) -> None:
        """Take the photo store away, then bring it back."""
        store = self.disk.folder / "photos"
        aside = store.rename(self.disk.folder / "photos.aside")
        time.sleep(self._chance.uniform(0.5, 2))
        if store.exists():  # A process that started meanwhile made an empty one.
            shutil.rmtree(store)
        aside.rename(store)
        sync_folder(self.disk.folder)  # The next power cut must not take it away again.

    def database_gone(self) -> None:
        """Take the database's file away while web and worker begin anew, then bring it back."""
        database = self.disk.folder / "homeward.sqlite"
        self.end()
        aside = database.rename(database.with_suffix(".aside"))
        for name in self.running:
            self.start(name)
        time.sleep(self._chance.uniform(0.5, 2))
        if database.exists():
            msg = "a new database was made in place of the one that is gone"
            raise RuntimeError(msg)
        aside.rename(database)
        sync_folder(self.disk.folder)

    def database_locked(self) -> None:
        """Hold the write lock for longer than anybody waits."""
        holder = sqlite3.connect(self.disk.folder / "homeward.sqlite", timeout=30, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)
        holder.execute("ROLLBACK")
        holder.close()

    def clock_jumps(self) -> None:
        """Let the clock of both processes be wrong for a while."""
        self._clock.write_text(str(self._chance.choice(JUMPS_S)))
        time.sleep(self._chance.uniform(0.5, 2))
        if self._chance.random() < 0.5:
            self.end("worker")  # What it held says that it holds it for years.
            self.start("worker")
        self._clock.write_text("0")

    def migration_killed(self) -> None:
        """Find an older schema at the start, and die somewhere on the way to the present one."""
        self.end()
        engine = open_engine(self.settings.database_address)
        with engine.begin() as connection:
            command.downgrade(config_for(connection), OLDER)
        engine.dispose()
        self.start("serve")
        time.sleep(self._chance.uniform(0, 0.6))
        self.end("serve")
        for name in self.running:
            self.start(name)

    def backup(self) -> None:
        """Take a backup while everything runs."""
        path = self.folder / f"backup-{next(self._backup_numbers)}.age"
        before = time.monotonic()
        context = self.context()
        try:
            writing.write(context, path, with_keys=False)
        finally:
            context.close()
        for old, _ in self.backups[1:]:  # The first and the last are kept.
            old.unlink(missing_ok=True)
        self.backups = [*self.backups[:1], (path, before)]

    def stop(self) -> None:
        """End both."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.join(40)
            process.kill()
            process.join()

    def _restart(self) -> None:
        self.end()
        self.disk.unmount()
        self.disk.mount()
        for name in self.running:
            self.start(name)
