"""Requests that no honest client makes, over bare sockets, while honest senders go on.

python -m tests.attacks.raw_requests

Prints for each kind what was answered and when the connection ended. It ends with status 1 if an answer was a
fault or held what was sent, if a connection stayed open, or if the honest had to wait for more than a second.
"""

import argparse
import contextlib
import re
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.core.context import Context
from app.partners import keys
from app.tips.models import ChannelKind
from tests.attacks.raw_documents import documents
from tests.attacks.raw_kinds import MARKER, PAUSE, Raw, Target, kinds
from tests.attacks.serving import Serving
from tests.attacks.watching import Honest, peak_mb

AT_ONCE = 4
HEAD_S, BODY_S = 4, 8
"""Seconds that the deployment gives a head and a body here."""
LONGEST_S = 30.0
"""Seconds after which a connection may not be open any more."""
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
ANSWERED_WITH_FAULT = 500


@dataclass(frozen=True)
class Answered:
    """What came back.

    Attributes:
        name: of the kind.
        statuses: of all answers, in order.
        echoed: whether one held what was sent.
        seconds: until the connection ended.
        ended: whether it did.
    """

    name: str
    statuses: tuple[int, ...]
    echoed: bool
    seconds: float
    ended: bool

    @property
    def is_bad(self) -> bool:
        """Whether a promise was broken; that a request is unwelcome may be said by 501, 503 and 505."""
        return ANSWERED_WITH_FAULT in self.statuses or self.echoed or not self.ended

    @property
    def said(self) -> str:
        """The statuses, or that there were none."""
        many = len(self.statuses) > 4
        first = " ".join(map(str, self.statuses[:4])) or "closed"
        return f"{first} and {len(self.statuses) - 4} more" if many else first


def ask(address: str, raw: Raw, source: str) -> Answered:
    """Send one, and read until the other side has had enough."""
    parts, (name, request) = urlsplit(address), raw
    started = time.monotonic()
    received, ended = b"", False
    with socket.create_connection((parts.hostname or "", parts.port or 80), 10, (source, 0)) as connection:
        connection.settimeout(1.0)
        sending = threading.Thread(target=_send, args=(connection, request), daemon=True)
        sending.start()
        while time.monotonic() - started < LONGEST_S:
            try:
                piece = connection.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                piece = b""
            if not piece:
                ended = True
                break
            received += piece
        seconds = time.monotonic() - started
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sending.join(5)
    statuses = tuple(int(status) for status in STATUS.findall(received))
    return Answered(name, statuses, MARKER in received, seconds, ended)


def _send(connection: socket.socket, request: bytes) -> None:
    with contextlib.suppress(OSError):
        for number, stretch in enumerate(request.split(PAUSE)):
            time.sleep(min(number, 1))
            unsent = memoryview(stretch)
            while unsent:
                try:
                    unsent = unsent[connection.send(unsent[: 1 << 16]) :]
                except TimeoutError:
                    continue


def target_of(context: Context, address: str) -> Target:
    """Make the keys that the requests hold."""
    with context.db.write() as session:
        registry = keys.add_channel(session, "Raw registry", ChannelKind.REGISTRY, jurisdiction_code="CN")
        partner = keys.add_channel(session, "Raw partner", ChannelKind.PARTNER)
        made = (keys.make_key(session, context.keys, each).key.encode() for each in (registry, partner))
        return Target(urlsplit(address).netloc.encode(), *made)


def main() -> None:
    """Serve a deployment and send it everything."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    reading.add_argument("--only", default="", help="Kinds whose name begins so.")
    asked = reading.parse_args()
    patience = {"HOMEWARD_HEADER_SECONDS": str(HEAD_S), "HOMEWARD_BODY_SECONDS": str(BODY_S)}
    with tempfile.TemporaryDirectory(prefix="homeward-raw-") as folder:
        with Serving(Path(folder), settings=patience) as deployment, Honest(deployment.address) as honest:
            target = target_of(deployment.context, deployment.address)
            chosen = [raw for raw in (*kinds(target), *documents(target)) if raw[0].startswith(asked.only)]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                tries = [
                    pool.submit(ask, deployment.address, raw, f"127.4.{number // 200}.{number % 200 + 1}")
                    for number, raw in enumerate(chosen)
                ]
                answers = [each.result() for each in tries]
            alive, peak = deployment.pid is not None, peak_mb(deployment.pid)
        log = (Path(folder) / "serve.log").read_bytes()
    for each in answers:
        sys.stdout.write(
            f"{'BAD ' if each.is_bad else ''}{each.name:44} {each.said:28} {each.seconds:5.1f} s"
            f"{'  ECHOED' if each.echoed else ''}{'' if each.ended else '  STILL OPEN'}\n"
        )
    counts = {
        "answered with 500": sum(ANSWERED_WITH_FAULT in each.statuses for each in answers),
        "echoes": sum(each.echoed for each in answers),
        "in the log": log.count(MARKER),
        "tracebacks": log.count(b"Traceback"),
        "still open": sum(not each.ended for each in answers),
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    web = "alive" if alive else "GONE"
    sys.stdout.write(
        f"{honest.said()}\n{len(answers)} kinds: {said}; web process {web}, at most {peak:.0f} MB\n"
    )
    sys.exit(any(counts.values()) or not (alive and honest.well))


if __name__ == "__main__":
    main()
