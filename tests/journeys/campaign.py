"""Tips are sent while web and worker are killed; then each promise is held against what senders were told.

`python -m tests.journeys.campaign --tips 200 --kills 20` prints the counts; the suite runs a smaller one.
"""

import argparse
import io
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from PIL import Image
from sqlmodel import col, select

from app.audit import service as audit
from app.candidates.models import CandidateList
from app.core.context import Context, open_context
from app.core.jobs import Job, JobState
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from app.photos.models import Face, Photo, PhotoState, Rendition, RenditionKind
from app.tips.models import Submission, Tip, TipState

PICTURES = sorted((Path(__file__).parents[2] / "app" / "demo" / "pictures").glob("*-tip*.jpg"))
SENDERS = 4
LEASE_S = 6.0
"""Short, so that a killed worker's job is taken up within seconds."""
PATIENCE_S = 900.0
RECEIPT = re.compile(r"(?:\d{4}[\s -]){3}\d{4}")


@dataclass
class Told:
    """What senders were told: the only truth the database is held against."""

    receipts: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Findings:
    """What a campaign found."""

    tips: int
    kills: int
    attempts: int
    problems: tuple[str, ...]


class Processes:
    """One web process and one worker, each killable and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOMEWARD_")},
            "HOMEWARD_DATA_DIR": str(folder / "data"),
            "HOMEWARD_KEY_FILE": str(folder / "keys" / "homeward.key"),
            "HOMEWARD_SECURE_COOKIES": "false",
            "HOMEWARD_PORT": str(self.port),
            "HOMEWARD_JOB_LEASE_SECONDS": str(LEASE_S),
            "HOMEWARD_RECEIPT_MEMORY_KIB": "64",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start `serve` or `worker`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "app", name], env=self.environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """Kill -9, then start again."""
        self.running[name].send_signal(signal.SIGKILL)
        self.running[name].wait()
        self.start(name)

    def stop(self) -> None:
        """End both."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def context(self) -> Context:
        """The deployment as the processes have it."""
        return open_context(
            Settings(
                data_dir=self.folder / "data",
                key_file=self.folder / "keys" / "homeward.key",
                secure_cookies=False,
            )
        )


