"""What was measured, as rows that each name their peer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from matching.bench import search
from matching.bench.recall import CELLS, DEGREES, HEIGHTS, Cell, Recall, false_faces, found_share
from matching.bench.steps import BATCHES, ENCODERS
from matching.bench.timing import Rate, Timing
from matching.reposts import Share

MOST_MB: Final = 600
"""10^6 bytes that a worker may take."""

HOG_HEIGHT: Final = 48
"""Pixels of the smallest faces that HOG finds with one enlargement."""

_PEERS: Final = {
    "peer read": "load_image_file",
    "peer detect full 1": "face_locations, 12 MP, enlarged once",
    "peer detect full 0": "face_locations, 12 MP",
    "peer detect 1600 1": "face_locations, 1600 px, enlarged once",
    "peer detect 1600 0": "face_locations, 1600 px",
    "peer encode": "face_encodings, one face",
    "peer hash": "imagehash.phash, 64 and 256 bits",
    "peer photo full": "face_recognition, whole photo, 12 MP",
    "peer photo 1600": "face_recognition, whole photo, 1600 px",
}
"""What each of the peer's steps is called."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure beside a peer's of the same run."""

    peer: str
    ratio: float | None
    """Ours as a multiple of the peer's; None where the peer's is nothing."""
    target: float | None = None
    """What the ratio should be at most; at least, where more is better, as it is of shares and rates."""

    def reached(self, unit: str) -> bool | None:
        """Whether the target is reached; None without one.

        Args:
            unit: of the figure.
        """
        if self.target is None or self.ratio is None:
            return None
        return self.ratio >= self.target if unit in {"share", "photos/s"} else self.ratio <= self.target


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    section: str
    name: str
    unit: str
    value: float
    """A median, where `low` and `high` are the least and the most."""
    low: float | None = None
    high: float | None = None
    peak_mb: float | None = None
    """10^6 bytes, where a process did nothing else."""
    peers: tuple[Compared, ...] = field(default=())
    """Empty where the row is itself the peer."""
    most_mb: float | None = None
    """What `peak_mb` should be at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One of our steps, and the peer's beside which it stands."""

    section: str
    name: str
    step: str
    peers: tuple[tuple[str, float | None], ...]
    """Names in `STEPS`, each with what the ratio should be at most."""
    faces: int = 1
    """By which times are divided."""
    most_mb: float | None = None
    """10^6 bytes that the process should take at most."""


PHOTO: Final = (
    Plan("photo", "read, at the scene's size", "read", (("peer read", None),)),
    Plan("photo", "read again for small faces", "read detail", (("peer read", None),)),
    Plan("photo", "hash", "hash", (("peer hash", None),)),
)
WHOLE: Final = (
    Plan(
        "photo",
        "whole photo, bytes to templates",
        "photo",
        (("peer photo 1600", 1 / 6), ("peer photo full", 1 / 20)),
        most_mb=MOST_MB,
    ),
    Plan(
        "photo",
        "examine, with renditions and hash",
        "examine",
        (("peer photo 1600", None), ("peer photo full", None)),
        most_mb=MOST_MB,
    ),
)
DETECTION: Final = (
    Plan(
        "detection",
        "find faces",
        "detect",
        (
            ("peer detect full 1", 1 / 6),
            ("peer detect full 0", None),
            ("peer detect 1600 1", None),
            ("peer detect 1600 0", None),
        ),
    ),
)
ENCODE: Final = tuple(
    Plan(
        "encode",
        f"{name}, {count} at once, per face",
        f"encode {name} {count}",
        (("peer encode", None),),
        count,
    )
    for name in ENCODERS
    for count in BATCHES
)


