"""The record form as typed: read without a decision, so that a refused one comes back as it was."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from app.core.errors import Invalid, Refusal
from app.core.web.problems import SENTENCES
from app.records.fields import (
    LARGEST_PHOTO,
    MOST_PHOTOS,
    PhotoAge,
    RecordFields,
    ReferenceFile,
    fields_of,
    known_age,
)
from app.records.models import Record, Reference, Sex

TEXTS = (
    "number",
    "name",
    "sex",
    "born_on",
    "missing_since",
    "missing_place",
    "features",
    "jurisdiction_code",
)
MOST_FIELDS = 200


class RecordForm:
    """What a clerk sent.

    Args:
        data: the parsed form; its files are open until the answer has left.
    """

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """A text field, empty when it is missing."""
        value = self._data.get(name)
        return value if isinstance(value, str) else ""

    @property
    def typed(self) -> dict[str, str]:
        """Every text as it was typed, photos' dates and ages included."""
        return {name: value for name, value in self._data.multi_items() if isinstance(value, str)}

    @property
    def has_files(self) -> bool:
        """Whether photos were chosen; a browser does not send them again with a refused form."""
        return any(isinstance(value, UploadFile) and value.size for value in self._data.values())

    @property
    def revision(self) -> int:
        """The revision that the form was written for; 0 fits none."""
        value = self.text("revision")
        return int(value) if value.isdecimal() and value.isascii() and len(value) < 10 else 0  # noqa: PLR2004

    def fields(self) -> RecordFields:
        """The record's own words.

        Raises:
            Invalid: a date or a choice is none.
        """
        missing_since = read_day(self.text("missing_since"), "missing_since")
        if missing_since is None:
            raise Invalid("This field is needed.", field="missing_since")
        return RecordFields(
            number=self.text("number"),
            name=self.text("name"),
            missing_since=missing_since,
            jurisdiction_code=self.text("jurisdiction_code"),
            sex=read_sex(self.text("sex")),
            born_on=read_day(self.text("born_on"), "born_on"),
            missing_place=self.text("missing_place"),
            features=self.text("features"),
        )

    def new_photos(self) -> list[ReferenceFile]:
        """Photos to add, each with the date or age in the fields beside it.

        Raises:
            Invalid: a date or an age is none, or one stands beside no photo.
        """
        found: list[ReferenceFile] = []
        for slot in range(MOST_PHOTOS):
            age = self._age(f"taken_on_{slot}", f"age_{slot}")
            file = self._data.get(f"photo_{slot}")
            if isinstance(file, UploadFile) and (file.size or file.filename):
                # One byte more than is taken, so that a larger file shows itself without being read whole.
                found.append(ReferenceFile(file.file.read(LARGEST_PHOTO + 1), age))
        return found

    def removed(self) -> set[UUID]:
        """References that the clerk ticked for removal.

        Raises:
            Invalid: an id is none.
        """
        return {_read_id(value) for value in self._data.getlist("removed") if isinstance(value, str)}

    def ages(self) -> dict[UUID, PhotoAge]:
        """Dates and ages of the references that the form showed.

        Raises:
            Invalid: a date or an age is none.
        """
        ids = [value for value in self._data.getlist("reference") if isinstance(value, str)]
        return {_read_id(value): self._age(f"taken_on_{value}", f"age_{value}") for value in ids}

    def _age(self, taken_on: str, age: str) -> PhotoAge:
        return PhotoAge(read_day(self.text(taken_on), "photos"), read_age(self.text(age), "photos"))


async def _form(request: Request) -> AsyncIterator[RecordForm]:
    kind = request.headers.get("content-type", "").lower().replace(" ", "")
    if "charset=" in kind and "charset=utf-8" not in kind:
        raise Refusal(SENTENCES[400])
    async with request.form(max_files=MOST_PHOTOS, max_fields=MOST_FIELDS) as data:
        yield RecordForm(data)


TypedRecord = Annotated[RecordForm, Depends(_form)]
"""A record form; name the role before it, so that nobody else's files are read."""


def read_day(text: str, field: str) -> date | None:
    """A day as a form or a file writes it, None when empty.

    Raises:
        Invalid: it is no day.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid("Write the date as year-month-day, for example 2024-03-01.", field=field) from error


def read_age(text: str, field: str) -> float | None:
    """An age in years, to two places; None when empty.

    Raises:
        Invalid: it is no number.
    """
    if not text.strip():
        return None
    try:
        return round(float(text.strip().replace(",", ".")), 2)
    except ValueError as error:
        raise Invalid("Write an age as a number of years, for example 6.5.", field=field) from error


def read_sex(text: str) -> Sex:
    """A sex as a form or a file writes it; empty means not stated.

    Raises:
        Invalid: none of the three words.
    """
    try:
        return Sex(text.strip() or Sex.UNKNOWN)
    except ValueError as error:
        raise Invalid("Sex is female, male or unknown.", field="sex") from error


def present_texts(record: Record, references: list[Reference]) -> dict[str, str]:
    """A stored record as the form shows it."""
    fields = fields_of(record)
    texts = {
        "number": fields.number,
        "name": fields.name,
        "sex": fields.sex.value,
        "born_on": fields.born_on.isoformat() if fields.born_on else "",
        "missing_since": fields.missing_since.isoformat(),
        "missing_place": fields.missing_place,
        "features": fields.features,
        "jurisdiction_code": fields.jurisdiction_code,
    }
    for reference in references:
        age = known_age(record, reference)
        texts[f"taken_on_{reference.id}"] = age.taken_on.isoformat() if age.taken_on else ""
        texts[f"age_{reference.id}"] = "" if age.age_years is None else f"{age.age_years:g}"
    return texts


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid("This photo is not the record's. Open the page again.", field="photos") from error