def picture(number: int) -> bytes:
    """A tip's photo: real faces, each picture another one."""
    with Image.open(PICTURES[number % len(PICTURES)]) as opened:
        shade = opened.convert("RGB").resize((480 + number % 40, 640))
    side = 24
    for place in range(6):
        colour = (number * 37 % 256, place * 40, (number * 91 + place * 17) % 256)
        shade.paste(colour, (place * 80, 600 - (number * 13 + place * 29) % 560, place * 80 + side, 620))
    buffer = io.BytesIO()
    shade.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def run(tips: int, kills: int, folder: Path, seed: int) -> Findings:
    """Run a campaign.

    Args:
        tips: how many are sent.
        kills: how often web or worker is killed with -9 meanwhile.
        folder: an empty folder for the deployment.
        seed: of the random moments.

    Returns:
        Counts and every broken promise.
    """
    chance = random.Random(seed)  # noqa: S311 - moments of kills, no secret
    processes = Processes(folder)
    context = processes.context()
    with context.db.write() as session:
        session.add(
            Jurisdiction(
                code="CN", name="全国", name_en="China", level=Level.NATION, path="CN/", authority="nation"
            )
        )
    told = Told()
    numbers = iter(range(tips))
    lock = threading.Lock()
    processes.start("serve")
    processes.start("worker")
    try:
        senders = [
            threading.Thread(target=send_all, args=([processes.port], numbers, lock, told))
            for _ in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        done = 0
        while done < kills:
            time.sleep(chance.uniform(0.3, 2.5))
            processes.kill(chance.choice(["serve", "worker"]))
            done += 1
        for sender in senders:
            sender.join(PATIENCE_S)
        wait_until_idle(context)
    finally:
        processes.stop()
    problems = check(context, told, tips)
    context.close()
    return Findings(len(told.receipts), kills, told.attempts, tuple(problems))


def send_all(ports: Sequence[int], numbers: Iterator[int], lock: threading.Lock, told: Told) -> None:
    """Send a tip for each number, again and again under one key, until its receipt was read.

    Args:
        ports: of web processes; each try goes to any of them.
        numbers: what is left to be sent; shared by all senders.
        lock: of the numbers.
        told: what is noted down.
    """
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        key, photo = secrets.token_urlsafe(16), picture(number)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with told.lock:
                told.attempts += 1
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{secrets.choice(ports)}", timeout=30) as client:
                    answer = client.post(
                        "/tip",
                        data={"submission": key, "place_text": f"Street {number}", "description": "A child."},
                        files=[("photos", ("photo.jpg", photo, "image/jpeg"))],
                    )
                    if answer.status_code != httpx.codes.SEE_OTHER:
                        time.sleep(0.3)
                        continue
                    page = client.get(answer.headers["location"])
                found = RECEIPT.search(page.text)
                if page.status_code == httpx.codes.OK and found:
                    with told.lock:
                        told.receipts[key] = found.group()
                    break
            except httpx.HTTPError:
                time.sleep(0.3)


def wait_until_idle(context: Context) -> None:
    """Wait until no job is left, or for as long as patience lasts."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with context.db.read() as session:
            waiting = session.exec(
                select(Job.id).where(col(Job.state).in_([JobState.READY, JobState.RUNNING]))
            ).first()
        if waiting is None:
            return
        time.sleep(0.5)


@dataclass(frozen=True)
class _Found:
    """What the database holds after a campaign."""

    by_key: dict[str, UUID]
    tips: dict[UUID, Tip]
    photos: list[Photo]
    jobs: Counter[str]
    unfinished: list[str]
    faces: int
    searches: Counter[UUID]
    scenes: Counter[UUID]
    audit: tuple[str, ...]


def _read(context: Context) -> _Found:
    with context.db.read() as session:
        jobs = list(session.exec(select(Job)))
        return _Found(
            by_key={row.key: row.tip_id for row in session.exec(select(Submission))},
            tips={tip.id: tip for tip in session.exec(select(Tip))},
            photos=list(session.exec(select(Photo))),
            jobs=Counter(str(job.args["tip_id"]) for job in jobs if job.kind == "process_tip"),
            unfinished=[f"{job.kind} {job.state.value}" for job in jobs if job.state != JobState.DONE],
            faces=len(session.exec(select(Face.id)).all()),
            searches=Counter(made.face_id for made in session.exec(select(CandidateList))),
            scenes=Counter(
                row.photo_id for row in session.exec(select(Rendition)) if row.kind == RenditionKind.SCENE
            ),
            audit=audit.verify(
                session, audit.checkpoints_path(context.settings), context.keys.signing
            ).problems,
        )


def check(context: Context, told: Told, tips: int) -> list[str]:
    """Hold the database against what senders were told."""
    found = _read(context)
    problems = [f"unfinished: {job}" for job in found.unfinished]
    problems.extend(found.audit)
    if len(told.receipts) != tips or len(set(told.receipts.values())) != tips:
        problems.append(f"{len(set(told.receipts.values()))} receipts for {tips} tips")
    if not len(found.tips) == len(found.by_key) == len(found.photos):
        problems.append(f"{len(found.tips)} tips, {len(found.by_key)} keys, {len(found.photos)} photos")
    if found.faces == 0:
        problems.append("no face was found at all, so nothing was tried")
    problems.extend(f"a face was searched {count} times" for count in found.searches.values() if count > 1)
    for key in told.receipts:
        problems.extend(_tip_problems(found, found.by_key.get(key)))
    for photo in found.photos:
        if photo.state != PhotoState.EXAMINED or found.scenes[photo.id] != 1:
            problems.append(f"a photo is {photo.state.value} with {found.scenes[photo.id]} scenes")
        if len(context.store.get(photo.store_key, photo.sealed_key)) != photo.byte_count:
            problems.append("an original has another length")
    return problems


def _tip_problems(found: _Found, tip_id: UUID | None) -> list[str]:
    tip = found.tips.get(tip_id) if tip_id else None
    if tip is None:
        return ["an acknowledged tip is gone"]
    problems = []
    if tip.state != TipState.ROUTED:
        problems.append(f"an acknowledged tip is {tip.state.value}")
    if found.jobs[str(tip.id)] != 1:
        problems.append(f"a tip has {found.jobs[str(tip.id)]} jobs")
    return problems


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tips", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}\n")
    with tempfile.TemporaryDirectory() as folder:
        findings = run(given.tips, given.kills, Path(folder), given.seed)
    for problem in findings.problems:
        sys.stdout.write(f"broken: {problem}\n")
    sys.stdout.write(
        f"{findings.tips} tips acknowledged in {findings.attempts} attempts, {findings.kills} kills, "
        f"{len(findings.problems)} promises broken\n"
    )
    sys.exit(bool(findings.problems))


if __name__ == "__main__":
    main()
