"""`python -m matching.bench`: ms and MB of a photo's steps, recall, throughput and search, beside peers."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from matching.bench import recall, search
from matching.bench.rows import (
    DETECTION,
    ENCODE,
    PHOTO,
    WHOLE,
    Row,
    rate_rows,
    recall_rows,
    search_rows,
    timed_rows,
)
from matching.bench.street import HEIGHT, WIDTH, Person, people, street
from matching.bench.table import print_report, report, surroundings
from matching.bench.timing import in_new_process, side_by_side, timed
from matching.evaluate.manifest import ManifestError

SECTIONS: Final = ("photo", "detection", "encode", "search", "throughput")
_FACES: Final = (6, 2)


def main(arguments: list[str] | None = None) -> int:
    """Measure.

    Returns:
        0; 2 if there are no pictures to put streets together from.
    """
    asked = _parser().parse_args(arguments)
    # As in a worker: processes share the cores, none takes two.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    around = surroundings()
    try:
        persons = people(asked.manifest)
    except (ManifestError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    counts = tuple(asked.faces or _FACES)
    photos = {count: street(persons, count).jpeg for count in counts}
    measuring: dict[str, Callable[[], Iterator[Row]]] = {
        "photo": partial(_photo, asked, photos),
        "detection": partial(_detection, asked, photos, persons),
        "encode": lambda: timed_rows(ENCODE, _timer(asked, photos[counts[0]])),
        "search": lambda: search_rows(in_new_process(search.measure, tuple(asked.sizes))),
        "throughput": partial(_throughput, asked, photos),
    }
    rows: list[Row] = []
    for section in asked.only or SECTIONS:
        _tell(section)
        rows += measuring[section]()
    pictures = {
        "people": "synthetic, of the tests"
        if asked.manifest is None
        else f"{asked.manifest.name}, {len(persons)}",
        "photo": f"JPEG of {WIDTH} x {HEIGHT}",
        "faces and bytes": {str(count): len(jpeg) for count, jpeg in photos.items()},
    }
    command = shlex.join(
        ["python", "-m", "matching.bench", *(sys.argv[1:] if arguments is None else arguments)]
    )
    found = report(command, around, pictures, rows)
    print_report(found, rows)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1, allow_nan=False), encoding="utf-8")
    return 0


def _photo(asked: argparse.Namespace, photos: dict[int, bytes]) -> Iterator[Row]:
    first = next(iter(photos.values()))
    yield from timed_rows(PHOTO, _timer(asked, first))
    for count, jpeg in photos.items():
        yield from timed_rows(WHOLE, _timer(asked, jpeg), f", {count} faces")


def _detection(
    asked: argparse.Namespace, photos: dict[int, bytes], persons: tuple[Person, ...]
) -> Iterator[Row]:
    yield from timed_rows(DETECTION, _timer(asked, next(iter(photos.values()))))
    if asked.streets:
        _tell("recall")
        yield from recall_rows(recall.measure(persons, asked.streets, min(asked.streets, asked.peer_streets)))


def _throughput(asked: argparse.Namespace, photos: dict[int, bytes]) -> Iterator[Row]:
    jpeg = next(iter(photos.values()))
    yield from rate_rows(
        [
            (
                count,
                side_by_side("examine", jpeg, count, asked.seconds),
                side_by_side("peer photo 1600", jpeg, count, asked.seconds),
            )
            for count in asked.processes
        ]
    )


def _timer(asked: argparse.Namespace, jpeg: bytes) -> Callable[[str], Any]:
    def time(step: str) -> Any:
        _tell(step)
        return timed(step, jpeg, asked.repeat)

    return time


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m matching.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be given several times")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="times each step counts")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument(
        "--faces", action="append", type=int, metavar="N", help="in the photo, 1 to 12; 6, then 2"
    )
    parser.add_argument(
        "--manifest", type=Path, help="whose street scenes stand in the streets; else the tests'"
    )
    parser.add_argument(
        "--streets", type=int, default=3, metavar="N", help="of each kind, for recall; 0 leaves it out"
    )
    parser.add_argument(
        "--peer-streets", type=int, default=1, metavar="N", help="of those, seen by the peer too"
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--seconds", type=float, default=10.0, help="for which throughput is measured")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=list(search.SIZES), metavar="N", help="of galleries"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
