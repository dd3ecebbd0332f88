"""What the registry's API takes and answers, for its document."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.partners import documents
from app.photos.models import Photo
from app.records.fields import RecordFields
from app.records.lines import LineResult
from app.records.models import Record, Reference, Sex

NUMBER = "A4401-2024-0117"


class RecordBody(BaseModel):
    """What a record says; what is left out is emptied, but for the expiry."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, examples=["李小明"])
    missing_since: date = Field(examples=["2024-03-01"])
    jurisdiction_code: str = Field(max_length=40, examples=["440304"])
    sex: Sex = Field(default=Sex.UNKNOWN)
    born_on: date | None = Field(default=None, examples=["2018-03-01"])
    missing_place: str = Field(default="", max_length=1000, examples=["北站"])
    features: str = Field(default="", max_length=5000)
    expires_on: date | None = Field(default=None, description="Left out, it stays as it is.")
    revision: int | None = Field(
        default=None, description="Only change this revision; another one is answered with 409."
    )

    def fields(self, number: str) -> RecordFields:
        """The record's own words."""
        return RecordFields(
            number=number,
            name=self.name,
            missing_since=self.missing_since,
            jurisdiction_code=self.jurisdiction_code,
            sex=self.sex,
            born_on=self.born_on,
            missing_place=self.missing_place,
            features=self.features,
        )


class ReasonBody(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=1000, examples=["Found, at home."])


class PhotoAnswer(BaseModel):
    """One photo and how far it is examined; never what it resembles."""

    sha256: str
    state: str = Field(description="pending, examined or parked", examples=["examined"])
    taken_on: date | None
    age_years: float | None


class RecordAnswer(BaseModel):
    """A record that this registry keeps."""

    number: str = Field(examples=[NUMBER])
    name: str
    sex: Sex
    born_on: date | None
    missing_since: date
    missing_place: str
    features: str
    jurisdiction_code: str
    state: str = Field(description="open or closed")
    expires_on: date | None
    revision: int
    updated_at: datetime
    photos: list[PhotoAnswer]


class RecordPage(BaseModel):
    """Some of the registry's records, by number."""

    records: list[RecordAnswer]
    next: str | None = Field(description="Cursor of the next page; null at the end.")


class LineAnswer(BaseModel):
    """What became of one line."""

    line: int
    number: str
    outcome: str = Field(examples=["added"])
    field: str | None = None
    detail: str = ""
    code: str | None = None


class ImportAnswer(BaseModel):
    """What became of a batch."""

    dry_run: bool
    counts: dict[str, int]
    lines: list[LineAnswer]


def answer(record: Record, held: list[tuple[Reference, Photo]]) -> RecordAnswer:
    """A record with its photos as its registry may read it."""
    photos = [
        PhotoAnswer(
            sha256=photo.sha256,
            state=photo.state.value,
            taken_on=reference.taken_on,
            age_years=reference.age_years,
        )
        for reference, photo in held
    ]
    return RecordAnswer.model_validate(record.model_dump() | {"photos": photos, "state": record.state.value})


def line_answer(result: LineResult, language: str) -> LineAnswer:
    """One line's result in the caller's language."""
    refusal = result.refusal
    return LineAnswer(
        line=result.line,
        number=result.number,
        outcome=result.outcome.value,
        field=refusal.field if refusal else None,
        detail=result.reason(language),
        code=refusal.code if refusal else None,
    )


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of an operation, by status."""
    known = documents.refusals(*(status for status in statuses if status not in {409, 422}))
    said = {
        409: "The record's state or revision does not allow it, work rests on it, or it was erased.",
        422: "A field breaks its rule.",
    }
    for status in statuses:
        if status in said:
            problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
            known[status] = {
                "description": said[status],
                "content": {"application/problem+json": problem},
            }
    return known
