"""Every kind of hostile picture, sent by the real form to a real worker, while honest senders go on.

python -m tests.attacks.hostile_pictures

Prints for each kind what the form answered, what became of the photo, and what its decoding took; the last
line counts. It ends with status 1 if an answer was a fault or held what was sent, if one picture took more
than ten seconds of processor time or 768 MB, if a job did not end, or if the honest waited for over a second.
"""

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, select

from app.core.context import Context
from app.core.jobs import Job, JobState
from app.photos.models import Photo
from app.tips.models import Submission
from tests.attacks import hostile_boxes, hostile_jpeg, hostile_png
from tests.attacks.hostile_jpeg import MARKER, Maker
from tests.attacks.serving import Caller, Reply, Serving
from tests.attacks.watching import Honest, Worker

MOST_CPU_S = 10.0
MOST_MB = 768
PATIENCE_S = 120.0
NAME = "HOSTILE-NAME-77a2.jpg"


def all_kinds() -> Iterator[tuple[str, Maker]]:
    """Every kind there is, with its name."""
    yield from hostile_jpeg.kinds()
    yield from hostile_png.kinds()
    yield from hostile_boxes.kinds()


@dataclass(frozen=True)
class Outcome:
    """What became of one kind.

    Attributes:
        name: of the kind.
        status: of the form's answer.
        verdict: state of the photo, with the reason where it is parked; "refused" if it was not taken.
        echoed: whether the answer held what was sent.
        cpu_s: processor seconds of the child that decoded it.
        peak_mb: the most memory that child had.
    """

    name: str
    status: int
    verdict: str
    echoed: bool
    cpu_s: float
    peak_mb: float

    @property
    def is_bad(self) -> bool:
        """Whether a promise was broken."""
        too_dear = self.cpu_s > MOST_CPU_S or self.peak_mb > MOST_MB
        return self.status >= 500 or self.echoed or too_dear or self.verdict == "unfinished"


def send(caller: Caller, number: int, photo: bytes) -> Reply:
    """Send a kind by the citizens' form."""
    return caller.send("/tip", [photo], submission=f"hostile-kind-{number:04}", place_text="Futian")


def echoes(reply: Reply) -> bool:
    """Whether an answer holds what was sent."""
    said = reply.body + repr(reply.headers).encode()
    return MARKER in said or NAME.encode() in said or b"root:" in said


def verdict_of(context: Context, number: int, patience_s: float = PATIENCE_S) -> str:
    """What became of a kind that was taken, once its job has ended."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with context.db.read() as session:
            tip_id = session.exec(
                select(Submission.tip_id).where(Submission.key == f"hostile-kind-{number:04}")
            ).one()
            key = f"process_tip:{tip_id}"
            job = session.exec(select(Job).where(Job.unique_key == key)).one()
            photo = session.exec(select(Photo).where(col(Photo.tip_id) == tip_id)).one()
        if job.state == JobState.PARKED:
            return "job parked"
        if job.state == JobState.DONE:
            return f"{photo.state.value} {photo.parked_reason or ''}".strip()
        time.sleep(0.05)
    return "unfinished"


def try_kind(deployment: Serving, worker: Worker, number: int, name: str, make: Maker) -> Outcome:
    """Send one kind and see what becomes of it."""
    caller = Caller(deployment.address, f"127.1.{number // 200}.{number % 200 + 1}")
    reply = send(caller, number, make())
    caller.close()
    taken = reply.status == http.client.SEE_OTHER
    server, before = worker.server, worker.children.cpu_s()
    worker.children.peak_mb()
    verdict = verdict_of(deployment.context, number) if taken else "refused"
    spent = worker.children.cpu_s() - (before if worker.server == server else 0.0)
    return Outcome(name, reply.status, verdict, echoes(reply), spent, worker.children.peak_mb())


def summed_up(outcomes: Sequence[Outcome]) -> str:
    """The last line."""
    counts = {
        "answers of 5xx": sum(each.status >= 500 for each in outcomes),
        "echoes": sum(each.echoed for each in outcomes),
        f"above {MOST_CPU_S:.0f} s": sum(each.cpu_s > MOST_CPU_S for each in outcomes),
        f"above {MOST_MB} MB": sum(each.peak_mb > MOST_MB for each in outcomes),
        "unfinished": sum(each.verdict == "unfinished" for each in outcomes),
    }
    words = ", ".join(f"{count} {what}" for what, count in counts.items())
    dearest, largest = max(each.cpu_s for each in outcomes), max(each.peak_mb for each in outcomes)
    return f"{len(outcomes)} kinds: {words}; most {dearest:.1f} s, {largest:.0f} MB"


def main() -> None:
    """Serve a deployment and send it everything."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--only", default="", help="Kinds whose name begins so.")
    asked = reading.parse_args()
    chosen = [(name, make) for name, make in all_kinds() if name.startswith(asked.only)]
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="homeward-hostile-") as folder:
        cheap = {"HOMEWARD_RECEIPT_MEMORY_KIB": "64"}
        with (
            Serving(Path(folder), settings=cheap) as deployment,
            Worker(deployment.environment, Path(folder) / "worker.log") as worker,
            Honest(deployment.address) as honest,
        ):
            for number, (name, make) in enumerate(chosen):
                outcomes.append(outcome := try_kind(deployment, worker, number, name, make))
                sys.stdout.write(
                    f"{'BAD ' if outcome.is_bad else ''}{name:48} {outcome.status} {outcome.verdict:36}"
                    f"{outcome.cpu_s:6.2f} s {outcome.peak_mb:5.0f} MB\n"
                )
                sys.stdout.flush()
    sys.stdout.write(f"{honest.said()}\n{summed_up(outcomes)}\n")
    sys.exit(any(each.is_bad for each in outcomes) or not honest.well)


if __name__ == "__main__":
    main()
