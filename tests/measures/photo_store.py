"""Measures putting and getting photos: folder, bucket on a loopback server, and the bucket's bare client.

All in one run and in turns, so that a machine that is busy is busy for all of them. The bare client seals
nothing, checks no digest and repeats nothing; it is what the store is held against.

    python -m tests.measures.photo_store --count 200
"""

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import obstore

from app.core.crypto import load_keys
from app.core.files import PhotoStore
from app.core.objects import FolderObjects
from app.core.s3 import S3Objects
from app.core.store_address import parse
from tests.servers.s3 import S3Server

SIZES = (30_000, 300_000, 3_000_000)
"""Bytes of a crop, a photo of a messenger, a photo of a phone."""

HEAD = (
    "| bytes | way | put p50 ms | p95 | get p50 ms | p95 | put, times bare | get, times bare |\n"
    "|---|---|---|---|---|---|---|---|\n"
)

Put = Callable[[bytes], Callable[[], bytes]]
"""Stores bytes and gives back what reads them."""


def through(store: PhotoStore) -> Put:
    """The product's own way."""

    def put(data: bytes) -> Callable[[], bytes]:
        stored = store.put(data)
        return lambda: store.get(stored.store_key, stored.sealed_key)

    return put


def bare(server: S3Server, prefix: str) -> Put:
    """The client alone."""
    client = server.client(prefix)

    def put(data: bytes) -> Callable[[], bytes]:
        name = secrets.token_hex(16)
        obstore.put(client, name, data, mode="create")
        return lambda: bytes(obstore.get(client, name).bytes())

    return put


def milliseconds(step: Callable[[], object]) -> float:
    """How long a step takes."""
    begin = time.perf_counter()
    step()
    return (time.perf_counter() - begin) * 1000


def measure(ways: dict[str, Put], size: int, count: int) -> dict[str, tuple[float, float, float, float]]:
    """Medians and 95th percentiles of put and get, in milliseconds, by way."""
    puts: dict[str, list[float]] = {name: [] for name in ways}
    gets: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(count):
        data = secrets.token_bytes(size)
        for name, put in ways.items():
            begin = time.perf_counter()
            get = put(data)
            puts[name].append((time.perf_counter() - begin) * 1000)
            gets[name].append(milliseconds(get))
    return {name: (*_spread(puts[name]), *_spread(gets[name])) for name in ways}


def _spread(values: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=20)
    return statistics.median(values), cuts[-1]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100, help="photos of each size")
    count = parser.parse_args().count
    server = S3Server()
    try:
        with tempfile.TemporaryDirectory(prefix="hw-measure-") as folder:
            keys = load_keys(Path(folder) / "key", create=True)
            bucket = S3Objects(parse(server.url("measured")), server.secret_file)
            ways = {
                "folder": through(PhotoStore(FolderObjects(Path(folder) / "photos"), keys)),
                "bucket": through(PhotoStore(bucket, keys)),
                "bare client": bare(server, "bare"),
            }
            measure(ways, SIZES[0], 5)  # connections and volumes are made with the first ones
            sys.stdout.write(HEAD)
            for size in SIZES:
                found = measure(ways, size, count)
                base = found["bare client"]
                for name, (put, put95, get, get95) in found.items():
                    sys.stdout.write(
                        f"| {size:,} | {name} | {put:.1f} | {put95:.1f} | {get:.1f} | {get95:.1f} "
                        f"| {put / base[0]:.2f} | {get / base[2]:.2f} |\n"
                    )
                sys.stdout.flush()
    finally:
        server.close()


if __name__ == "__main__":
    main()
