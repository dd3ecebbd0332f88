"""Reading what is to be measured: a manifest with its pictures, or a folder for each person."""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PICTURE_NAMES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".mpo"})
"""Endings of the files that are taken from a person's folder."""

_AGE_IN_NAME: Final = re.compile(r"\d+[Aa](\d{2})[a-z]?$")
"""How ageing collections write an age into a file's name: 001A02.JPG shows person 1 at two years."""


class ManifestError(ValueError):
    """The data cannot be measured; the message says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a known person."""

    path: Path
    person: int
    age: float = math.nan
    """Years; NaN where unknown."""
    is_record: bool | None = None
    """Whether it stands in the gallery; None where the data do not say."""
    head_box: tuple[int, int, int, int] | None = None
    """Left, top, width, height in pixels, where several people are in the picture."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, and where they come from."""

    name: str
    sha256: str
    """Of the manifest; of the list of files where there is none."""
    pictures: tuple[Picture, ...]
    synthetic: bool


def read_dataset(path: Path, *, synthetic: bool = False, limit: int | None = None) -> Dataset:
    """Read a manifest (a line of JSON for each picture) or a folder with a folder for each person.

    Args:
        path: the manifest, or the folder; a folder with a manifest.jsonl is read by its manifest.
        synthetic: whether the people do not exist; a manifest may say so itself.
        limit: pictures read at most, whole persons at a time.

    Raises:
        ManifestError: there is nothing to measure, or a line or a picture is wrong.
    """
    if path.is_dir() and not (path / "manifest.jsonl").is_file():
        pictures, digest = _read_folders(path), ""
        digest = hashlib.sha256(
            "\n".join(str(p.path.relative_to(path)) for p in pictures).encode()
        ).hexdigest()
        said = False
    else:
        manifest = path / "manifest.jsonl" if path.is_dir() else path
        if not manifest.is_file():
            raise ManifestError(f"There is no manifest {manifest}.")
        data = manifest.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        pictures, said = _read_lines(manifest, data)
    pictures = _limited(pictures, limit)
    if len({picture.person for picture in pictures}) < 2:  # noqa: PLR2004 - one person has no strangers.
        raise ManifestError("Pictures of at least two people are needed.")
    name = path.parent.name if path.is_file() else path.name
    return Dataset(name, digest, tuple(pictures), synthetic or said)


def _read_lines(manifest: Path, data: bytes) -> tuple[list[Picture], bool]:
    pictures: list[Picture] = []
    synthetic = False
    folders = (manifest.parent, manifest.parent / "images")
    numbers: dict[str, int] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            picture = _picture(fields, folders, numbers)
        except (ValueError, KeyError, TypeError) as error:
            raise ManifestError(f"Line {number} of {manifest.name} cannot be read: {error}.") from error
        synthetic |= bool(fields.get("synthetic"))
        pictures.append(picture)
    return pictures, synthetic


def _picture(fields: dict[str, Any], folders: tuple[Path, ...], numbers: dict[str, int]) -> Picture:
    found = [folder / fields["file"] for folder in folders if (folder / fields["file"]).is_file()]
    if not found:
        raise ManifestError(f"there is no picture {fields['file']}")
    age = fields.get("age")
    kind = fields.get("kind")
    box = fields.get("head_box")
    return Picture(
        path=found[0],
        person=numbers.setdefault(str(fields["person"]), len(numbers)),
        age=math.nan if age is None else float(age),
        is_record=None if kind is None else kind == "portrait",
        head_box=None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3])),
    )


def _read_folders(path: Path) -> list[Picture]:
    """A folder for each person; ages from the files' names where they are written there."""
    pictures = []
    people = sorted(folder for folder in path.iterdir() if folder.is_dir())
    for person, folder in enumerate(people):
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in PICTURE_NAMES:
                age = _AGE_IN_NAME.search(file.stem)
                pictures.append(Picture(file, person, float(age.group(1)) if age else math.nan))
    return pictures


def _limited(pictures: list[Picture], limit: int | None) -> list[Picture]:
    if limit is None or len(pictures) <= limit:
        return pictures
    kept: set[int] = set()
    count = 0
    for person in dict.fromkeys(picture.person for picture in pictures):
        count += sum(picture.person == person for picture in pictures)
        if kept and count > limit:
            break
        kept.add(person)
    return [picture for picture in pictures if picture.person in kept]
