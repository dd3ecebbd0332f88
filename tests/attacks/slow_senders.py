"""Hundreds of senders that never finish, and honest ones meanwhile.

python -m tests.attacks.slow_senders --each 400

Half of them drip a request's head, half drip a photo's body, a byte a second. The honest ask for the form. It
ends with status 1 if a slow one still stands open after 75 seconds, or if the honest wait.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.attacks.serving import Serving

HEAD = b"GET /?lang=en HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = (
    b"POST /tip HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 9000000\r\n\r\n"
)
LONGEST_S = 75.0
"""Seconds after which a slow one may not be open any more."""


async def slow(host: str, port: int, begun: bytes, closed: list[float], started: float) -> None:
    """Drip until the other side has had enough."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(begun)
        await writer.drain()
        while not reader.at_eof() and time.monotonic() - started < 2 * LONGEST_S:
            writer.write(b"x")
            await writer.drain()
            try:
                if not await asyncio.wait_for(reader.read(1000), 1.0):
                    break
            except TimeoutError:
                continue
        writer.close()
    except OSError:
        pass
    closed.append(time.monotonic() - started)


async def honest(host: str, port: int, took: list[float], failed: list[int], stopping: asyncio.Event) -> None:
    """Ask for the form again and again, each time on a connection of its own."""
    while not stopping.is_set():
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /?lang=en HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if not answer.startswith(b"HTTP/1.1 200"):
                failed.append(1)
        except OSError:
            failed.append(1)
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.1)


async def attack(address: str, each: int) -> int:
    """Attack, and print what became of everybody.

    Returns:
        0 when all promises hold.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 80
    before, took, failed, closed = [], [], [], []  # type: ignore[var-annotated]
    quiet = asyncio.Event()
    asker = asyncio.create_task(honest(host, port, before, failed, quiet))
    await asyncio.sleep(5)
    quiet.set()
    await asker
    stopping = asyncio.Event()
    asker = asyncio.create_task(honest(host, port, took, failed, stopping))
    started = time.monotonic()
    await asyncio.gather(
        *(slow(host, port, begun, closed, started) for begun in (HEAD, BODY) for _ in range(each))
    )
    stopping.set()
    await asker
    took.sort()
    p99 = took[int(0.99 * (len(took) - 1))]
    late = sum(seconds > LONGEST_S for seconds in closed)
    say(f"form while quiet: median {1000 * statistics.median(before):.0f} ms of {len(before)}")
    say(
        f"form meanwhile: median {1000 * statistics.median(took):.0f} ms, p99 {1000 * p99:.0f} ms "
        f"of {len(took)}, {len(failed)} not served"
    )
    say(
        f"{2 * each} slow senders: half were closed within {statistics.median(closed):.1f} s, all within "
        f"{max(closed):.1f} s, {late} later than {LONGEST_S:.0f} s"
    )
    return int(bool(late or failed or p99 > 1))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve a deployment and attack it."""
    reading = argparse.ArgumentParser()
    reading.add_argument("--each", type=int, default=400)
    asked = reading.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="homeward-slow-") as folder,
        Serving(Path(folder)) as deployment,
    ):
        raise SystemExit(asyncio.run(attack(deployment.address, asked.each)))


if __name__ == "__main__":
    main()
