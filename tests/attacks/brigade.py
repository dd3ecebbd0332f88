"""Many people who have agreed: the same picture, changed a little each time, with other words, by the form.

python -m tests.attacks.brigade --tips 1000

A record of the child in the picture is there, so that reviewers are asked. In the middle an honest tip with
another picture comes in. Everything is real: form, decoding, hashes, clusters, search, the watch for waves.
It ends with status 1 if reviewers get more than one item for a cluster and record, or if the honest tip is
not on the first page of triage.
"""

import argparse
import io
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import structlog
from PIL import Image, ImageDraw, ImageEnhance
from sqlmodel import col, select

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate
from app.core.context import Context
from app.encoders.examiner import EnrolledExaminer
from app.floods import noticing
from app.floods.models import Flood
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.reviews import triage_list
from app.reviews.triage_list import Filters
from app.tips.models import Submission, TipFlag
from app.worker import Worker
from tests.attacks.serving import Caller, Serving
from tests.make import Make

PICTURES = Path(__file__).parents[2] / "app" / "demo" / "pictures"
PERSON, OTHER = "p0007", "p0012"
SIDE = 480
HONEST = "honest-tip-0001"


def changed(picture: Image.Image, chance: random.Random) -> bytes:
    """A copy as somebody makes it who wants it to look new."""
    width, height = picture.size
    cut = [chance.uniform(0, 0.05) for _ in range(4)]
    copy = picture.crop(
        (int(cut[0] * width), int(cut[1] * height), int(width * (1 - cut[2])), int(height * (1 - cut[3])))
    )
    copy = copy.resize((SIDE + chance.randrange(-60, 60), int(SIDE * height / width)))
    copy = ImageEnhance.Brightness(copy).enhance(chance.uniform(0.85, 1.15))
    if chance.random() < 0.3:
        ImageDraw.Draw(copy).text((10, 10), f"help {chance.randrange(10_000)}", fill=(255, 255, 0))
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=chance.randrange(60, 95))
    return buffer.getvalue()


def attack(deployment: Serving, tips: int, chance: random.Random) -> tuple[int, int]:
    """Send everything.

    Returns:
        Tips that were taken, and refused.
    """
    with Image.open(next(PICTURES.glob(f"{PERSON}*tip*.jpg"))) as opened:
        picture = opened.convert("RGB")
    answers: Counter[bool] = Counter()
    for number in range(tips):
        caller = Caller(
            deployment.address, f"127.{1 + number // 40_000}.{number // 200 % 200}.{number % 200 + 1}"
        )
        if number == tips // 2:
            honest = next(PICTURES.glob(f"{OTHER}*.jpg")).read_bytes()
            caller.send(
                "/tip", [honest], submission=HONEST, place_text="福田区", description="Alone, barefoot."
            )
        words = f"I saw it at gate {chance.randrange(500)}, number {number}."
        reply = caller.send(
            "/tip",
            [changed(picture, chance)],
            submission=f"brigade-{number:06}",
            place_text="福田区",
            description=words,
        )
        caller.close()
        answers[reply.status == 303] += 1
    return answers[True], answers[False]


def judge(context: Context) -> int:
    """Say what officers meet.

    Returns:
        0 when all promises hold.
    """
    noticing.look(context)
    with context.db.read() as session:
        items = Counter(
            session.exec(
                select(Candidate.cluster_id, Candidate.record_id).where(
                    col(Candidate.state).in_(OPEN_CANDIDATE_STATES)
                )
            ).all()
        )
        sizes = Counter(session.exec(select(Photo.cluster_id).where(col(Photo.tip_id).is_not(None))).all())
        flagged = len(set(session.exec(select(TipFlag.tip_id)).all()))
        waves = session.exec(select(Flood.kind, Flood.count)).all()
        honest = session.exec(select(Submission.tip_id).where(Submission.key == HONEST)).one()
        officer = session.exec(select(Officer)).one()
        page = triage_list.in_triage(session, officer, Filters(), 1)
        behind = triage_list.behind_a_picture(session, officer)
        place = next((n for n, tip in enumerate(page.items, start=1) if tip.id == honest), None)
    most = max(items.values(), default=0)
    say(f"clusters: {len(sizes)}, the largest of {max(sizes.values())} photos")
    say(f"review items: {items.total()}, at most {most} for one cluster and record")
    say(f"triage: {page.total} tips on their own, {behind.total} behind a picture that is under review")
    say(f"the honest tip stands at place {place} of triage's first page; {flagged} tips flagged")
    say("waves: " + ", ".join(f"{kind} of {count}" for kind, count in waves))
    return int(most > 1 or place is None)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve a deployment, attack it, and work it off."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--tips", type=int, default=1_000)
    reading.add_argument("--seed", type=int, default=7)
    asked = reading.parse_args()
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="homeward-brigade-") as folder,
        Serving(Path(folder), settings={"HOMEWARD_RECEIPT_MEMORY_KIB": "64"}) as deployment,
    ):
        make = Make(deployment.context)
        make.officer(Role.SUPERVISOR, area="CN")
        record = next(path for path in sorted(PICTURES.glob(f"{PERSON}*.jpg")) if "tip" not in path.name)
        make.sent_record(record.read_bytes(), area="CN")
        chance = random.Random(asked.seed)  # noqa: S311 - edits of a picture, no secret
        with EnrolledExaminer(deployment.context.db) as examiner:
            worker = Worker(deployment.context, examiner)
            worker.run_until_idle()
            taken, refused = attack(deployment, asked.tips, chance)
            worker.run_until_idle()
        say(f"{taken} tips taken, {refused} refused, {(time.monotonic() - begun) / 60:.0f} min with all work")
        sys.exit(judge(deployment.context))


if __name__ == "__main__":
    main()
