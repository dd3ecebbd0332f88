"""Measuring how reposts are known again: `python -m matching.reposts MANIFEST [--pictures N] [--json OUT]`.

The manifest has a JSON object a line: `file`, beside it or in `images/`, and `kind`, "tip" for street scenes.
Some of the pictures are edited in all ways of `matching.edits`; every copy is looked up among all pictures.
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matching.edits import EDITS, compressed
from matching.hashing import picture_hash
from matching.photo import Pixels, read_photo
from matching.pictures.fingerprint import Fingerprint, fingerprint
from matching.pictures.pdq import SAME_PDQ
from matching.pictures.shelf import Shelf
from matching.pictures.words import hash_words, keypoint_words

SAME_PHASH: Final = 10
"""Bits of 64 that programs which know pictures by pHash alone let differ."""

_NORMAL_95: Final = 1.959964
"""Standard deviations to either side that hold 95 % of a normal distribution."""
_SCENE: Final = "tip"


@dataclass(frozen=True, slots=True)
class Share:
    """A counted share with its 95 % interval."""

    count: int
    of: int
    low: float
    high: float


def share(count: int, of: int) -> Share:
    """Put an interval around a counted share.

    Source:
        Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if not of:
        return Share(0, 0, 0.0, 1.0)
    part, square = count / of, _NORMAL_95**2
    middle = (part + square / (2 * of)) / (1 + square / of)
    spread = _NORMAL_95 * (part * (1 - part) / of + square / (4 * of**2)) ** 0.5 / (1 + square / of)
    return Share(count, of, max(0.0, middle - spread), min(1.0, middle + spread))


@dataclass(frozen=True, slots=True)
class Reached:
    """What one way of knowing pictures again reached."""

    found: dict[str, Share]
    """By edit: copies that were joined to their picture."""
    found_in_all: Share
    joined: Share
    """Pairs of different pictures, copies among them, that were joined."""
    joined_scenes: Share
    """The same, only pairs in which both are street scenes."""


@dataclass(frozen=True, slots=True)
class Reposts:
    """A measurement."""

    pictures: int
    """Pictures that were edited."""
    distractors: int
    """Pictures that lay among them."""
    methods: dict[str, Reached]
    fingerprint_ms: float
    """Processor milliseconds to take a fingerprint of decoded pixels, mean."""
    lookup_ms: float
    """Processor milliseconds to find what a picture is the same as, mean."""
    fingerprint_bytes: float
    words: float
    """Rows by which a picture is filed, mean."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A picture or a copy, as the measured methods remember it."""

    source: str
    edit: str
    scene: bool
    print: Fingerprint
    phash: int
    phash_usable: bool


_Joined = Callable[[Sequence[_Item], Sequence[_Item]], NDArray[np.bool_]]
"""Takes n looked up and m filed pictures, gives (n, m): which are called the same."""


def measure(manifest: Path, pictures: int = 60, seed: int = 1) -> Reposts:
    """Measure on the pictures of a manifest.

    Args:
        manifest: JSON lines, see above.
        pictures: how many are edited; street scenes before others.
        seed: of everything that is left to chance.

    Returns:
        The measurement.
    """
    entries = [json.loads(line) for line in manifest.read_text("utf-8").splitlines() if line.strip()]
    shuffled = np.random.default_rng(seed).permutation(len(entries)).tolist()
    chosen = sorted(shuffled, key=lambda place: entries[place].get("kind") != _SCENE)[:pictures]
    filed: list[_Item] = []
    copies: list[_Item] = []
    spent = 0.0
    for place, entry in enumerate(entries):
        pixels = read_photo(_beside(manifest, entry["file"]).read_bytes()).pixels
        began = time.process_time()
        taken = fingerprint(pixels)
        spent += time.process_time() - began
        filed.append(_item(entry, "", pixels, taken))
        if place in chosen:
            copies.extend(_copies(entry, pixels, np.random.default_rng([seed, place])))
    began = time.process_time()
    own = _reached(_by_shelf, filed, copies)
    lookup = (time.process_time() - began) / (len(filed) + 2 * len(copies))
    return Reposts(
        pictures=len(chosen),
        distractors=len(filed) - len(chosen),
        methods={
            "homeward": own,
            f"PDQ alone, {SAME_PDQ} of 256 bits": _reached(_by_pdq, filed, copies),
            f"pHash alone, {SAME_PHASH} of 64 bits": _reached(_by_phash, filed, copies),
        },
        fingerprint_ms=1000 * spent / len(filed),
        lookup_ms=1000 * lookup,
        fingerprint_bytes=float(np.mean([len(item.print.to_bytes()) for item in filed])),
        words=float(
            np.mean([len(hash_words(item.print)) + len(keypoint_words(item.print)) for item in filed])
        ),
    )


def _beside(manifest: Path, name: str) -> Path:
    path = manifest.parent / name
    return path if path.exists() else manifest.parent / "images" / name


def _item(entry: dict[str, Any], edit: str, pixels: Pixels, taken: Fingerprint) -> _Item:
    hashed = picture_hash(pixels)
    return _Item(entry["file"], edit, entry.get("kind") == _SCENE, taken, hashed.phash, hashed.usable)


