"""Guessing receipt codes at full speed while honest people look up theirs and send tips.

`python -m tests.attacks.guessing --seconds 60` attacks a deployment of its own; `--addresses 400` lets the
attacker have that many networks, `--work` lets it solve what it is asked.
"""

import argparse
import multiprocessing
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from stdnum import damm

from app.tips.receipts import RANDOM_DIGITS
from tests.attacks.serving import Caller, Serving, work_in
from tests.make import jpeg

PROCESSES = 2
THREADS = 8
"""Threads of each attacking process."""
PACE_S = 1.0
"""Pause of an honest user between two steps."""
YEAR_S = 365 * 86_400
MANY_TIPS = 1_000_000
RECEIPT = re.compile(r"(?:\d{4} ){3}\d{4}")


@dataclass
class Felt:
    """What honest users felt: seconds of each step that went well, and how often one was refused."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, step: str, seconds: float, *, well: bool) -> None:
        """Note one step."""
        with self.lock:
            if well:
                self.seconds.setdefault(step, []).append(seconds)
            else:
                self.refused[step] += 1

    def median_ms(self, step: str) -> float:
        """The median of a step in milliseconds; NaN when none went well."""
        return 1000 * statistics.median(self.seconds.get(step) or [float("nan")])


@dataclass(frozen=True)
class Attack:
    """How an attacker goes about it."""

    addresses: int
    works: bool


@dataclass(frozen=True)
class Outcome:
    """What a run found."""

    tips: int
    seconds: float
    answers: Counter[str]
    before: Felt
    during: Felt

    @property
    def found(self) -> int:
        """Codes that opened a tip."""
        return self.answers["found"]

    @property
    def tried(self) -> int:
        """Codes that were looked up and fitted no tip."""
        return self.answers["422"] + self.found


def guess() -> str:
    """A code that may exist: any digits, the right check digit."""
    body = f"{random.randrange(10**RANDOM_DIGITS):0{RANDOM_DIGITS}}"  # noqa: S311 - an attacker's choice
    return body + str(damm.calc_check_digit(body))


def run(address: str, seconds: float, tips: int, attack: Attack) -> Outcome:
    """Measure honest users without and with an attack.

    Args:
        address: the deployment; it gets `tips` tips and those of the honest users.
        seconds: how long the attack lasts; honest users are alone for a third of it first.
        tips: live receipt codes.
        attack: how it is done.
    """
    codes = [_sent(Caller(address, _honest(address, number)), jpeg()) for number in range(tips)]
    before = _honest_phase(address, codes, max(5.0, seconds / 3), lambda: None)
    answers: Counter[str] = Counter()

    def attacked() -> None:
        answers.update(_attack(address, seconds, attack))

    during = _honest_phase(address, codes, seconds, attacked)
    return Outcome(tips, seconds, answers, before, during)


def report(outcome: Outcome) -> str:
    """The outcome in lines."""
    pace, sent = outcome.tried / outcome.seconds, sum(outcome.answers.values())
    lines = [
        f"{sent} guesses in {outcome.seconds:.0f} s ({sent / outcome.seconds:.0f}/s), {outcome.tips} tips",
        "answered: " + ", ".join(f"{count} x {name}" for name, count in sorted(outcome.answers.items())),
        f"codes found: {outcome.found}",
        f"codes really looked up: {outcome.tried} ({pace:.2f} in a second)",
    ]
    for live in (outcome.tips, MANY_TIPS):
        likely = min(1.0, pace * YEAR_S * live / 10**RANDOM_DIGITS)
        lines.append(f"probability of one hit in a year at that pace, {live:,} live tips: {likely:.1e}")
    for step in sorted(outcome.before.seconds):
        first, then = outcome.before.median_ms(step), outcome.during.median_ms(step)
        count = len(outcome.during.seconds.get(step, []))
        lines.append(
            f"honest, {step}: median {first:.0f} ms before, {then:.0f} ms during ({then / first:.2f} x), "
            f"{count} went well, {outcome.during.refused[step]} were refused"
        )
    return "\n".join(lines)


def _honest_phase(address: str, codes: list[str], seconds: float, beside: Callable[[], None]) -> Felt:
    felt, until = Felt(), time.monotonic() + seconds
    users = [
        threading.Thread(target=_honest_user, args=(address, codes, number, until, felt))
        for number in range(3)
    ]
    for user in users:
        user.start()
    beside()
    for user in users:
        user.join()
    return felt


def _honest_user(address: str, codes: list[str], number: int, until: float, felt: Felt) -> None:
    """Look up one's code, read the page, send a tip, rest; the first one has no script.

    A person looks a code up a few times a day: each look-up comes from another network.
    """
    scripted = number > 0
    turn = 0
    while time.monotonic() < until:
        turn += 1
        caller = Caller(address, _honest(address, 1000 * number + turn))
        name = "with script" if scripted else "without script"
        form = caller.get("/receipt")
        work = work_in(form.body) if scripted else ""
        answer = caller.post("/receipt", code=random.choice(codes), work=work)  # noqa: S311 - any of them
        felt.note(f"look-up {name}", answer.seconds, well=answer.status == 303)
        time.sleep(PACE_S / 2)
        started = time.perf_counter()
        try:
            _sent(caller, jpeg((turn % 250, number, 77)))
            felt.note("sending a tip", time.perf_counter() - started, well=True)
        except ValueError:
            felt.note("sending a tip", 0, well=False)
        time.sleep(PACE_S)


def _sent(caller: Caller, photo: bytes) -> str:
    answer = caller.send("/tip", [photo], place_text="Metro exit", description="A child.")
    if answer.status != 303:
        msg = f"a tip was answered with {answer.status}"
        raise ValueError(msg)
    found = RECEIPT.search(caller.get(answer.header("location")).body.decode())
    if found is None:
        msg = "there is no receipt code"
        raise ValueError(msg)
    return found.group()


def _honest(address: str, number: int) -> str:
    """An address of an honest user: on loopback each has a network of its own."""
    return f"127.{100 + number % 100}.{number // 100 % 250}.1" if _loopback(address) else ""


def _loopback(address: str) -> bool:
    return (urlsplit(address).hostname or "").startswith("127.")


def _attack(address: str, seconds: float, attack: Attack) -> Counter[str]:
    """Guess from several processes; counts of answers by status."""
    answers: Counter[str] = Counter()
    ends: list[tuple[multiprocessing.Process, Connection]] = []
    for number in range(PROCESSES):
        here, there = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=_attacker, args=(address, seconds, attack, number, there))
        process.start()
        ends.append((process, here))
    for process, here in ends:
        answers.update(here.recv())
        process.join()
    return answers


def _attacker(address: str, seconds: float, attack: Attack, process: int, told: Connection) -> None:
    answers: Counter[str] = Counter()
    lock, until = threading.Lock(), time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=_guess_on, args=(address, attack, process * THREADS + number, until, answers, lock)
        )
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send(answers)


def _guess_on(
    address: str, attack: Attack, number: int, until: float, answers: Counter[str], lock: threading.Lock
) -> None:
    mine: Counter[str] = Counter()
    own = range(number, max(attack.addresses, number + 1), PROCESSES * THREADS)
    # One connection a thread: a web process takes no more than 200 in all, whoever holds them.
    caller = Caller(address, _attacking(address, number % attack.addresses))
    work, turn = "", 0
    while time.monotonic() < until:
        turn += 1
        if len(own) > 1:
            caller.close()
            caller = Caller(address, _attacking(address, own[turn % len(own)]))
        try:
            answer = caller.post("/receipt", code=guess(), work=work)
        except OSError as error:
            mine[type(error).__name__] += 1
            continue
        opened = answer.status == 303 and "ended" not in answer.header("location")
        mine["found" if opened else str(answer.status)] += 1
        work = work_in(answer.body) if attack.works else ""
    with lock:
        answers.update(mine)


def _attacking(address: str, number: int) -> str:
    return f"127.{10 + number // 250 % 80}.{number % 250}.9" if _loopback(address) else ""


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tips", type=int, default=50)
    parser.add_argument("--address", help="a deployment to attack; without one, an own one is started")
    parser.add_argument("--addresses", type=int, default=1, help="networks that the attacker calls from")
    parser.add_argument("--work", action="store_true", help="the attacker solves what it is asked")
    given = parser.parse_args()
    with ExitStack() as stack:
        address = given.address
        if address is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            address = stack.enter_context(Serving(Path(folder))).address
        outcome = run(address, given.seconds, given.tips, Attack(given.addresses, given.work))
    sys.stdout.write(report(outcome) + "\n")
    sys.exit(bool(outcome.found))


if __name__ == "__main__":
    main()
