"""Many web and worker processes on PostgreSQL; processes and the database are killed while tips come in.

`python -m tests.journeys.nation --minutes 10` prints the counts; every promise is held against what senders
were told, as `tests.journeys.campaign` does for one machine.
"""

import argparse
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from app.core.context import Context, open_context
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from tests.journeys import campaign
from tests.journeys.campaign import Told
from tests.servers.postgres import PostgresServer

SENDERS = 6
DATABASE_SHARE = 0.15
"""Share of the kills that take the database's server."""


class Nation(campaign.Processes):
    """Several web and worker processes of one deployment; each that ends is started again."""

    def __init__(self, folder: Path, server: PostgresServer, web: int, workers: int) -> None:
        super().__init__(folder)
        self.server = server
        self.url = server.create("homeward")
        self.environment |= {"HOMEWARD_DATABASE_URL": self.url, "HOMEWARD_SECOND_FACTOR": "false"}
        self.ports = {f"serve-{number}": _free_port() for number in range(web)}
        self.names = [*self.ports, *(f"worker-{number}" for number in range(workers))]

    def start(self, name: str) -> None:
        """Start a process by its name, as `serve-0` or `worker-3`."""
        kind = name.partition("-")[0]
        environment = self.environment | (
            {"HOMEWARD_PORT": str(self.ports[name])} if name in self.ports else {}
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "app", kind], env=environment, stdout=log, stderr=log
            )

    def kill_database(self) -> None:
        """Kill -9 the server with all its processes, and start it again."""
        self.server.kill()
        time.sleep(0.5)
        self.server.start()

    def revive(self) -> int:
        """Start again what ended by itself, as a service manager does.

        Returns:
            How many had.
        """
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        for name in ended:
            self.start(name)
        return len(ended)

    def context(self) -> Context:
        """The deployment as the processes have it."""
        return open_context(
            Settings(
                database_url=self.url,
                data_dir=self.folder / "data",
                key_file=self.folder / "keys" / "homeward.key",
                secure_cookies=False,
            )
        )


def run(nation: Nation, seconds: float, seed: int) -> tuple[Told, Counter[str], int, list[str]]:
    """Run a campaign.

    Args:
        nation: the processes, not started yet.
        seconds: how long tips come in and processes are killed.
        seed: of the random moments.

    Returns:
        What senders were told, kills by kind, processes that ended by themselves, every broken promise.
    """
    chance = random.Random(seed)  # noqa: S311 - moments of kills, no secret
    context = nation.context()
    with context.db.write() as session:
        session.add(
            Jurisdiction(
                code="CN", name="全国", name_en="China", level=Level.NATION, path="CN/", authority="nation"
            )
        )
    told, lock, kills, ended, sent = Told(), threading.Lock(), Counter[str](), 0, 0
    end = time.monotonic() + seconds

    def numbers() -> Iterator[int]:
        nonlocal sent
        while time.monotonic() < end:
            yield sent
            sent += 1

    for name in nation.names:
        nation.start(name)
    try:
        ports, shared = list(nation.ports.values()), numbers()
        senders = [
            threading.Thread(target=campaign.send_all, args=(ports, shared, lock, told))
            for _ in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        while time.monotonic() < end:
            time.sleep(chance.uniform(1, 6))
            ended += nation.revive()
            if chance.random() < DATABASE_SHARE:
                nation.kill_database()
                kills["database"] += 1
            else:
                name = chance.choice(nation.names)
                nation.running[name].send_signal(signal.SIGKILL)
                nation.running[name].wait()
                nation.start(name)
                kills[name.partition("-")[0]] += 1
        while any(sender.is_alive() for sender in senders):
            ended += nation.revive()
            time.sleep(1)
        _until_idle(nation, context)
    finally:
        nation.stop()
    problems = campaign.check(context, told, sent)
    context.close()
    return told, kills, ended, problems


def _until_idle(nation: Nation, context: Context) -> None:
    idle = threading.Thread(target=campaign.wait_until_idle, args=(context,))
    idle.start()
    while idle.is_alive():
        nation.revive()
        idle.join(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--web", type=int, default=4)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}\n")
    server = PostgresServer(durable=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            nation = Nation(Path(folder), server, given.web, given.workers)
            told, kills, ended, problems = run(nation, given.minutes * 60, given.seed)
    finally:
        server.close()
    for problem in problems:
        sys.stdout.write(f"broken: {problem}\n")
    sys.stdout.write(
        f"{len(told.receipts)} tips acknowledged in {told.attempts} attempts by {given.web} web and "
        f"{given.workers} worker processes; killed: {dict(sorted(kills.items()))}; "
        f"{ended} ended by themselves and were started again; {len(problems)} promises broken\n"
    )
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