def _copies(entry: dict[str, Any], pixels: Pixels, chance: np.random.Generator) -> Iterator[_Item]:
    image = Image.fromarray(pixels)
    for name, edit in EDITS.items():
        with Image.open(io.BytesIO(compressed(edit(image, chance)))) as passed_on:
            edited = np.asarray(passed_on.convert("RGB"))
        yield _item(entry, name, edited, fingerprint(edited))


def _by_shelf(looked_up: Sequence[_Item], filed: Sequence[_Item]) -> NDArray[np.bool_]:
    shelf = Shelf()
    for item in filed:
        shelf.add(item.print)
    joined = np.zeros((len(looked_up), len(filed)), np.bool_)
    for row, item in zip(joined, looked_up, strict=True):
        row[shelf.same_as(item.print)] = True
    return joined


def _by_pdq(looked_up: Sequence[_Item], filed: Sequence[_Item]) -> NDArray[np.bool_]:
    one = [(item.print.whole.bits, item.print.whole.usable) for item in looked_up]
    other = [(item.print.whole.bits, item.print.whole.usable) for item in filed]
    return _near(one, other, SAME_PDQ)


def _by_phash(looked_up: Sequence[_Item], filed: Sequence[_Item]) -> NDArray[np.bool_]:
    one = [(item.phash.to_bytes(8, "big"), item.phash_usable) for item in looked_up]
    other = [(item.phash.to_bytes(8, "big"), item.phash_usable) for item in filed]
    return _near(one, other, SAME_PHASH)


def _near(
    one: Sequence[tuple[bytes, bool]], other: Sequence[tuple[bytes, bool]], most: int
) -> NDArray[np.bool_]:
    """Which usable hashes of one list differ from which of the other by at most so many bits."""
    left, right = (
        np.unpackbits([np.frombuffer(bits, np.uint8) for bits, _ in hashes], axis=1).astype(np.float32)
        for hashes in (one, other)
    )
    distances = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :] - 2 * left @ right.T
    usable = np.array([use for _, use in one])[:, None] & np.array([use for _, use in other])[None, :]
    same: NDArray[np.bool_] = (distances <= most) & usable
    return same


def _reached(joined: _Joined, filed: Sequence[_Item], copies: Sequence[_Item]) -> Reached:
    """Look up the copies among the pictures, and for strangers also pictures and copies among themselves."""
    found: dict[str, list[bool]] = {name: [] for name in EDITS}
    strangers, scenes = np.zeros(2, np.int64), np.zeros(2, np.int64)
    for looked_up, others in ((copies, filed), (filed, filed), (copies, copies)):
        same = joined(looked_up, others)
        sources = np.array([item.source for item in looked_up])[:, None]
        different = sources != np.array([item.source for item in others])[None, :]
        if looked_up is others:
            # A pair is counted once: it is joined if either of the two finds the other.
            same, different = same | same.T, np.triu(different)
        elif looked_up is copies:
            for item, row, strange in zip(copies, same, different, strict=True):
                found[item.edit].append(bool(row[~strange].any()))
        street = np.outer([item.scene for item in looked_up], [item.scene for item in others])
        strangers += (same & different).sum(), different.sum()
        scenes += (same & different & street).sum(), (different & street).sum()
    return Reached(
        {name: share(sum(results), len(results)) for name, results in found.items()},
        share(sum(map(sum, found.values())), sum(map(len, found.values()))),
        share(int(strangers[0]), int(strangers[1])),
        share(int(scenes[0]), int(scenes[1])),
    )


def report(measured: Reposts) -> str:
    """Put a measurement in lines of text."""
    lines = [
        f"{measured.pictures} pictures, {len(EDITS)} edits each, among {measured.distractors} others",
        f"fingerprint {measured.fingerprint_ms:.1f} ms, lookup {measured.lookup_ms:.1f} ms of processor time",
        f"{measured.fingerprint_bytes:.0f} bytes and {measured.words:.0f} words a picture",
    ]
    for name, reached in measured.methods.items():
        lines.append(f"\n{name}")
        lines.extend(
            f"  {edit:<26}{_percent(counted)}"
            for edit, counted in {**reached.found, "all copies": reached.found_in_all}.items()
        )
        for title, counted in (("all pairs", reached.joined), ("street scenes", reached.joined_scenes)):
            rate = 1e5 / max(counted.of, 1)
            lines.append(
                f"  strangers joined, {title}: {counted.count} of {counted.of:,}: "
                f"{counted.count * rate:.2f} in 100,000 ({1e5 * counted.low:.2f} to {1e5 * counted.high:.2f})"
            )
    return "\n".join(lines)


def _percent(counted: Share) -> str:
    part = 100 * counted.count / max(counted.of, 1)
    interval = f"({100 * counted.low:.1f} to {100 * counted.high:.1f})"
    return f"{counted.count:>5} of {counted.of:<5} {part:6.1f} % {interval}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m matching.reposts", description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--pictures", type=int, default=60, help="how many pictures are edited")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    asked = parser.parse_args()
    measured = measure(asked.manifest, asked.pictures, asked.seed)
    sys.stdout.write(report(measured) + "\n")
    if asked.json:
        asked.json.write_text(json.dumps(asdict(measured), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
