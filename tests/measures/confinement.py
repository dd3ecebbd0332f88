"""What the filter of system calls costs: `python -m tests.measures.confinement [--photos 150]`.

The same small photo is examined with the filter and without, in turns; medians and their ratio are printed.
"""

import argparse
import statistics
import sys
import time

from app.photos.confinement import confinement
from app.photos.sandbox import Examiner
from tests.attacks.hostile_jpeg import good

UNFILTERED = (
    sys.executable,
    "-c",
    "import app.photos.examine_server as it; it.confinement.shut_in = lambda: None; it.main()",
)
"""The same server with everything but the filter; the limits stay."""


def seconds(examiner: Examiner, photo: bytes) -> float:
    """How long one photo takes, by the clock."""
    started = time.perf_counter()
    examiner.examine(photo)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--photos", type=int, default=150)
    count = reading.parse_args().photos
    photo = good((640, 480))
    with Examiner() as filtered, Examiner(command=UNFILTERED) as unfiltered:
        took: dict[str, list[float]] = {"with the filter": [], "without": []}
        for turn in range(2 * count):
            name, examiner = (("with the filter", filtered), ("without", unfiltered))[turn % 2]
            took[name].append(seconds(examiner, photo))
    for name, each in took.items():
        spread = statistics.quantiles(each, n=10)
        sys.stdout.write(
            f"{name:16} median {1000 * statistics.median(each):.1f} ms, "
            f"nine in ten {1000 * spread[0]:.1f} to {1000 * spread[-1]:.1f} ms\n"
        )
    ratio = statistics.median(took["with the filter"]) / statistics.median(took["without"])
    sys.stdout.write(f"{count} photos each, here {confinement().value}: {ratio:.3f} times as long\n")


if __name__ == "__main__":
    main()
