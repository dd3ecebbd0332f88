"""What the API's document says of packages and uploads, with examples."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.partners.documents import EXAMPLE_ID, EXAMPLE_TIME, refusals
from app.partners.models import Package, PackageState, Upload
from app.tips.parts import MOST_PHOTOS

EXAMPLE_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class PackageFields(BaseModel):
    """The fields of a tip, as in `POST /tips`; a place in words or a position is needed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "latitude": 22.5410,
                "longitude": 114.0550,
                "accuracy_m": 25,
                "coordinate_system": "gcj02",
                "place_text": "华强北地铁站A出口",
                "observed_at": "2026-11-23T10:15:00+08:00",
                "description": "A girl of about seven asks passers-by for money.",
                "external_id": "partner-4711",
                "language": "zh",
            }
        },
    )

    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    accuracy_m: float | None = Field(default=None, ge=0, description="Radius in metres.")
    coordinate_system: Literal["wgs84", "gcj02", "bd09"] = "wgs84"
    place_text: str | None = Field(default=None, description="Where it was, in words.")
    observed_at: str | None = Field(default=None, description="When it was seen, with its offset.")
    description: str | None = Field(default=None, description="What was seen; no accusations.")
    danger_now: bool = Field(default=False, strict=True)
    external_id: str | None = Field(default=None, description="Your own number of the tip.")
    source_url: str | None = Field(default=None, description="Where it was found; kept, never opened.")
    language: str | None = Field(default=None, description="zh or en.", examples=["zh"])

    def texts(self) -> dict[str, str]:
        """The fields as a form would carry them."""
        return {name: _text(value) for name, value in self.model_dump(mode="json", exclude_none=True).items()}


class PackageOpened(BaseModel):
    """A package that takes files until it expires."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    expires_at: datetime = Field(examples=[EXAMPLE_TIME])


class FileKept(BaseModel):
    """A file that is on disk, sealed."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    sha256: str = Field(examples=[EXAMPLE_SHA256])
    bytes: int = Field(examples=[2_411_724])


class FilePlace(BaseModel):
    """Where a file stands among the photos, and where in it the child is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"order": 0, "mark": [0.4, 0.6]}})

    order: int | None = Field(default=None, ge=0, lt=MOST_PHOTOS, strict=True, description="Place, from 0.")
    mark: tuple[Share, Share] | None = Field(
        default=None, description="Shares of the upright picture's width and height, from its upper left."
    )


class PackageFile(BaseModel):
    """One file of a package."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    bytes: int = Field(description="Announced.", examples=[2_411_724])
    received: int = Field(description="On disk.", examples=[1_048_576])
    sha256: str | None = Field(description="Once the whole file is here.", examples=[EXAMPLE_SHA256])
    photo: bool | None = Field(
        description="Whether its first bytes are those of a photo we read; null before it is whole.",
        examples=[True],
    )
    order: int | None = Field(examples=[0])
    mark: tuple[float, float] | None = Field(examples=[[0.4, 0.6]])

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """The file as the API tells it."""
        details = upload.details
        return cls(
            id=upload.id,
            bytes=upload.length,
            received=upload.received,
            sha256=upload.sha256,
            photo=details.get("photo"),
            order=details.get("order"),
            mark=details.get("mark"),
        )


class PackageAnswer(BaseModel):
    """How far a package has come."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    state: PackageState = Field(examples=["open"])
    expires_at: datetime = Field(examples=[EXAMPLE_TIME])
    tip_id: UUID | None = Field(description="The tip it became.", examples=[None])
    files: list[PackageFile] = Field(description="In the order the tip will have; none after the finish.")
    missing: list[str] = Field(
        description="Why it cannot be finished yet: `photos` (no file), `pieces` (a file is not whole), "
        "`photo` (a file is no photo we read).",
        examples=[["pieces"]],
    )

    @classmethod
    def of(cls, package: Package, files: list[Upload], missing: list[str]) -> Self:
        """The package as the API tells it."""
        return cls(
            id=package.id,
            state=package.state,
            expires_at=package.expires_at,
            tip_id=package.tip_id,
            files=[PackageFile.of(each) for each in files],
            missing=missing,
        )


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}


PACKAGE_BODY, PLACE_BODY = _json(PackageFields), _json(FilePlace)

FILE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "One photo of at most 20 MiB: JPEG, PNG, WebP, HEIC or AVIF.",
                    }
                },
            },
            "example": {"file": "(binary)"},
        }
    },
}

PIECE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/offset+octet-stream": {
            "schema": {"type": "string", "format": "binary"},
            "example": "(binary)",
        }
    },
}

_TOLD = {
    "Tus-Resumable": "1.0.0",
    "Tus-Version": "Versions that are spoken here.",
    "Tus-Extension": "Extensions that are spoken here.",
    "Tus-Max-Size": "Bytes of the largest file.",
    "Location": "Address of the upload.",
    "Upload-Offset": "Bytes that are on disk.",
    "Upload-Length": "Bytes of the whole file.",
    "Upload-Expires": "Until when it is kept.",
    "Upload-Metadata": "The package.",
}


def tus_answers(
    status: int, description: str, headers: list[str], *others: int
) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation of the upload protocol, by status.

    Args:
        status: when all went well.
        description: what that says.
        headers: that it has beside the version.
        others: statuses of refusals beside those that every operation has.
    """
    said = {
        name: {"description": _TOLD[name], "schema": {"type": "string"}}
        for name in ["Tus-Resumable", *headers]
    }
    other_version = {
        "description": "Another version of the protocol, or none.",
        "headers": {"Tus-Version": {"schema": {"type": "string"}}},
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    answers: dict[int | str, dict[str, Any]] = {status: {"description": description, "headers": said}}
    if "Tus-Version" not in headers:  # Who asks for the versions need not know one.
        answers[412] = other_version
    return answers | refusals(401, 403, 500, 503, *others)


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.9f}"  # Without an exponent, which no form carries.
        case _:
            return str(value)
