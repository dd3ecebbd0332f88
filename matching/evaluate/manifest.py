"""Reading what is to be measured: a manifest with its pictures, or a folder for each person."""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

PICTURE_NAMES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".mpo"})
"""Endings of the files that are taken from a person's folder."""

_AGE_IN_NAME: Final = re.compile(r"\d+[Aa](\d{2})[a-z]?$")
"""How ageing collections write an age into a file's name: 001A02.JPG shows person 1 at two years."""

_OLDEST: Final = 130.0
"""Years."""


class ManifestError(ValueError):
    """The data cannot be measured; the message says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a known person."""

    path: Path
    name: str
    """Of the person, as the data have it."""
    person: int = -1
    """Number of the person in the order of names."""
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
    """By person and file name: the order of lines changes no figure."""
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
    manifest = path / "manifest.jsonl" if path.is_dir() else path
    if path.is_dir() and not manifest.is_file():
        found = _read_folders(path)
        listed = "\n".join(str(picture.path.relative_to(path)) for picture in found)
        digest, said = hashlib.sha256(listed.encode()).hexdigest(), False
    elif manifest.is_file():
        data = manifest.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        found, said = _read_lines(manifest, data)
    else:
        raise ManifestError(f"There is no manifest {manifest}.")
    pictures = tuple(_limited(_numbered(found), limit))
    if len({picture.person for picture in pictures}) < 2:  # noqa: PLR2004 - one person has no strangers.
        raise ManifestError("Pictures of at least two people are needed.")
    folder = manifest.parent if manifest.is_file() else path
    return Dataset(folder.resolve().name, digest, pictures, synthetic or said)


def _read_lines(manifest: Path, data: bytes) -> tuple[list[Picture], bool]:
    pictures: list[Picture] = []
    synthetic = False
    folders = (manifest.parent, manifest.parent / "images")
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            pictures.append(_picture(fields, folders))
            synthetic |= bool(fields.get("synthetic"))
        except KeyError as error:
            raise ManifestError(f"Line {number} of {manifest.name} has no {error.args[0]}.") from error
        except ManifestError as error:
            raise ManifestError(f"Line {number} of {manifest.name}: {error}.") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ManifestError(f"Line {number} of {manifest.name} cannot be read: {error}.") from error
    return pictures, synthetic


def _picture(fields: dict[str, Any], folders: tuple[Path, ...]) -> Picture:
    found = [folder / fields["file"] for folder in folders if (folder / fields["file"]).is_file()]
    if not found:
        raise ManifestError(f"there is no picture {fields['file']}")
    age = math.nan if fields.get("age") is None else float(fields["age"])
    if not (math.isnan(age) or 0 <= age <= _OLDEST):
        raise ManifestError(f"{age:g} is no age in years")
    kind, box = fields.get("kind"), fields.get("head_box")
    if box is not None:
        left, top, width, height = (int(number) for number in box)
        box = left, top, width, height
    return Picture(
        path=found[0],
        name=str(fields["person"]),
        age=age,
        is_record=None if kind is None else kind == "portrait",
        head_box=box,
    )


def _read_folders(path: Path) -> list[Picture]:
    """A folder for each person; ages from the files' names where they are written there."""
    pictures = []
    for folder in sorted(folder for folder in path.iterdir() if folder.is_dir()):
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in PICTURE_NAMES:
                age = _AGE_IN_NAME.search(file.stem)
                years = float(age.group(1)) if age else math.nan
                pictures.append(Picture(file, folder.name, age=years))
    return pictures


def _numbered(pictures: Iterable[Picture]) -> list[Picture]:
    """The pictures by person and file name, persons numbered in that order."""
    ordered = sorted(pictures, key=lambda picture: (picture.name, picture.path.name))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(each.name for each in ordered))}
    return [replace(picture, person=numbers[picture.name]) for picture in ordered]


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
