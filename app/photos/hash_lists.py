"""Lists of PDQ hashes, as the ThreatExchange tools and hotlines exchange them: bringing in and giving out.

- `.csv`: hash, quality and tags, with or without headings; what PDQ's own hasher prints is read too.
- `.jsonl`: an object a line with the hash, the quality and tags under the names that the tools use.
- `.txt`: `pdq` and the hash, or the hash alone, as the ThreatExchange library reads signals from a file.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlmodel import Session, col, select

from app.core.db import Database
from app.core.errors import Invalid
from app.photos import joining
from app.photos.models import (
    KnownList,
    KnownPicture,
    KnownWord,
    Photo,
    PhotoFingerprint,
    PhotoOnList,
)
from matching.pictures.pdq import (
    LEAST_QUALITY,
    Pdq,
    band_words,
    near_band_words,
)

AT_ONCE: Final = 200
"""Pictures written in one transaction: other writers wait for milliseconds, not minutes."""

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_HASH_NAMES: Final = ("hash", "pdq", "signal", "signal_str", "value", "raw_indicator", "indicator")
_KINDS: Final = frozenset({"pdq", "hash_pdq"})
_BEST: Final = 100
"""Quality of a hash that came without one: its list vouches for it."""


@dataclass(frozen=True)
class ListedHash:
    """A line of a list."""

    pdq: str
    """64 hexadecimal digits."""
    quality: int
    """0 to 100."""
    tags: str = ""
    """With commas between."""


def read_list(path: Path) -> list[ListedHash]:
    """Read a list; each hash once, the first of its lines.

    Raises:
        Invalid: a line is no hash, with its number.
    """
    lines = path.read_text("utf-8-sig").splitlines()
    read = {".jsonl": _objects, ".csv": _rows}.get(path.suffix.lower(), _signals)
    found: dict[str, ListedHash] = {}
    for number, listed in read(lines):
        if listed is None:
            raise Invalid("This is no list of PDQ hashes: line %(line)s.", line=number)
        found.setdefault(listed.pdq, listed)
    return list(found.values())


def write_list(path: Path, listed: Iterable[ListedHash]) -> int:
    """Write a list in the form that the file's name asks for.

    Returns:
        How many hashes were written.

    Raises:
        Invalid: the name ends in something else.
    """
    hashes = list(listed)
    match path.suffix.lower():
        case ".csv":
            text = io.StringIO()
            rows = csv.writer(text, lineterminator="\n")
            rows.writerow(("hash", "quality", "tags"))
            rows.writerows((each.pdq, each.quality, each.tags) for each in hashes)
            written = text.getvalue()
        case ".jsonl":
            written = "".join(
                json.dumps(
                    {
                        "signal_type": "pdq",
                        "signal": each.pdq,
                        "quality": each.quality,
                        "tags": [tag for tag in each.tags.split(",") if tag],
                    }
                )
                + "\n"
                for each in hashes
            )
        case ".txt":
            written = "".join(f"pdq {each.pdq}\n" for each in hashes)
        case _:
            raise Invalid("Write to a file that ends in .csv, .jsonl or .txt.")
    path.write_text(written, "utf-8")
    return len(hashes)


def of_own_clusters(session: Session) -> Iterator[ListedHash]:
    """The hash of each cluster's first photo that has a good one; nothing says where or from whom it came."""
    seen = set()
    for cluster_id, pdq, quality in session.exec(
        select(Photo.cluster_id, PhotoFingerprint.pdq, PhotoFingerprint.pdq_quality)
        .join(PhotoFingerprint, col(PhotoFingerprint.photo_id) == col(Photo.id))
        .where(col(Photo.tip_id).is_not(None), col(Photo.cluster_id).is_not(None), PhotoFingerprint.pdq != "")
        .order_by(col(Photo.received_at), col(Photo.id))
    ):
        if cluster_id not in seen:
            seen.add(cluster_id)
            yield ListedHash(pdq, quality)


def add_list(database: Database, name: str, listed: Sequence[ListedHash]) -> int:
    """Write a list down, or add to it what it does not hold yet; stopped, the next call goes on.

    Its pictures flag the photos that look like them, those that came before the list too.

    Returns:
        How many pictures were added. Hashes of poor quality say nothing and are left out.
    """
    with database.write() as session:
        known_list = session.exec(select(KnownList).where(KnownList.name == name)).first()
        if known_list is None:
            known_list = KnownList(name=name)
            session.add(known_list)
    with database.read() as session:
        held = set(session.exec(select(KnownPicture.pdq).where(KnownPicture.list_id == known_list.id)))
    fresh = [each for each in listed if each.pdq not in held and each.quality >= LEAST_QUALITY]
    for start in range(0, len(fresh), AT_ONCE):
        batch = fresh[start : start + AT_ONCE]
        with database.read() as session:
            flagged = [_photos_like(session, each) for each in batch]
        with database.write() as session:
            for each, photos in zip(batch, flagged, strict=True):
                _add(session, known_list.id, each, photos)
    return len(fresh)


def _photos_like(session: Session, listed: ListedHash) -> list[tuple[UUID, int]]:
    """Photos whose hash lies near, and how far off it is."""
    pdq = Pdq.from_hexadecimal(listed.pdq, listed.quality)
    near = joining.near_hashes(session, [pdq], near_band_words([pdq]).tolist())
    return [(row.photo_id, distance) for row, distance in near]


def _add(session: Session, list_id: UUID, listed: ListedHash, photos: list[tuple[UUID, int]]) -> None:
    known = KnownPicture(list_id=list_id, pdq=listed.pdq, pdq_quality=listed.quality, tags=listed.tags)
    session.add(known)
    session.flush()
    assert known.number is not None
    words = band_words(Pdq.from_hexadecimal(listed.pdq, listed.quality)).tolist()
    session.add_all(KnownWord(word=word, number=known.number) for word in words)
    session.add_all(
        PhotoOnList(photo_id=photo_id, known_number=known.number, distance=distance)
        for photo_id, distance in photos
    )


def _signals(lines: list[str]) -> Iterator[tuple[int, ListedHash | None]]:
    for number, line in enumerate(lines, start=1):
        *kind, signal = line.split() or [""]
        if signal and (not kind or kind[0].lower() in _KINDS):
            yield number, _listed(signal)


def _rows(lines: list[str]) -> Iterator[tuple[int, ListedHash | None]]:
    headings: list[str] | None = None
    for number, row in enumerate(csv.reader(lines), start=1):
        if number == 1 and not any(_HASH.fullmatch(cell.strip().lower()) for cell in row):
            headings = [cell.strip().lower() for cell in row]
        elif headings is not None and any(row):
            yield number, _from_names(dict(zip(headings, row, strict=False)))
        elif any(row):
            yield number, _listed(*row[:2])


def _objects(lines: list[str]) -> Iterator[tuple[int, ListedHash | None]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        yield number, _from_names(value) if isinstance(value, dict) else None


def _from_names(values: dict[str, Any]) -> ListedHash | None:
    signal = next((values[name] for name in _HASH_NAMES if values.get(name)), "")
    tags = values.get("tags") or ""
    return _listed(signal, values.get("quality"), ",".join(tags) if isinstance(tags, list) else str(tags))


def _listed(signal: object, quality: object = None, tags: str = "") -> ListedHash | None:
    pdq = str(signal).strip().lower()
    worth = str(_BEST if quality is None or quality == "" else quality)
    if not _HASH.fullmatch(pdq) or not worth.isdecimal() or int(worth) > _BEST:
        return None
    return ListedHash(pdq, int(worth), tags)
