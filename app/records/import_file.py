"""Reading an import's list of records, CSV or JSON lines, into rows of text; nothing is stored here."""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from app.core.errors import Invalid, Refusal, UnsupportedPhoto
from app.records.fields import LARGEST_PHOTO, PhotoAge, RecordFields
from app.records.form import read_age, read_day, read_sex

COLUMNS = (
    "number",
    "name",
    "sex",
    "born_on",
    "missing_since",
    "missing_place",
    "features",
    "jurisdiction_code",
    "photos",
    "state",
    "reason",
    "expires_on",
)
READ_AT_ONCE = 2**20
NEEDED = ("number", "name", "missing_since", "jurisdiction_code")
LARGEST_LIST = 512 * 2**20
"""Bytes of a list; a registry of a million records has about 300 MB."""


@dataclass(frozen=True)
class Row:
    """One line of the list.

    Attributes:
        line: its number in the file, from 1; a CSV row of several lines is named by its first.
        values: text by column.
        problem: why the line cannot be read at all.
        photos: photos that the line itself carries.
    """

    line: int
    values: dict[str, str]
    problem: Refusal | None = None
    photos: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class PhotoFile:
    """A photo that a line names."""

    name: str
    age: PhotoAge


@dataclass(frozen=True)
class RecordList:
    """The list as read.

    Attributes:
        path: the file.
        encoding: what its text was written in.
        digest: SHA-256 of the file.
        total: how many lines it has.
    """

    path: Path
    encoding: str
    digest: str
    total: int

    def rows(self) -> Iterator[Row]:
        """Its lines in order, read anew."""
        csv_list = self.path.suffix == ".csv"
        codec = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        with self.path.open(encoding=codec, newline="" if csv_list else "\n") as file:
            yield from _csv_rows(file) if csv_list else json_rows(file)


def read_list(folder: Path) -> RecordList:
    """Read the list in a folder.

    Args:
        folder: holds `records.csv` or `records.jsonl`.

    Returns:
        Its rows.

    Raises:
        Invalid: no list, two lists, unreadable text, or columns that are missing or unknown.
    """
    found = [path for path in (folder / "records.csv", folder / "records.jsonl") if path.is_file()]
    if not found:
        raise Invalid("The folder holds neither records.csv nor records.jsonl.")
    if len(found) > 1:
        raise Invalid("The folder holds both records.csv and records.jsonl. Keep one.")
    path = found[0]
    if path.stat().st_size > LARGEST_LIST:
        raise Invalid("The list is larger than 512 MB. Split it.")
    digest, encoding = _look(path)
    found_list = RecordList(path, encoding.removesuffix("-sig"), digest, 0)
    return replace(found_list, total=sum(1 for _ in found_list.rows()))


def fields_in(values: dict[str, str]) -> RecordFields:
    """A line's own words.

    Raises:
        Invalid: a date or a sex is none, or the day the child went missing is not given.
    """
    missing_since = read_day(values.get("missing_since", ""), "missing_since")
    if missing_since is None:
        raise Invalid("This field is needed.", field="missing_since")
    return RecordFields(
        number=values.get("number", ""),
        name=values.get("name", ""),
        missing_since=missing_since,
        jurisdiction_code=values.get("jurisdiction_code", "").strip(),
        sex=read_sex(values.get("sex", "")),
        born_on=read_day(values.get("born_on", ""), "born_on"),
        missing_place=values.get("missing_place", ""),
        features=values.get("features", ""),
    )


def photos_in(values: dict[str, str]) -> list[PhotoFile]:
    """The photos a line names: `file.jpg`, `file.jpg|2023-05-01` or `file.jpg|age=6.5`, by semicolons.

    Raises:
        Invalid: a date or an age is none, or a name is missing.
    """
    found: list[PhotoFile] = []
    for part in values.get("photos", "").split(";"):
        name, bar, when = (piece.strip() for piece in part.partition("|"))
        if not name and not bar:
            continue
        if not name:
            raise Invalid("A photo's file name is missing.", field="photos")
        if when.startswith("age="):
            age = PhotoAge(age_years=read_age(when.removeprefix("age="), "photos"))
        else:
            age = PhotoAge(taken_on=read_day(when, "photos"))
        found.append(PhotoFile(name, age))
    return found


