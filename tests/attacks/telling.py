"""Whether any answer tells what a photo shows: bytes, headers and time of interleaved pairs.

In each round new pictures are sent in random order, by the form and by a partner's key: one that resembles a
record, one that resembles nobody, and a copy of one that was sent before. Their answers are read at sending,
right after, and once the worker is through with a batch of rounds. The same with enquiries. `--inline`
measures a build that compares before it answers; the command must tell that one apart.

`python -m tests.attacks.telling --pairs 1000`
"""

import argparse
import json
import logging
import math
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from scipy.stats import mannwhitneyu
from sqlmodel import col, select

from app.candidates.models import Candidate
from app.core.work import Workshop, solve
from app.encoders.examiner import EnrolledExaminer
from app.enquiries.models import Enquiry
from app.enquiries.service import open_link
from app.photos.models import Photo, PhotoLink
from app.worker import Worker
from tests.attacks import pictures
from tests.attacks.inline import place_of
from tests.attacks.intervals import auc_interval
from tests.attacks.masking import masked, masked_headers
from tests.attacks.serving import Caller, Reply, Serving
from tests.make import Make

RECORD, NOBODY, REPOST = "resembles a record", "resembles nobody", "sent before"
KINDS = (RECORD, NOBODY, REPOST)
LOOKS = 3
"""Times that a page is read; the median counts."""
BATCH = 20
"""Rounds that are sent before the worker looks into them."""
SURE = 0.01
"""Probability of calling any comparison different by chance, all of them together."""
FAR = 0.03
"""Distance of the AUC from one half that counts as told apart when it is sure. Of a thousand pairs that
nothing tells apart, chance puts the distance above it once in fifty comparisons: hence the correction."""
SETTINGS = {
    "HOMEWARD_ENQUIRY_SECONDS": "1",
    "HOMEWARD_ENQUIRIES_PER_HOUR": "1000000",
    "HOMEWARD_PARTNER_MINUTE_QUOTA": "100000",
    "HOMEWARD_PARTNER_DAY_QUOTA": "1000000",
}


@dataclass
class Seen:
    """What was seen at one place of one kind: an answer and a time for each round."""

    looks: list[tuple[int, object, bytes]] = field(default_factory=list)
    """Status, masked headers with the length where it has to be one, masked body."""
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """Two kinds at one place.

    Attributes:
        place: where it was looked at.
        one: the first kind.
        other: the second kind.
        pairs: how many.
        equal: pairs whose masked bytes and headers are equal.
        p: of Mann-Whitney over the times.
        auc: how well the time tells them apart; one half is not at all.
        interval: of the AUC, 95%, by drawing pairs again.
        medians_ms: of both.
    """

    place: str
    one: str
    other: str
    pairs: int
    equal: int
    p: float
    auc: float
    interval: tuple[float, float]
    medians_ms: tuple[float, float]

    def told_apart(self, comparisons: int) -> bool:
        """Whether bytes differ, or time does beyond chance."""
        return self.equal < self.pairs or (self.p < SURE / comparisons and abs(self.auc - 0.5) > FAR)


Told = tuple[str, str, str]
"""A way of sending, a kind of picture, and where its answer is read."""


