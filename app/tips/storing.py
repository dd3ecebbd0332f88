"""Sealing a tip's photos onto the disk before any row names them."""

import contextlib
from collections.abc import Iterable

from app.core.context import Context
from app.core.errors import Unavailable
from app.core.files import StoredFile
from app.tips.parts import NewPhoto


def store(context: Context, photos: Iterable[NewPhoto]) -> list[StoredFile]:
    """Seal photos and sync them to disk, all or none.

    Raises:
        Unavailable: the disk does not take them.
    """
    stored: list[StoredFile] = []
    try:
        stored.extend(context.store.put(photo.data) for photo in photos)
    except OSError as error:
        drop(context, stored)
        raise Unavailable(
            "The service cannot keep photos just now and saved nothing. Please send it again later.",
            retry_after_s=60,
        ) from error
    return stored


def drop(context: Context, stored: Iterable[StoredFile]) -> None:
    """Remove files that no row names. One that stays is sealed, and its key is gone."""
    for file in stored:
        with contextlib.suppress(OSError):
            context.store.delete(file.store_key)
