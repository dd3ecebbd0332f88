"""Sealing a tip's photos onto the disk before any row names them."""

import contextlib
import errno
import shutil
from collections.abc import Iterable

from app.core.context import Context
from app.core.errors import Unavailable
from app.core.files import StoredFile
from app.tips.parts import NewPhoto

MEGABYTE = 2**20


def store(context: Context, photos: Iterable[NewPhoto]) -> list[StoredFile]:
    """Seal photos and sync them to disk, all or none.

    Raises:
        Unavailable: the disk does not take them.
    """
    stored: list[StoredFile] = []
    try:
        check_room(context)
        stored.extend(context.store.put(photo.data) for photo in photos)
    except OSError as error:
        drop(context, stored)
        raise Unavailable(
            "The service cannot keep photos just now and saved nothing. Please send it again later.",
            retry_after_s=60,
        ) from error
    return stored


def check_room(context: Context) -> None:
    """Refuse before the disk is full: a database on a full disk cannot even be read.

    Raises:
        OSError: less than the reserve is free, or the disk does not answer.
    """
    if shutil.disk_usage(context.settings.data_dir).free < context.settings.disk_reserve_mb * MEGABYTE:
        raise OSError(errno.ENOSPC, "less than the reserve is free")


def drop(context: Context, stored: Iterable[StoredFile]) -> None:
    """Remove files that no row names. One that stays is sealed, and its key is gone."""
    for file in stored:
        with contextlib.suppress(OSError):
            context.store.delete(file.store_key)
