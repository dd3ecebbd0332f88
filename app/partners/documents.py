"""What the API's document says of bodies and answers, with examples."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.tips.answers import Answer, Status
from app.tips.models import Author

EXAMPLE_ID = "01931b7e-5c7e-7c1a-9f42-3f2c1d0b9a10"
EXAMPLE_TIME = "2026-11-23T02:15:00Z"


class TipReceived(BaseModel):
    """The tip is safe: photos and rows are on disk."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    receipt: str = Field(
        description="Receipt code for the citizen: 16 digits in groups of four. Shown for this request only.",
        examples=["1234 5678 9012 3454"],
    )
    status: Status = Field(examples=["received"])
    received_at: datetime = Field(examples=[EXAMPLE_TIME])


class Message(BaseModel):
    """One message of the thread."""

    author: str = Field(description="officer or system", examples=["officer"])
    text: str = Field(examples=["Thank you. Was the child alone?"])
    at: datetime = Field(examples=[EXAMPLE_TIME])


class TipAnswer(BaseModel):
    """Where a tip stands, as coarse as its sender may know. Never whether a photo resembled anyone."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    external_id: str | None = Field(examples=["partner-4711"])
    received_at: datetime = Field(examples=[EXAMPLE_TIME])
    status: Status = Field(examples=["with_police"])
    messages: list[Message]


def tip_answer(answer: Answer) -> TipAnswer:
    """The answer as the API gives it; what a citizen wrote under a receipt is between them and the police."""
    return TipAnswer(
        id=answer.tip_id,
        external_id=answer.external_id,
        received_at=answer.received_at,
        status=answer.status,
        messages=[
            Message(author=line.author, text=line.text, at=line.at)
            for line in answer.lines
            if line.author != Author.TIPSTER
        ],
    )


class TipPage(BaseModel):
    """One page of tips, newest first."""

    tips: list[TipAnswer]
    next_cursor: str | None = Field(
        description="Send it as cursor for the next page; null after the last.", examples=[None]
    )


class BatchItem(BaseModel):
    """What became of one tip of a batch."""

    item: int = Field(description="Its place in the list, from 0.", examples=[0])
    status_code: int = Field(description="201, or why it was refused.", examples=[201])
    id: UUID | None = Field(default=None, examples=[EXAMPLE_ID])
    receipt: str | None = Field(default=None, examples=["1234 5678 9012 3454"])
    status: Status | None = Field(default=None, examples=["received"])
    received_at: datetime | None = Field(default=None, examples=[EXAMPLE_TIME])
    code: str | None = Field(default=None, description="Code of the refusal.", examples=[None])
    field: str | None = Field(default=None, examples=[None])
    detail: str | None = Field(default=None, description="The refusal in words.", examples=[None])


class Problem(BaseModel):
    """What went wrong, RFC 9457. Nothing that was sent is repeated."""

    type: str = Field(examples=["urn:homeward:problem:invalid"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["Latitude and longitude go together."])
    code: str = Field(examples=["invalid"])
    field: str | None = Field(default=None, examples=["longitude"])


TIP_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["photos"],
                "anyOf": [{"required": ["place_text"]}, {"required": ["latitude", "longitude"]}],
                "properties": {
                    "photos": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 6,
                        "items": {"type": "string", "format": "binary"},
                        "description": "JPEG, PNG, WebP, HEIC or AVIF, at most 20 MiB each, each with a file "
                        "name. What a file is is told by its content.",
                    },
                    "latitude": {"type": "number", "minimum": -90, "maximum": 90},
                    "longitude": {"type": "number", "minimum": -180, "maximum": 180},
                    "accuracy_m": {"type": "number", "minimum": 0, "description": "Radius in metres."},
                    "coordinate_system": {
                        "type": "string",
                        "enum": ["wgs84", "gcj02", "bd09"],
                        "default": "wgs84",
                    },
                    "place_text": {"type": "string", "description": "Where it was, in words."},
                    "observed_at": {
                        "type": "string",
                        "format": "date-time",
                        "description": "When it was seen, with its offset.",
                    },
                    "description": {"type": "string", "description": "What was seen; no accusations."},
                    "danger_now": {"type": "string", "enum": ["true", "false"], "default": "false"},
                    "external_id": {"type": "string", "description": "Your own number of the tip."},
                    "source_url": {
                        "type": "string",
                        "format": "uri",
                        "description": "Where it was found; kept, never opened.",
                    },
                    "language": {"type": "string", "enum": ["zh", "en"]},
                },
            },
            "example": {
                "photos": ["(binary)"],
                "latitude": 22.5410,
                "longitude": 114.0550,
                "accuracy_m": 25,
                "coordinate_system": "gcj02",
                "place_text": "华强北地铁站A出口",
                "observed_at": "2026-11-23T10:15:00+08:00",
                "description": "A girl of about seven asks passers-by for money.",
                "external_id": "partner-4711",
                "language": "zh",
            },
            "encoding": {
                "photos": {"contentType": "image/jpeg, image/png, image/webp, image/heic, image/avif"}
            },
        }
    },
}


BATCH_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["tips"],
                "properties": {
                    "tips": {
                        "type": "string",
                        "description": "A JSON array of 1 to 50 objects: the fields of a tip as above, "
                        "`idempotency_key`, and in `photos` the names of the file parts that are its photos.",
                    }
                },
                "additionalProperties": {"type": "string", "format": "binary"},
            },
            "example": {
                "tips": '[{"idempotency_key": "4711-first", "place_text": "Exit A", "photos": ["one"]}]',
                "one": "(binary)",
            },
        }
    },
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of an operation, by status."""
    said = {
        400: "The request could not be read.",
        401: "No valid key.",
        403: "The key was not made for this.",
        404: "No such tip, or not yours.",
        413: "A photo, a text or the whole request is too large.",
        415: "Not multipart/form-data, or a file that is no photo we read.",
        409: "The present state does not allow this.",
        422: "A field breaks its rule, or the Idempotency-Key stands for another tip.",
        429: "The channel's quota is used up; Retry-After says when to come again.",
        500: "Something went wrong here; nothing was saved.",
        503: "Busy or out of space: nothing was saved, send it again under the same Idempotency-Key.",
    }
    told = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    return {
        status: {
            "description": said[status],
            "headers": {told[status]: {"schema": {"type": "string"}}} if status in told else {},
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Make the generated document say what is true of refusals.

    The framework documents a body of its own for refused parameters; ours are problem documents, and an id
    that is no id reads like one that does not exist.
    """
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    for path in document.get("paths", {}).values():
        for operation in path.values():
            generated = operation["responses"].get("422", {}).get("content", {})
            if "application/json" in generated:
                del operation["responses"]["422"]
    return document