class Bench:
    """A deployment whose answers are looked at.

    Args:
        serving: the running deployment; the worker is in this process and works between the looks.
        examiner: of the worker.
        key: a partner's.
        prepared: where examinations are put for a build that compares in the request; None for the product.
    """

    def __init__(
        self, serving: Serving, examiner: EnrolledExaminer, key: str, prepared: Path | None, seed: int
    ) -> None:
        self.context = serving.context
        self._caller = Caller(serving.address)
        self._examiner, self._prepared = examiner, prepared
        self._worker = Worker(self.context, examiner)
        self._partner = {"Authorization": f"Bearer {key}"}
        self._chance = random.Random(seed)  # noqa: S311 - orders, no secret
        self._workshop = Workshop(self.context.keys.derive("proof of work"))
        self._number = seed * 1_000_000
        people = pictures.people()
        self._chance.shuffle(people)
        half = len(people) // 2
        self._on_record, self._unknown = people[:half], people[half:]
        self.seen: dict[tuple[str, str], Seen] = {}
        self.sent: dict[str, list[str]] = {}
        make = Make(self.context)
        for person in self._on_record:
            make.sent_record(pictures.portrait(person), area="CN")
        self.findings: Counter[str] = Counter()
        self._facts: Counter[tuple[str, str]] = Counter()
        self._originals: dict[str, list[bytes]] = {}
        self._newest: dict[str, list[bytes]] = {}
        for way in ("form", "API"):
            self._send_web(self._new(NOBODY, way))
        self._originals, self._newest = self._newest, {}
        self._worker.run_until_idle()

    def batch(self, rounds: int) -> None:
        """Send and ask in rounds, looking at each right after; let the worker work; look at each again.

        What is compared is looked at within the same second, so that nothing else tells it apart.
        """
        sent, asked = [], []
        for _ in range(rounds):
            sent.append(self._send())
            asked.append(self._ask())
        self._worker.run_until_idle()
        self._originals, self._newest = self._newest, {}
        self._count_facts()
        for told in sent:
            self._look(told, "when processed")
        for told in asked:
            while (wait := self._caller.get(told[-1][2]).header("refresh")) != "":
                time.sleep(float(wait))
            self._look(told, "answered")
            self._count_findings(told)

    def _send(self) -> list[Told]:
        """Send each kind both ways and look at once."""
        told: list[Told] = []
        for kind in self._shuffled():
            answer = self._send_web(self._new(kind, "form"))
            self._note("form: sending", kind, [answer])
            told.append(("form", kind, answer.header("location")))
        for kind in self._shuffled():
            answer = self._send_partner(self._new(kind, "API"))
            self._note("API: sending", kind, [answer])
            tip_id = str(json.loads(answer.body)["id"])
            told.append(("API", kind, f"/api/v1/tips/{tip_id}"))
            self.sent.setdefault(kind, []).append(tip_id)
        self._look(told, "right after")
        return told

    def comparisons(self) -> Iterator[Comparison]:
        """Each place, resembling or known against new."""
        for place in dict.fromkeys(place for place, _ in self.seen):
            for one in (RECORD, REPOST):
                yield _compared(place, one, self.seen[place, one], self.seen[place, NOBODY])

    def facts(self) -> list[str]:
        """That the kinds were what they are called: what officers have and no sender sees."""
        lines = [
            f"{kind}: {self._facts[kind, 'candidate'] / self._facts[kind, 'sent']:.0%} have a candidate, "
            f"{self._facts[kind, 'joined'] / self._facts[kind, 'sent']:.0%} are joined"
            for kind in sorted(KINDS)
        ]
        return [*lines, *(f"enquiry, {name}: {count}" for name, count in sorted(self.findings.items()))]

    def _count_facts(self) -> None:
        """Of the batch that was just worked off, before copies of it come."""
        with self.context.db.read() as session:
            candidates = {str(tip_id) for tip_id in session.exec(select(Candidate.tip_id))}
            joined = {
                str(tip_id)
                for tip_id in session.exec(
                    select(Photo.tip_id).join(PhotoLink, col(PhotoLink.photo_id) == col(Photo.id))
                )
            }
        for kind, tips in self.sent.items():
            self._facts[kind, "sent"] += len(tips)
            self._facts[kind, "candidate"] += len(candidates.intersection(tips))
            self._facts[kind, "joined"] += len(joined.intersection(tips))
        self.sent = {}

    def _ask(self) -> list[Told]:
        """Ask about each kind and look at once."""
        told: list[Told] = []
        for kind in self._shuffled():
            solved = solve(self._workshop.ask("enquiry", 10))
            answer = self._caller.send("/checked", [self._new(kind, "enquiry")], work=solved)
            self._note("enquiry: asking", kind, [answer])
            told.append(("enquiry", kind, answer.header("location")))
        self._look(told, "while waiting")
        return told

    def _count_findings(self, told: Sequence[Told]) -> None:
        with self.context.db.read() as session:
            for _way, kind, where in told:
                asked = session.get_one(Enquiry, open_link(self.context.keys, where.rpartition("/")[2]))
                self.findings[f"{kind}: {asked.finding}"] += 1

    def _look(self, told: Sequence[Told], when: str) -> None:
        looked: dict[int, list[Reply]] = {}
        for _ in range(LOOKS):
            for index in self._chance.sample(range(len(told)), len(told)):
                way, _kind, where = told[index]
                headers = self._partner if way == "API" else None
                looked.setdefault(index, []).append(self._caller.get(where, headers))
        for index, replies in looked.items():
            way, kind, _where = told[index]
            self._note(f"{way}: {when}", kind, replies)

    def _note(self, place: str, kind: str, replies: Sequence[Reply]) -> None:
        seen = self.seen.setdefault((place, kind), Seen())
        last = replies[-1]
        # An answer to an enquiry is as long as any other; other pages hold a drawing as long as their code.
        length = len(last.body) if place.startswith("enquiry") else 0
        seen.looks.append((last.status, (length, *masked_headers(last.headers)), masked(last.body)))
        seen.seconds.append(statistics.median(reply.seconds for reply in replies))

    def _shuffled(self) -> list[str]:
        return self._chance.sample(KINDS, len(KINDS))

    def _new(self, kind: str, way: str) -> bytes:
        """A picture of a kind; the copies are of those that resembled nobody in the batch before."""
        self._number += 1
        if kind == REPOST:
            photo = pictures.copied(self._chance.choice(self._originals["form" if way == "enquiry" else way]))
        else:
            group = self._on_record if kind == RECORD else self._unknown
            photo = pictures.street(self._chance.choice(group), self._number)
        if kind == NOBODY:
            self._newest.setdefault(way, []).append(photo)
        if self._prepared is not None:
            place = place_of(self._prepared, photo)
            place.write_bytes(self._examiner.examine(photo).to_wire())
        return photo

    def _send_web(self, photo: bytes) -> Reply:
        answer = self._caller.send("/tip", [photo], place_text="Metro exit", description="A child.")
        if answer.status != 303:
            msg = f"a tip was answered with {answer.status}"
            raise RuntimeError(msg)
        return answer

    def _send_partner(self, photo: bytes) -> Reply:
        answer = self._caller.send("/api/v1/tips", [photo], self._partner, place_text="Metro exit")
        if answer.status != 201:
            msg = f"a partner's tip was answered with {answer.status}"
            raise RuntimeError(msg)
        return answer


