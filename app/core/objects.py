"""Where sealed bytes lie under names: a folder of this machine, or a bucket of an S3-compatible store.

Both keep the same promises, held by one contract test: what `write` returned from is durable, nothing is ever
overwritten, what is not there is a `FileNotFoundError`, and removing twice is no error.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.core.settings import Settings

PHOTOS = "photos"
"""Folder of the photos within the data folder."""


class StoreTrouble(OSError):
    """The photo store does not do what it is there for; nothing was changed, and asking again is right."""


class StoreUnreachable(StoreTrouble):
    """The photo store does not answer, or answers that it cannot just now."""


class StoreRefused(StoreTrouble):
    """The photo store answers and refuses: another bucket, other keys, or another deployment's place."""


@dataclass(frozen=True)
class Listed:
    """An object as a list of the store has it.

    Attributes:
        name: name within the store.
        byte_count: its size, sealed.
        changed_at: when it was written, seconds since 1970 by the store's clock.
    """

    name: str
    byte_count: int
    changed_at: float


class Objects(Protocol):
    """Bytes under names, each two letters, a slash and a long name."""

    @property
    def where(self) -> str:
        """The place, for people; no secret."""

    def check(self, owner: str) -> None:
        """Make sure that the place is there and is ours.

        Args:
            owner: who we are; a place that somebody else uses is refused.

        Raises:
            StoreTrouble: it is not.
        """

    def write(self, name: str, data: bytes) -> None:
        """Keep bytes durably, all or nothing.

        Raises:
            FileExistsError: something else lies under this name; it stays.
            OSError: they could not be kept.
        """

    def read(self, name: str) -> bytes:
        """The bytes under a name.

        Raises:
            FileNotFoundError: there are none.
            OSError: they could not be read.
        """

    def remove(self, name: str) -> None:
        """Remove what lies under a name; nothing there is no error, since a step may be repeated.

        Raises:
            OSError: it could not be removed.
        """

    def listed(self) -> Iterator[Listed]:
        """Everything that lies there, in no order.

        Raises:
            OSError: it could not be listed.
        """


def open_objects(settings: "Settings", address: str | None = None) -> Objects:
    """The place that the settings name.

    Args:
        settings: where things lie.
        address: another place than theirs; "" is the folder in the data folder.

    Raises:
        StoreRefused: there are no keys for it, or others may read them.
    """
    wanted = settings.photo_store_url if address is None else address
    if not wanted:
        return FolderObjects(settings.data_dir / PHOTOS)
    from app.core.s3 import S3Objects  # noqa: PLC0415 - the client is loaded only where it is used
    from app.core.store_address import parse  # noqa: PLC0415 - as above

    return S3Objects(parse(wanted), settings.photo_store_secret_file)


class FolderObjects:
    """Files below one folder.

    Each is written beside its place, fsynced, linked into it, and its folder fsynced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def where(self) -> str:
        """As `Objects.where`."""
        return str(self._folder)

    def check(self, owner: str) -> None:
        """As `Objects.check`: the folder is ours, since it lies in our data folder."""
        del owner
        if not self._folder.is_dir():
            msg = f"the folder of the photos {self._folder} is gone"
            raise StoreRefused(msg)

    def write(self, name: str, data: bytes) -> None:
        """As `Objects.write`."""
        target = self._folder / name
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            sync_folder(self._folder)
        part = target.with_suffix(".part")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            target.hardlink_to(part)  # unlike a rename, it never puts anything in another's place
        finally:
            part.unlink(missing_ok=True)
        sync_folder(target.parent)

    def read(self, name: str) -> bytes:
        """As `Objects.read`."""
        return (self._folder / name).read_bytes()

    def remove(self, name: str) -> None:
        """As `Objects.remove`."""
        (self._folder / name).unlink(missing_ok=True)

    def listed(self) -> Iterator[Listed]:
        """As `Objects.listed`."""
        for path in self._folder.glob("*/*"):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # erased in this moment
            yield Listed(f"{path.parent.name}/{path.name}", found.st_size, found.st_mtime)


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
