"""A rolling upgrade: tips flow while old processes are replaced by new ones, one by one, on one database.

`python -m tests.journeys.rolling` takes the commit before the newest migration as the old code, this tree as
the new. Two web and two worker processes of the old code run on PostgreSQL; the schema is migrated under
them; then each is told to end and started again with the new code. The last line counts tips, answers other
than good ones that senders got, tips lost, and work done twice; all but the first have to be 0.
"""

import argparse
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from app.core.context import Context
from app.core.db import Database
from app.jurisdictions.models import Jurisdiction, Level
from tests.journeys import campaign
from tests.journeys.campaign import Told
from tests.journeys.nation import Nation
from tests.servers.postgres import PostgresServer

ROOT: Final = Path(__file__).parents[2]
WEB, WORKERS, SENDERS = 2, 2, 2
PACE_S: Final = 1.0
"""Pause of a sender between two tips."""
BESIDE_S: Final = 8.0
"""How long processes run side by side between two steps."""
READY_S: Final = 120.0
END_S: Final = 40.0
UNTRACKED: Final = ("matching/weights", "frontend/vendor", "frontend/fonts")
"""What is fetched and not kept in the repository; the old code finds it where the new does."""


@dataclass
class Flow:
    """Senders as they stand behind a proxy: each request goes to a web process that is in service."""

    in_service: set[int] = field(default_factory=set)
    told: Told = field(default_factory=Told)
    errors: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def send_all(self) -> None:
        """Send tips, each until its receipt was read, until told to end."""
        while not self.ended.wait(PACE_S):
            with self.told.lock:
                number = self.sent
                self.sent += 1
            self._send(number)

    def _send(self, number: int) -> None:
        key, photo = secrets.token_urlsafe(16), campaign.picture(number)
        fields = {"submission": key, "place_text": f"Street {number}", "description": "A child."}
        with httpx.Client(timeout=60) as client:
            while True:
                try:
                    answer = client.post(
                        self._address("/tip"),
                        data=fields,
                        files=[("photos", ("photo.jpg", photo, "image/jpeg"))],
                    )
                    if self._is(answer, httpx.codes.SEE_OTHER):
                        page = client.get(self._address(answer.headers["location"]))
                        receipt = campaign.RECEIPT.search(page.text)
                        if self._is(page, httpx.codes.OK) and receipt:
                            with self.told.lock:
                                self.told.receipts[key] = receipt.group()
                            return
                except httpx.HTTPError as error:
                    self._note(type(error).__name__)
                time.sleep(0.5)

    def _address(self, path: str) -> str:
        return f"http://127.0.0.1:{secrets.choice(sorted(self.in_service))}{path}"

    def _is(self, answer: httpx.Response, wanted: int) -> bool:
        if answer.status_code != wanted:
            self._note(str(answer.status_code))
        return answer.status_code == wanted

    def _note(self, what: str) -> None:
        with self.told.lock:
            self.errors[what] += 1


class Upgrade(Nation):
    """Processes of two versions on one deployment; `tree` says whose code a process is started with."""

    def __init__(self, folder: Path, server: PostgresServer, old: Path) -> None:
        super().__init__(folder, server, WEB, WORKERS)
        self.tree = old
        self.flow = Flow()

    def start(self, name: str) -> None:
        """Start a process with the code of the tree at hand; a web process serves when it answers."""
        environment = self.environment | {"PYTHONPATH": str(self.tree)}
        if name in self.ports:
            environment["HOMEWARD_PORT"] = str(self.ports[name])
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "app", name.partition("-")[0]],
                env=environment,
                cwd=self.tree,
                stdout=log,
                stderr=log,
            )
        if name in self.ports:
            self._wait_until_ready(name)
            self.flow.in_service.add(self.ports[name])

    def replace(self, name: str) -> None:
        """Take a process out of service, tell it to end, start it again with the code at hand.

        Raises:
            TimeoutExpired: it did not end in its time.
        """
        self.flow.in_service.discard(self.ports.get(name, 0))
        time.sleep(0.5)  # A request that has just been given to it gets there.
        self.running[name].send_signal(signal.SIGTERM)
        self.running[name].wait(END_S)
        self.start(name)

    def _wait_until_ready(self, name: str) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.ports[name]}/tip", timeout=10).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        msg = f"{name} does not answer: {(self.folder / f'{name}.log').read_text()[-2000:]}"
        raise RuntimeError(msg)


