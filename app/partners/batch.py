"""Many tips in one request: each is checked, kept and answered for itself.

The part `tips` is a JSON array; each item has the fields of a tip, its own `idempotency_key`, and in `photos`
the names of the file parts that are its photos.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fastapi import Request

from app.core.context import Context
from app.core.errors import Invalid, Refusal
from app.partners.access import Caller
from app.tips import intake, service
from app.tips.intake import PARTNER_FIELDS
from app.tips.parts import Parts, photos_in, read_files
from app.tips.service import Accepted

MOST_ITEMS = 50
MOST_FILES = 100
LARGEST_LIST = 2**20
"""Bytes of the list of tips."""
HEADER = "Idempotency-Key"
"""Where a single tip has the key that an item has among its fields."""
ITEM_FIELDS = PARTNER_FIELDS | {"photos", "idempotency_key"}


@dataclass(frozen=True)
class Batch:
    """What a request held.

    Attributes:
        items: the tips as they were written.
        files: photos by the name of their part.
    """

    items: tuple[Mapping[str, Any], ...]
    files: Mapping[str, bytes]


async def read(request: Request) -> Batch:
    """Read a batch.

    Raises:
        Refusal: the body is no form, or breaks off.
        Invalid: `tips` is no JSON array of 1 to 50 objects.
    """
    text, files = await read_files(request, "tips", most_files=MOST_FILES, largest_text=LARGEST_LIST)
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Invalid("The part tips has to be a JSON array of objects.", field="tips")
    if not 0 < len(items) <= MOST_ITEMS:
        raise Invalid("Send 1 to %(most)s tips at once.", field="tips", most=MOST_ITEMS)
    return Batch(tuple(items), files)


def accept(context: Context, caller: Caller, batch: Batch, language: str) -> list[Accepted | Refusal]:
    """Keep what can be kept; one that is refused has changed nothing and stops no other.

    Args:
        context: the open deployment.
        caller: who sends them.
        batch: the tips.
        language: of senders that name none.

    Returns:
        What became of each, in order.
    """
    results: list[Accepted | Refusal] = []
    for item in batch.items:
        try:
            parts, key = _parts(item, batch.files)
            new = intake.partner_tip(parts, key, language)
            results.append(service.accept(context, caller.channel_id, new, caller.actor))
        except service.KeyReused as refusal:
            refusal.status = 422
            results.append(refusal)
        except Refusal as refusal:
            if refusal.field == HEADER:
                refusal.field = "idempotency_key"
            results.append(refusal)
    return results


def _parts(item: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[Parts, str]:
    if not set(item) <= ITEM_FIELDS:
        raise Invalid("The item holds a field that is not known here.")
    key, names = item.get("idempotency_key"), item.get("photos")
    if not isinstance(key, str) or not key:
        raise Invalid("Each tip of a batch needs its own key.", field="idempotency_key")
    if not isinstance(names, list) or not all(isinstance(name, str) and name in files for name in names):
        raise Invalid("Name the file parts that are this tip's photos.", field="photos")
    texts = {name: _text(name, item[name]) for name in sorted(PARTNER_FIELDS & set(item))}
    photos, problem = photos_in([files[name] for name in names])
    said = json.dumps([texts, [hashlib.sha256(photo.data).hexdigest() for photo in photos]])
    return Parts(texts, photos, problem, hashlib.sha256(said.encode()).hexdigest()), key


def _text(name: str, value: object) -> str:
    """A field as a form would carry it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            # A form has no exponents; of what is no number the field's own check speaks.
            return format(Decimal(repr(value)), "f")
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Invalid("This text holds characters that cannot be saved.", field=name) from None
            return value
        case None:
            return ""
        case _:
            raise Invalid("This field is a text, a number or a switch.", field=name)
