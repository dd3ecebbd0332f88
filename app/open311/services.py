"""What may be asked for: two services, and what a request for one holds."""

from typing import Any

from app.core.errors import message
from app.core.render import translate

IN_NEED, DANGER = "child_in_need", "child_in_danger"
SERVICES = {
    IN_NEED: (
        message("A child who may be in need"),
        message("A child begs, or seems to be with the wrong people. Send a photo and the place."),
    ),
    DANGER: (
        message("A child in danger right now"),
        message("Call the emergency number first. Then send a photo and the place."),
    ),
}
"""Name and description of each service."""
GROUP = message("Children")
ATTRIBUTES = (
    ("media", "string", True, message("The photo, as a file of a form: JPEG, PNG, WebP or HEIC.")),
    ("observed_at", "datetime", False, message("When it was seen, with its offset.")),
    ("external_id", "string", False, message("Your own number. Sent again with it, it is the same tip.")),
    ("coordinate_system", "singlevaluelist", False, message("What lat and long are in.")),
)
SYSTEMS = ("wgs84", "gcj02", "bd09")


def listed(language: str) -> list[dict[str, Any]]:
    """All services, in a language."""
    return [
        {
            "service_code": code,
            "service_name": translate(language, name),
            "description": translate(language, description),
            "metadata": "true",
            "type": "realtime",
            "keywords": "child, begging, trafficking",
            "group": translate(language, GROUP),
        }
        for code, (name, description) in SERVICES.items()
    ]


def definition(code: str, language: str) -> dict[str, Any]:
    """What a request for a service may hold beside Open311's own fields."""
    return {
        "service_code": code,
        "attributes": [
            {
                "variable": "true",
                "code": name,
                "datatype": kind,
                "required": "true" if required else "false",
                "datatype_description": "",
                "order": str(order),
                "description": translate(language, text),
                "values": [{"key": each, "name": each} for each in SYSTEMS]
                if kind == "singlevaluelist"
                else [],
            }
            for order, (name, kind, required, text) in enumerate(ATTRIBUTES, 1)
        ],
    }
