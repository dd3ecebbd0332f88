"""Words that belong to a row but may not stand in it: the log holds them sealed, and an auditor reads them.

A copy of the log, an export or a stolen database then still holds no name and no text.
"""

import base64
from collections.abc import Mapping
from typing import Any

from app.core.crypto import Keys, Unsealable

SEALED = "_sealed"
"""End of the name of a detail whose value is sealed."""


def seal(keys: Keys, text: str) -> str:
    """Seal a text for a detail whose name ends in `_sealed`."""
    return base64.b64encode(keys.seal(text.encode())).decode()


def opened(keys: Keys, detail: Mapping[str, Any]) -> dict[str, Any]:
    """A row's details with the sealed ones opened, under their plain names.

    Args:
        keys: the deployment's keys.
        detail: as stored.

    Returns:
        The details; one that does not open with these keys stays as it is stored.
    """
    found: dict[str, Any] = {}
    for name, value in detail.items():
        try:
            if name.endswith(SEALED):
                found[name.removesuffix(SEALED)] = keys.unseal(base64.b64decode(value)).decode()
                continue
        except (Unsealable, ValueError, TypeError):
            pass
        found[name] = value
    return found