def read_photo(folder: Path, name: str, position: int) -> bytes:
    """Read a photo that lies in the folder, itself and not by a link to elsewhere.

    Args:
        folder: the import's folder.
        name: path within it, as the line gives it.
        position: which of the line's photos it is, from 1; a refusal names it.

    Returns:
        The file; at most one byte more than a photo may have.

    Raises:
        Invalid: the path leaves the folder, or there is no such file.
        UnsupportedPhoto: it is a folder or a device.
    """
    root = folder.resolve()
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise Invalid(
                "The path of photo %(position)s leaves the folder.", field="photos", position=position
            )
        if not path.exists():
            raise Invalid("Photo %(position)s is not in the folder.", field="photos", position=position)
        if not path.is_file():
            raise UnsupportedPhoto("Photo %(position)s is no file.", field="photos", position=position)
        with path.open("rb") as file:
            return file.read(LARGEST_PHOTO + 1)
    except (OSError, ValueError, RuntimeError) as error:
        raise Invalid("Photo %(position)s cannot be read.", field="photos", position=position) from error


def _look(path: Path) -> tuple[str, str]:
    """A list's digest and what it is written in: UTF-8, or GB 18030, as Chinese spreadsheets save it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if file.read(2) in {b"\xff\xfe", b"\xfe\xff"}:
            raise Invalid("The list is written in UTF-16. Save it as UTF-8.")
        file.seek(0)
        while chunk := file.read(READ_AT_ONCE):
            digest.update(chunk)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding, newline="") as text:
                while piece := text.read(READ_AT_ONCE):
                    if "\x00" in piece:
                        raise Invalid("The list holds zero bytes: it is no text.")
        except UnicodeDecodeError:
            continue
        return digest.hexdigest(), encoding
    raise Invalid("The list is neither UTF-8 nor GB 18030. Save it as UTF-8.")


def _csv_rows(file: TextIO) -> Iterator[Row]:
    reader = csv.reader(file, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Invalid("The first line of the list cannot be read.") from error
    _check_columns(header)
    line = reader.line_num + 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            # What follows an open quote cannot be told apart any more.
            yield Row(line, {}, Invalid("From this line on the file is no CSV. Look for an open quote."))
            return
        if cells is None:
            return
        if len(cells) == len(header):
            yield Row(line, dict(zip(header, cells, strict=True)))
        elif cells:
            yield Row(line, {}, Invalid("The line has another number of columns than the first line."))
        line = reader.line_num + 1


def _check_columns(header: list[str]) -> None:
    if len(set(header)) < len(header):
        raise Invalid("A column stands twice in the list's first line.")
    for name in NEEDED:
        if name not in header:
            raise Invalid("The list's first line lacks the column %(column)s.", column=name)
    if not set(header) <= set(COLUMNS):
        raise Invalid(
            "The list's first line names an unknown column. Known are: %(columns)s.",
            columns=", ".join(COLUMNS),
        )


def json_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Rows of JSON lines; empty lines are none."""
    for line, written in enumerate(lines, start=1):
        if written.strip():
            yield _json_row(line, written)


def _json_row(line: int, written: str) -> Row:
    try:
        body: Any = json.loads(written)
    except (ValueError, RecursionError):
        return Row(line, {}, Invalid("The line is not JSON."))
    if not isinstance(body, dict):
        return Row(line, {}, Invalid("The line is no JSON object."))
    if not body.keys() <= set(COLUMNS):
        return Row(
            line,
            {},
            Invalid("The line names an unknown field. Known are: %(columns)s.", columns=", ".join(COLUMNS)),
        )
    photos = body.get("photos")
    if isinstance(photos, list) and all(isinstance(name, str) for name in photos):
        body["photos"] = ";".join(photos)
    if not all(value is None or isinstance(value, str) for value in body.values()):
        return Row(line, {}, Invalid("Every value is a text in quotes; photos may be a list of texts."))
    return Row(line, {name: value or "" for name, value in body.items()})
