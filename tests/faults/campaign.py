"""Tips are sent while power, disk, database, clock and processes fail; then each promise is held.

`python -m tests.faults.campaign --faults 300 --clients 8 --seed N` needs root, for a file system of its own.
`--spoil no-fsync`, `--spoil synchronous-normal` and `--spoil no-sync` break a promise of the product: those
runs must find tips lost, or the campaign would prove nothing.
"""

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
from pyrage import x25519
from sqlmodel import col, func, select

from app.core.context import Context
from app.core.jobs import Job, JobState
from tests.faults.bench import Bench
from tests.faults.judging import Verdict, judge, judge_backup
from tests.faults.launch import SPOILED
from tests.faults.senders import Senders, Told

CUT_SHARE = 0.25
"""Power cuts among all faults: 300 hold more than 50 of them."""
PAUSE_S = 5.0
"""What each client waits between two tips, so that one worker can keep up with all of them."""
BETWEEN_S = (0.2, 1.6)
"""Seconds of quiet after the service is back."""
IDLE_PATIENCE_S = 1_800.0


def run(faults: int, clients: int, bench: Bench, chance: random.Random) -> tuple[Counter[str], Told, float]:
    """Let faults happen while tips come in, then let everything be worked off.

    Returns:
        Faults of each kind, what senders were told, and the longest time the service was away, in seconds.
    """
    key = bench.lay_ground()
    for name in ("serve", "worker"):
        bench.start(name)
    bench.wait_until_up()
    counts: Counter[str] = Counter()
    slowest = 0.0
    with Senders(bench.port, key, clients, PAUSE_S) as senders:
        for number in range(faults):
            time.sleep(chance.uniform(*BETWEEN_S))
            cut = bench.spoiled or chance.random() < CUT_SHARE  # Only a cut shows what was not synced.
            fault = bench.power_cut if cut else chance.choice(bench.faults)
            fault()
            kind = fault.__name__.replace("_", " ")
            counts[kind] += 1
            away = bench.wait_until_up()
            slowest = max(slowest, away)
            sys.stdout.write(
                f"{number + 1} {kind}: up after {away:.1f} s, {len(senders.told.receipts)} told\n"
            )
            sys.stdout.flush()
    return counts, senders.told, slowest


def _wait_until_idle(bench: Bench, context: Context) -> None:
    deadline = time.monotonic() + IDLE_PATIENCE_S
    while time.monotonic() < deadline:
        bench.revive()
        with context.db.read() as session:
            unfinished = col(Job.state).in_([JobState.READY, JobState.RUNNING])
            if not session.exec(select(func.count()).select_from(Job).where(unfinished)).one():
                return
        time.sleep(1)


def _conclude(bench: Bench, told: Told, identity: x25519.Identity) -> tuple[Verdict, str]:
    """The verdict on the deployment, and on the backups that were taken meanwhile."""
    context = bench.context()
    if not bench.spoiled:  # Lost photos would keep a spoiled run's queue from emptying.
        _wait_until_idle(bench, context)
    bench.stop()
    verdict = judge(context, told, whole=not bench.spoiled)
    context.close()
    problems, lost = list(verdict.problems), 0
    broken = told.answers.get(httpx.codes.INTERNAL_SERVER_ERROR, 0)
    if broken:
        problems.append(f"{broken} answers of 500")
    for number, (archive, before) in enumerate(bench.backups):
        settings = bench.settings.model_copy(update={"data_dir": bench.folder / f"restored-{number}"})
        restored = judge_backup(archive, before, told, identity, settings)
        lost += restored.lost + restored.doubled
        problems += [f"restored: {problem}" for problem in restored.problems]
    words = f"{len(bench.backups)} backups of the time restored: {lost} lost or doubled"
    if lost:
        problems.append(words)
    return Verdict(verdict.lost, verdict.doubled, tuple(problems)), words


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--disk", choices=("ext4", "xfs"), default="ext4")
    parser.add_argument("--spoil", choices=SPOILED, default="")
    given = parser.parse_args()
    if os.geteuid() != 0 or shutil.which(f"mkfs.{given.disk}") is None:
        sys.exit(f"skipped: a file system of one's own needs root and mkfs.{given.disk}")
    sys.stdout.write(f"seed {given.seed}, {given.disk}, spoiled: {given.spoil or 'nothing'}\n")
    chance = random.Random(given.seed)  # noqa: S311 - kinds and moments of faults, no secret
    identity = x25519.Identity.generate()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.disk, given.spoil, chance, str(identity.to_public()))
        try:
            counts, told, slowest = run(given.faults, given.clients, bench, chance)
            verdict, backups = _conclude(bench, told, identity)
        finally:
            bench.stop()
            bench.disk.unmount()
    for problem in verdict.problems[:20]:
        sys.stdout.write(f"broken: {problem}\n")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    sent = Counter(kind for kind, _receipt in told.receipts.values())
    senders = ", ".join(f"{count} {kind}" for kind, count in sorted(sent.items()))
    minutes = (time.monotonic() - begun) / 60
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(told.answers.items()))
    sys.stdout.write(
        f"answers: {answers}; longest away {slowest:.1f} s; {backups}; {minutes:.0f} min\n"
        f"{counts.total()} faults ({kinds}); {len(told.receipts)} tips acknowledged "
        f"({senders}) in {told.attempts} attempts: "
        f"{verdict.lost} lost, {verdict.doubled} doubled, {len(verdict.problems)} other promises broken\n"
    )
    sys.exit(bool(verdict.lost or verdict.doubled or verdict.problems))


if __name__ == "__main__":
    main()