def timed_rows(plans: Iterable[Plan], timed: Callable[[str], Timing], suffix: str = "") -> Iterator[Row]:
    """Time steps and their peers, each once.

    Args:
        plans: what is timed.
        timed: times a step by its name.
        suffix: of the rows' names.
    """
    known: dict[str, Timing] = {}

    def of(step: str) -> Timing:
        if step not in known:
            known[step] = timed(step)
        return known[step]

    shown: set[str] = set()
    for plan in plans:
        ours = of(plan.step)
        peers = tuple(
            Compared(_PEERS[peer] + suffix, ours.median_ms / plan.faces / of(peer).median_ms, target)
            for peer, target in plan.peers
        )
        yield replace(
            _row(plan.section, plan.name + suffix, ours, plan.faces), peers=peers, most_mb=plan.most_mb
        )
        for peer, _ in plan.peers:
            if peer not in shown:
                shown.add(peer)
                yield _row(plan.section, _PEERS[peer] + suffix, of(peer), 1)


def _row(section: str, name: str, timing: Timing, faces: int) -> Row:
    median, low, high = (ms / faces for ms in (timing.median_ms, timing.low_ms, timing.high_ms))
    return Row(section, name, "processor ms", median, low, high, timing.peak_mb)


def recall_rows(recall: Recall) -> Iterator[Row]:
    """Shares of people found: in all streets, by size, by turn, and far away beside somebody near."""
    turned = {degrees: [cell for cell in CELLS if cell.degrees == degrees] for degrees in DEGREES}
    kinds = {"all streets": list(CELLS)}
    kinds |= {f"{height} px, upright": [Cell(height, 0)] for height in HEIGHTS}
    kinds |= {
        f"{HOG_HEIGHT} px and more, turned by {degrees} degrees": [
            cell for cell in cells if cell.height >= HOG_HEIGHT and not cell.one_near
        ]
        for degrees, cells in turned.items()
    }
    kinds |= {f"{height} px, somebody else near": [Cell(height, 0, one_near=True)] for height in HEIGHTS}
    for name, cells in kinds.items():
        yield from _found(recall, f"found, {name}", cells)
    ours, peers = false_faces(recall.ours), false_faces(recall.peer)
    peer = Row("detection", "false faces a street, face_locations", "faces", peers)
    yield Row(
        "detection", "false faces a street", "faces", ours, peers=(Compared(peer.name, _ratio(ours, peers)),)
    )
    yield peer


def _found(recall: Recall, name: str, cells: Sequence[Cell]) -> Iterator[Row]:
    ours, same, peer = (
        found_share([each for each in counted if each.cell in cells])
        for counted in (recall.ours, recall.ours_of_same, recall.peer)
    )
    if not ours.of:
        return
    beside = f"{name}, face_locations, {peer.of} people"
    # Beside the peer stand the people whom both looked for.
    compared = (Compared(beside, _ratio(_value(same), _value(peer)), 1.0),) if peer.of else ()
    yield _share_row(f"{name}, {ours.of} people", ours, compared)
    if peer.of:
        yield _share_row(beside, peer, ())


def _share_row(name: str, share: Share, peers: tuple[Compared, ...]) -> Row:
    return Row("detection", name, "share", _value(share), share.low, share.high, None, peers)


def _value(share: Share) -> float:
    return share.count / max(1, share.of)


def _ratio(ours: float, peers: float) -> float | None:
    return ours / peers if peers else None


def rate_rows(rates: Sequence[tuple[int, Rate, Rate]]) -> Iterator[Row]:
    """Photos a second of several processes.

    Args:
        rates: number of processes, ours, the peer's.
    """
    for count, ours, peer in rates:
        processes = "1 process" if count == 1 else f"{count} processes"
        name = f"face_recognition, 1600 px, {processes}"
        compared = Compared(name, ours.photos_per_s / peer.photos_per_s)
        yield Row(
            "throughput",
            f"examine, {processes}",
            "photos/s",
            ours.photos_per_s,
            None,
            None,
            ours.peak_mb,
            (compared,),
        )
        yield Row("throughput", name, "photos/s", peer.photos_per_s, peak_mb=peer.peak_mb)


def search_rows(measured: Sequence[search.Measured]) -> Iterator[Row]:
    """Searches, beside reading the gallery's bytes."""
    reading = ""
    for each in measured:
        if each.name.startswith("read "):
            reading = each.name
            yield Row("search", each.name, "ms", each.ms)
        else:
            yield Row("search", each.name, "ms", each.ms, peers=(Compared(reading, each.ratio),))
