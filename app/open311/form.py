"""Open311's words for a tip, and ours.

Names, addresses and telephone numbers of whoever reported it are read over: a tip needs none of them.
"""

import hashlib
import json
from urllib.parse import parse_qsl

from fastapi import Request

from app.core.errors import Invalid, TooLarge
from app.open311.services import DANGER, SERVICES
from app.tips import intake
from app.tips.intake import NewTip
from app.tips.parts import Parts, read_parts

MEDIA = "media"
"""Name of the parts that hold photos."""
TRANSLATED = {
    "lat": "latitude",
    "long": "longitude",
    "address_string": "place_text",
    "description": "description",
    "media_url": "source_url",
    "attribute[observed_at]": "observed_at",
    "attribute[external_id]": "external_id",
    "attribute[coordinate_system]": "coordinate_system",
}
READ_OVER = frozenset(
    {"address_id", "email", "device_id", "account_id", "first_name", "last_name", "phone", "jurisdiction_id"}
)
FIELDS = frozenset(TRANSLATED) | READ_OVER | {"api_key", "service_code"}
LARGEST_FORM = 64 * 1024
"""Bytes of a form without files."""


async def read(request: Request) -> Parts:
    """Read a request for service: a form with files, or one without.

    Raises:
        Refusal: the body is neither, or breaks off.
        Invalid: it holds a field twice, or one that Open311 does not have.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return await read_parts(request, FIELDS, MEDIA)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise TooLarge("A text of the form is too long. Nothing was saved.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=40)
    except ValueError as error:
        raise Invalid("A text of the form is not UTF-8. Nothing was saved.") from error
    texts = dict(pairs)
    if len(texts) != len(pairs) or not set(texts) <= FIELDS:
        raise Invalid("The form holds a part that is not known here. Nothing was saved.")
    missing = Invalid("Add at least one photo, as a file in the part media.", field=MEDIA)
    return Parts(texts, (), missing, hashlib.sha256(body).hexdigest())


def tip_of(parts: Parts, key: str | None, language: str) -> NewTip:
    """The tip that a request for service is.

    Args:
        parts: what was sent.
        key: value of the header Idempotency-Key; without it the sender's own number serves.
        language: of the sender.

    Raises:
        Refusal: no such service, a field breaks its rule, or photo or place is missing.
    """
    code = parts.texts.get("service_code", "")
    if code not in SERVICES:
        raise Invalid("There is no service with this code.", field="service_code")
    texts = {ours: parts.texts[theirs] for theirs, ours in TRANSLATED.items() if theirs in parts.texts}
    texts["danger_now"] = "true" if code == DANGER else "false"
    number = texts.get("external_id", "").strip()
    if not key and number:
        key = f"open311-{hashlib.sha256(number.encode()).hexdigest()[:32]}"
    said = sorted((name, text) for name, text in parts.texts.items() if name != "api_key")
    photos = [hashlib.sha256(photo.data).hexdigest() for photo in parts.photos]
    digest = hashlib.sha256(json.dumps([said, photos]).encode()).hexdigest()
    return intake.partner_tip(Parts(texts, parts.photos, parts.problem, digest), key, language)