def _compared(place: str, one: str, first: Seen, second: Seen) -> Comparison:
    looks = list(zip(first.looks, second.looks, strict=True))
    if place == "enquiry: answered" and one == REPOST:
        # The answer itself is what was asked for; beyond its words everything is alike.
        equal = sum(left[:2] == right[:2] for left, right in looks)
    else:
        equal = sum(left == right for left, right in looks)
    test = mannwhitneyu(first.seconds, second.seconds)
    auc = float(test.statistic) / (len(first.seconds) * len(second.seconds))
    interval = auc_interval(first.seconds, second.seconds)
    medians = tuple(1000 * statistics.median(seen.seconds) for seen in (first, second))
    return Comparison(
        place, one, NOBODY, len(looks), equal, float(test.pvalue), auc, interval, (medians[0], medians[1])
    )


def partner_key(environment: dict[str, str]) -> str:
    """A key made as an operator makes it."""
    made = subprocess.run(
        [sys.executable, "-m", "app", "partners", "key", "A partner"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"hw1_\S+", made.stdout)
    if found is None:
        msg = "no key was made"
        raise RuntimeError(msg)
    return found.group()


def run(
    pairs: int, folder: Path, seed: int, *, inline: bool, seconds: float = math.inf
) -> tuple[list[Comparison], list[str]]:
    """Measure, with fewer pairs when time runs out or the process is told to end (SIGTERM).

    Returns:
        The comparisons, and in lines what the kinds of pictures really were.
    """
    end = time.monotonic() + seconds
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    prepared = folder / "examinations"
    prepared.mkdir()
    module = ("tests.attacks.inline", str(prepared)) if inline else ("app", "serve")
    with Serving(folder, module, SETTINGS) as serving, EnrolledExaminer(serving.context.db) as examiner:
        key = partner_key(serving.environment)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        bench = Bench(serving, examiner, key, prepared if inline else None, seed)
        for done in range(0, pairs, BATCH):
            if time.monotonic() > end or stopping.is_set():
                break
            bench.batch(min(BATCH, pairs - done))
            sys.stderr.write(f"\rround {min(done + BATCH, pairs)} of {pairs}")
        sys.stderr.write("\n")
        return list(bench.comparisons()), bench.facts()


def report(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as a table."""
    columns = ("place", "compared with new, nobody", "equal bytes", "medians, ms", "p", "AUC, 95%")
    lines = ["{:24} {:26} {:>12} {:>14} {:>8} {:>22}".format(*columns)]
    for each in comparisons:
        medians = f"{each.medians_ms[0]:.1f} / {each.medians_ms[1]:.1f}"
        auc = f"{each.auc:.3f} ({each.interval[0]:.3f} to {each.interval[1]:.3f})"
        lines.append(
            f"{each.place:24} {each.one:26} {each.equal:>5} of {each.pairs:<4} {medians:>14} {each.p:>8.3g} "
            f"{auc:>22}{'  TOLD APART' if each.told_apart(len(comparisons)) else ''}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line; ends with 1 when anything is told apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no batch after this")
    parser.add_argument("--inline", action="store_true", help="measure the build that must be told apart")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        comparisons, facts = run(
            given.pairs, Path(folder), given.seed, inline=given.inline, seconds=given.minutes * 60
        )
    sys.stdout.write("\n".join([report(comparisons), *facts]) + "\n")
    told = [each for each in comparisons if each.told_apart(len(comparisons))]
    distances = [abs(each.auc - 0.5) for each in comparisons]
    sys.stdout.write(
        f"{len(told)} of {len(comparisons)} comparisons told apart; largest |AUC-0.5| {max(distances):.3f}, "
        f"{sum(distance >= FAR for distance in distances)} of {FAR} or more, "
        f"{sum(each.pairs - each.equal for each in comparisons)} answers of other bytes\n"
    )
    sys.exit(bool(told))


if __name__ == "__main__":
    main()
