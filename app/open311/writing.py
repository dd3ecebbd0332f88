"""Answers as Open311 writes them: JSON, or the same as XML."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi.responses import Response

ITEMS = {
    "services": "service",
    "service_requests": "request",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
    "errors": "error",
}
"""What one item of a list is called in XML."""
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Format(StrEnum):
    """How an answer is written; the end of its address says so."""

    JSON = "json"
    XML = "xml"


def written(format_: Format, root: str, value: Any, status: int = 200) -> Response:
    """An answer.

    Args:
        format_: as the address asks.
        root: name of the XML document's element; JSON has none.
        value: a list of rows, or one.
        status: of the answer.
    """
    if format_ == Format.JSON:
        body = json.dumps(value, ensure_ascii=False).encode()
        return Response(body, status, media_type="application/json")
    top = Element(root)
    _fill(top, root, value)
    return Response(
        tostring(top, encoding="utf-8", xml_declaration=True), status, media_type="application/xml"
    )


def _fill(element: Element, name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _fill(SubElement(element, key), key, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            item = ITEMS.get(name, "item")
            _fill(SubElement(element, item), item, inner)
    elif value is not None:
        element.text = _NOT_IN_XML.sub("", str(value))