def run(upgrade: Upgrade) -> list[str]:
    """Run the rehearsal.

    Args:
        upgrade: nothing of it started yet.

    Returns:
        Every broken promise; `upgrade.flow` says what senders met.
    """
    flow = upgrade.flow
    senders = [threading.Thread(target=flow.send_all) for _ in range(SENDERS)]
    context: Context | None = None
    try:
        upgrade.start(upgrade.names[0])  # It makes the schema, the old one.
        _add_the_nation(upgrade.url)
        for name in upgrade.names[1:]:
            upgrade.start(name)
        for sender in senders:
            sender.start()
        _say(f"old processes serve; schema {_schema(upgrade.server)}")
        time.sleep(BESIDE_S)
        context = upgrade.context()
        _say(f"migrated under them; schema {_schema(upgrade.server)}")
        upgrade.tree = ROOT
        for name in upgrade.names:
            time.sleep(BESIDE_S)
            upgrade.replace(name)
            _say(f"{name} is new; {flow.sent} tips so far")
        time.sleep(BESIDE_S)
        flow.ended.set()
        for sender in senders:
            sender.join(READY_S)
        campaign.wait_until_idle(context)
        ended = [name for name, process in upgrade.running.items() if process.poll() is not None]
    finally:
        flow.ended.set()
        upgrade.stop()
    problems = [f"{name} ended by itself" for name in ended]
    problems += campaign.check(context, flow.told, flow.sent)
    context.close()
    return problems


def lost_and_twice(problems: list[str]) -> tuple[int, int]:
    """How many broken promises are of a tip that is lost, and how many of work done twice."""
    lost = [each for each in problems if each.startswith("an acknowledged tip")]
    twice = [each for each in problems if " jobs" in each or "searched" in each or " keys, " in each]
    return len(lost), len(twice)


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A revision's tree in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hw-old-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), revision)
        try:
            for path in UNTRACKED:
                if (ROOT / path).exists() and not (tree / path).exists():
                    (tree / path).symlink_to(ROOT / path)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def before_the_newest_migration() -> str:
    """The commit before the one that added the newest migration."""
    newest = max((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest))
    if not added:
        msg = f"{newest.name} is not committed yet, so there is no commit before it"
        raise SystemExit(msg)
    return _git("rev-parse", f"{added}^")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout.strip()


def _add_the_nation(url: str) -> None:
    db = Database(url)  # Opening the deployment would migrate it.
    with db.write() as session:
        session.add(
            Jurisdiction(
                code="CN", name="全国", name_en="China", level=Level.NATION, path="CN/", authority="nation"
            )
        )
    db.close()


def _schema(server: PostgresServer) -> str:
    db = Database(server.url("homeward"))
    with db.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    db.close()
    return str(found)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", default="", help="revision of the old code; without it as said above")
    given = parser.parse_args()
    revision = given.old or before_the_newest_migration()
    _say(f"old code: {revision[:12]}")
    with checked_out(revision) as old, tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(durable=True)
        try:
            upgrade = Upgrade(Path(folder), server, old)
            problems = run(upgrade)
        finally:
            server.close()
    flow = upgrade.flow
    lost, twice = lost_and_twice(problems)
    for problem in problems:
        _say(f"broken: {problem}")
    if flow.errors:
        _say(f"answers of error: {dict(flow.errors)}")
    _say(f"{flow.sent} tips, {flow.errors.total()} answers of error, {lost} lost, {twice} twice")
    sys.exit(bool(problems or flow.errors))


if __name__ == "__main__":
    main()
