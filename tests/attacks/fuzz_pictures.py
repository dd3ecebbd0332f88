"""Mutants of good pictures for the process that decodes, and now and then through the web's own door.

python -m tests.attacks.fuzz_pictures --minutes 10 --seed 1
python -m tests.attacks.fuzz_pictures --seed 1 --only 4711     # one of them once more

What made a child die is kept in a folder that is printed. It ends with status 1 if a server that decodes was
lost, if the web process or the worker ended, or if a job of the worker did not come to an end.
"""

import argparse
import http.client
import os
import random
import sys
import tempfile
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

from sqlmodel import col, select

from app.core.context import Context
from app.core.jobs import Job, JobState
from app.photos.examine_server import ExaminationFailure
from app.photos.sandbox import ExaminationFailed, Examiner
from matching.formats import UnreadablePhoto, sniff
from tests.attacks.mutants import mutant, seeds
from tests.attacks.serving import Caller, Serving
from tests.attacks.watching import Children, Worker, peak_mb

NICE = 10
DOOR_EACH = 25
"""Of so many mutants one goes through the form too."""
ENDING_S = 300.0
"""Seconds that the worker may take to come to the end of what was sent."""
FOUND = frozenset(ExaminationFailure) - {
    ExaminationFailure.CPU_LIMIT,
    ExaminationFailure.TIME_LIMIT,
    ExaminationFailure.MEMORY_LIMIT,
}
"""What is kept to be looked at: the limits on time and memory are there to be met."""


def made(seed: int, number: int, good_ones: tuple[bytes, ...]) -> bytes:
    """The mutant of that number; always the same bytes."""
    return mutant(random.Random(f"{seed}:{number}"), good_ones)  # noqa: S311 - repeatable, no secret.


def verdict_of(examiner: Examiner, data: bytes) -> tuple[str, bool]:
    """What became of a mutant, and whether it is to be kept."""
    try:
        examiner.examine(data)
    except UnreadablePhoto as refusal:
        return refusal.reason.value, False
    except ExaminationFailed as failure:
        return f"FAILED {failure.reason.value}", failure.reason in FOUND
    return "examined", False


class Fuzz:
    """One campaign.

    Args:
        seed: of all dice.
        kept: folder for what made a child die.
        address: of the web process.
    """

    def __init__(self, seed: int, kept: Path, address: str) -> None:
        self.verdicts: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.servers: set[int | None] = set()
        self.tried = 0
        self._seed, self._kept, self._address = seed, kept, address
        self._seeds = seeds()

    def run(self, examiner: Examiner, seconds: float) -> None:
        """Try mutants for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            data = made(self._seed, self.tried, self._seeds)
            verdict, is_found = verdict_of(examiner, data)
            self.servers.add(examiner.server_pid)
            self.verdicts[f"{sniff(data) or 'no format'}: {verdict}"] += 1
            if is_found:
                self._keep(data, verdict)
            if self.tried % DOOR_EACH == 0:
                self._by_the_door(data)
            self.tried += 1

    def _keep(self, data: bytes, verdict: str) -> None:
        digest = sha256(data).hexdigest()
        (self._kept / digest).write_bytes(data)
        say(f"number {self.tried}: {verdict}, {len(data)} bytes, SHA-256 {digest}, in {self._kept}")

    def _by_the_door(self, data: bytes) -> None:
        turn = self.tried // DOOR_EACH
        caller = Caller(self._address, f"127.3.{turn // 200 % 200}.{turn % 200 + 1}")
        reply = caller.send("/tip", [data], submission=f"mutant-{self.tried:09}", place_text="Futian")
        caller.close()
        self.answers[reply.status] += 1


def unfinished(context: Context) -> tuple[int, int]:
    """Jobs that have not ended when the worker's time is over, and those that were given up."""
    until = time.monotonic() + ENDING_S
    while True:
        with context.db.read() as session:
            states = Counter(session.exec(select(Job.state).where(col(Job.kind) == "process_tip")).all())
        open_ones = sum(states.values()) - states[JobState.DONE] - states[JobState.PARKED]
        if not open_ones or time.monotonic() > until:
            return open_ones, states[JobState.PARKED]
        time.sleep(0.5)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def campaign(seed: int, minutes: float) -> bool:
    """Run one and print what came of it.

    Returns:
        Whether all promises held.
    """
    kept = Path(tempfile.mkdtemp(prefix="homeward-mutants-"))
    with tempfile.TemporaryDirectory(prefix="homeward-fuzz-") as folder:
        cheap = {"HOMEWARD_RECEIPT_MEMORY_KIB": "64"}
        with (
            Serving(Path(folder), settings=cheap) as deployment,
            Worker(deployment.environment, Path(folder) / "worker.log") as worker,
            Examiner() as examiner,
            Children(lambda: examiner.server_pid) as children,
        ):
            fuzz = Fuzz(seed, kept, deployment.address)
            fuzz.run(examiner, 60 * minutes)
            open_ones, parked = unfinished(deployment.context)
            web_alive, worker_alive = deployment.pid is not None, worker.process.poll() is None
            served = Caller(deployment.address).get("/tip").status == http.client.OK
            peaks = {
                "web": peak_mb(deployment.pid),
                "worker": peak_mb(worker.process.pid),
                "server": peak_mb(examiner.server_pid),
                "its child": children.peak_mb(),
                "the worker's": worker.children.peak_mb(),
            }
    for verdict, count in sorted(fuzz.verdicts.items()):
        say(f"{verdict:40} {count:7}")
    lost = len(fuzz.servers) - 1
    say(f"by the door: {', '.join(f'{n} x {status}' for status, n in sorted(fuzz.answers.items()))}")
    say(f"peak memory, MB: {', '.join(f'{name} {mb:.0f}' for name, mb in peaks.items())}")
    web, worker_is = ("alive" if alive else "GONE" for alive in (web_alive, worker_alive))
    say(f"{fuzz.tried} mutants of seed {seed} in {minutes:g} minutes: {lost} servers lost,")
    say(f"{open_ones} jobs open, {parked} given up, web {web}, worker {worker_is}")
    faults = sum(
        count for status, count in fuzz.answers.items() if status >= http.client.INTERNAL_SERVER_ERROR
    )
    return not (lost or open_ones or parked or faults) and web_alive and worker_alive and served


def main() -> None:
    """Run a campaign, or one of its mutants again."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    reading.add_argument("--minutes", type=float, default=10.0)
    reading.add_argument("--seed", type=int, default=1)
    reading.add_argument("--only", type=int, help="The number of one mutant.")
    asked = reading.parse_args()
    os.nice(NICE)
    if asked.only is None:
        sys.exit(not campaign(asked.seed, asked.minutes))
    data = made(asked.seed, asked.only, seeds())
    with Examiner() as examiner:
        verdict, _ = verdict_of(examiner, data)
    say(f"{sniff(data)}, {len(data)} bytes, SHA-256 {sha256(data).hexdigest()}: {verdict}")


if __name__ == "__main__":
    main()
