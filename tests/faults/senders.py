"""Clients that send tips by form and by a partner's key, again under the same key until they are told."""

import itertools
import random
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import httpx

from tests.journeys.campaign import picture

RECEIPT = re.compile(r"(?:\d{4}[\s -]){3}\d{4}")
PATIENCE_S = 600.0
KINDS = ("form", "danger", "api")
DOUBLED = 0.15
"""Share of tips that are sent twice at one moment, under one key."""


@dataclass
class Told:
    """What senders were told: the only truth the disk is held against."""

    receipts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Kind and receipt of each key."""
    moments: dict[str, float] = field(default_factory=dict)
    """When each was told, by the monotonic clock."""
    contradictions: int = 0
    """Two receipts for one key."""
    attempts: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, status: int) -> None:
        """Count an answer."""
        with self.lock:
            self.answers[status] = self.answers.get(status, 0) + 1


class Senders:
    """As many threads as there are clients.

    Args:
        port: where the form is.
        key: a partner's key.
        clients: how many send at once.
        pause_s: what each waits between two tips.
    """

    def __init__(self, port: int, key: str, clients: int, pause_s: float) -> None:
        self.told = Told()
        self._address, self._key, self._pause_s = f"http://127.0.0.1:{port}", key, pause_s
        self._over = threading.Event()
        self._numbers = itertools.count()
        self._pictures = [picture(number) for number in range(40)]
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _run(self) -> None:
        for number in self._tips():
            kind = KINDS[number % len(KINDS)]
            key = f"{kind}-{number}-{secrets.token_urlsafe(12)}"
            photo = _commented(self._pictures[number % len(self._pictures)])
            twice = random.random() < DOUBLED  # noqa: S311 - no secret
            if twice:
                twin = threading.Thread(target=self._until_told, args=(kind, key, number, photo))
                twin.start()
            self._until_told(kind, key, number, photo)
            if twice:
                twin.join()

    def _tips(self) -> Iterator[int]:
        while not self._over.wait(self._pause_s):
            yield next(self._numbers)

    def _until_told(self, kind: str, key: str, number: int, photo: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with self.told.lock:
                self.told.attempts += 1
            try:
                receipt = self._send(kind, key, number, photo)
            except httpx.HTTPError:
                receipt = None
            if receipt is not None:
                with self.told.lock:
                    if self.told.receipts.setdefault(key, (kind, receipt))[1] != receipt:
                        self.told.contradictions += 1
                    self.told.moments.setdefault(key, time.monotonic())
                return
            time.sleep(0.4)

    def _send(self, kind: str, key: str, number: int, photo: bytes) -> str | None:
        fields = {"place_text": f"Street {number}", "description": "A child."}
        files = [("photos", ("photo.jpg", photo, "image/jpeg"))]
        with httpx.Client(base_url=self._address, timeout=30) as client:
            if kind == "api":
                headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": key}
                answer = client.post("/api/v1/tips", data=fields, files=files, headers=headers)
                self.told.count(answer.status_code)
                return answer.json()["receipt"] if answer.status_code == httpx.codes.CREATED else None
            if kind == "danger":
                fields["danger_now"] = "on"
            answer = client.post("/tip", data={"submission": key, **fields}, files=files)
            self.told.count(answer.status_code)
            if answer.status_code != httpx.codes.SEE_OTHER:
                return None
            page = client.get(answer.headers["location"])
        found = RECEIPT.search(page.text)
        return found.group() if page.status_code == httpx.codes.OK and found else None


def _commented(jpeg: bytes) -> bytes:
    """The same picture with other bytes: a comment no reader shows."""
    comment = secrets.token_hex(16).encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
