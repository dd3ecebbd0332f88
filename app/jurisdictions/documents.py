"""What the API's document says of areas."""

from typing import Any

TEXT, YES_NO = {"type": "string"}, {"type": "boolean"}
PROPERTIES = {
    "code": TEXT | {"example": "440300"},
    "name": TEXT | {"example": "深圳市"},
    "name_en": TEXT | {"example": "Shenzhen"},
    "level": TEXT | {"enum": ["nation", "province", "city", "district"]},
    "parent": {"type": ["string", "null"], "example": "440000"},
    "has_authority": YES_NO
    | {"description": "Whether it has police of its own; else the area above answers."},
}
FEATURE_SCHEMA = {
    "type": "object",
    "required": ["type", "id", "properties", "geometry"],
    "properties": {
        "type": {"const": "Feature"},
        "id": TEXT,
        "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        "properties": {"type": "object", "required": [*PROPERTIES], "properties": PROPERTIES},
        "geometry": {
            "type": ["object", "null"],
            "description": "RFC 7946 geometry in WGS 84, or null where none is known.",
        },
    },
}
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged since the ETag that was sent."}}


def _given(description: str, media_type: str, schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}} | UNCHANGED


FEATURE = _given("The area.", "application/geo+json", FEATURE_SCHEMA)
CHILDREN = _given(
    "The areas right below.",
    "application/geo+json",
    {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": FEATURE_SCHEMA},
        },
    },
)


def refused(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of an operation, by status."""
    said = {
        404: "No such area.",
        422: "A parameter breaks its rule.",
        500: "Something went wrong here.",
        503: "Busy: ask again.",
    }
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": said[status], "content": content} for status in statuses}


AREAS = _given(
    "All areas.",
    "application/json",
    {
        "type": "object",
        "required": ["areas"],
        "properties": {
            "areas": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": [*PROPERTIES, "has_shape"],
                    "properties": PROPERTIES | {"has_shape": YES_NO},
                },
            }
        },
    },
) | refused(500, 503)
