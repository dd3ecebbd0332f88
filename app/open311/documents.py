"""What the API's document says of Open311's bodies and answers."""

from typing import Any

SAID = {
    200: "As the specification has it.",
    201: "The tip is durable; its id is `service_request_id`.",
    400: "A field is missing or breaks its rule; a request without a photo is refused.",
    403: "No valid key, or not for this.",
    404: "Nothing there, or not yours.",
    409: "The key or number stands for another request.",
    413: "A photo, a text or the whole request is too large.",
    429: "The channel's quota is used up.",
    500: "Something went wrong here; nothing was saved.",
    503: "Busy: nothing was saved, send it again.",
}
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["service_code", "media"],
                "properties": {
                    "api_key": {"type": "string"},
                    "service_code": {"type": "string", "enum": ["child_in_need", "child_in_danger"]},
                    "lat": {"type": "number", "minimum": -90, "maximum": 90},
                    "long": {"type": "number", "minimum": -180, "maximum": 180},
                    "address_string": {"type": "string", "maxLength": 300},
                    "description": {"type": "string", "maxLength": 4000},
                    "media": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    "media_url": {"type": "string", "description": "Kept, never opened."},
                    "attribute[observed_at]": {"type": "string", "format": "date-time"},
                    "attribute[external_id]": {"type": "string", "maxLength": 200},
                    "attribute[coordinate_system]": {"type": "string", "enum": ["wgs84", "gcj02", "bd09"]},
                },
            },
            "example": {
                "service_code": "child_in_need",
                "lat": 22.541,
                "long": 114.055,
                "description": "A girl of about seven asks passers-by for money.",
                "media": ["(binary)"],
            },
        }
    },
}


def answers_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation, by status; each as JSON or XML."""
    content: dict[str, Any] = {"application/json": {"schema": {}}, "application/xml": {"schema": {}}}
    return {status: {"description": SAID[status], "content": content} for status in statuses}
