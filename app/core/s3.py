"""Objects in a bucket of an S3-compatible store. Importing this loads the client, so only its users do.

Each request carries a SHA-256 of its body that the server has to find. What fails on the way is repeated a
few times with growing pauses, also a write of which nobody knows whether it came through, which the client
alone would not repeat: the bytes and the name are the same. All of it ends within a time limit, and while the
store does not answer, one step at a time asks for it; the others are told at once.
"""

import contextlib
import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from app.core.objects import Listed, StoreRefused, StoreTrouble, StoreUnreachable
from app.core.store_address import StoreAddress

Result = TypeVar("Result")

CONNECT_LIMIT: Final = timedelta(seconds=3)
REQUEST_LIMIT: Final = timedelta(seconds=30)
"""A whole request with its body; 20 MB go through a line of 6 Mbit/s within it."""
SHORT_LIMIT: Final = timedelta(seconds=5)
"""Removing and looking: some of it is done while others wait for the database."""
RETRY_LIMIT: Final = timedelta(seconds=10)
"""After this no try follows another, so that whoever waits for an answer gets one."""
CLIENT_RETRIES: Final = 2
"""Of the client within one try: what was surely not done, and pages of a list."""
TRIES: Final = 3
FIRST_PAUSE_S: Final = 0.2
"""Before the second try; twice that before the third, each with up to as much again by chance."""
PART_BYTES: Final = 8 * 2**20
"""Larger objects go in parts of this size; S3 takes parts from 5 MiB."""
OWNER: Final = "owner"
"""Name of the object that says whose place it is; it has no slash, so it is none of the photos."""

_KEYS_REFUSED: Final = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "403 Forbidden")


class S3Objects:
    """Objects below one prefix of one bucket.

    Args:
        address: the bucket.
        secret_file: file with two lines, access key and secret key; None takes the environment's
            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

    Raises:
        StoreRefused: there are no keys, or others may read them.
    """

    def __init__(self, address: StoreAddress, secret_file: Path | None) -> None:
        access_key, secret_key = _keys(secret_file)
        self._address = address
        self._in_doubt = False
        self._asking = threading.Lock()
        self._store = self._open(access_key, secret_key, REQUEST_LIMIT, CLIENT_RETRIES)
        self._quick = self._open(access_key, secret_key, SHORT_LIMIT, 0)

    def _open(self, access_key: str, secret_key: str, limit: timedelta, retries: int) -> S3Store:
        address = self._address
        return S3Store(
            address.bucket,
            prefix=address.prefix or None,
            endpoint=address.endpoint or None,
            region=address.region,
            access_key_id=access_key,
            secret_access_key=secret_key,
            checksum_algorithm="SHA256",
            disable_bulk_delete=True,  # one object is removed at a time, and every store knows that request
            client_options={
                "allow_http": address.endpoint.startswith("http://"),
                "connect_timeout": CONNECT_LIMIT,
                "timeout": limit,
            },
            retry_config={
                "max_retries": retries,
                "retry_timeout": RETRY_LIMIT,
                "backoff": {"init_backoff": timedelta(milliseconds=100)},
            },
        )

    @property
    def where(self) -> str:
        """As `Objects.where`."""
        return self._address.where

    def check(self, owner: str) -> None:
        """As `Objects.check`; a place that nobody uses is ours from now on, if it overwrites nothing."""
        try:
            found = self.read(OWNER)
        except FileNotFoundError:
            self._claim(owner)
            found = self.read(OWNER)
        if found != owner.encode():
            msg = f"the photo store {self.where} is in use by another deployment: choose another prefix"
            raise StoreRefused(msg)

    def _claim(self, owner: str) -> None:
        with contextlib.suppress(FileExistsError):  # somebody else was first
            self._write_small(OWNER, owner.encode())
        with contextlib.suppress(FileExistsError):
            self._write_small(OWNER, b"")
            with contextlib.suppress(StoreTrouble):
                self.remove(OWNER)
            msg = f"the photo store {self.where} overwrites what is there: it does not know If-None-Match"
            raise StoreRefused(msg)

    def write(self, name: str, data: bytes) -> None:
        """As `Objects.write`."""
        once = self._write_large if len(data) > PART_BYTES else self._write_small
        self._repeatedly(lambda: once(name, data))

    def _write_small(self, name: str, data: bytes) -> None:
        try:
            obstore.put(self._store, name, data, mode="create")
        except AlreadyExistsError as error:
            # A try whose answer was lost has written it: then what lies there is ours.
            if self._digest(name) != hashlib.sha256(data).digest():
                raise FileExistsError(name) from error
        except (BaseError, OSError) as error:
            raise self._trouble(error) from error

    def _write_large(self, name: str, data: bytes) -> None:
        """Write in parts, which takes no condition: it is asked before, and no name is given twice."""
        try:
            obstore.head(self._quick, name)
        except (NotFoundError, FileNotFoundError):
            pass
        except (BaseError, OSError) as error:
            raise self._trouble(error) from error
        else:
            if self._digest(name) != hashlib.sha256(data).digest():
                raise FileExistsError(name)
            return
        try:
            obstore.put(self._store, name, data, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=4)
            kept = obstore.head(self._quick, name)["size"]
        except (BaseError, OSError) as error:
            raise self._trouble(error) from error
        if kept != len(data):
            self._remove(name)
            msg = "the photo store kept another number of bytes than it was given"
            raise StoreUnreachable(msg)

    def _digest(self, name: str) -> bytes:
        return hashlib.sha256(self._read(name)).digest()

    def read(self, name: str) -> bytes:
        """As `Objects.read`."""
        return self._repeatedly(lambda: self._read(name))

    def _read(self, name: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except (BaseError, OSError) as error:
            raise self._trouble(error, name) from error

    def remove(self, name: str) -> None:
        """As `Objects.remove`."""
        self._repeatedly(lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        try:
            obstore.delete(self._quick, name)
        except (BaseError, OSError) as error:
            found = self._trouble(error, name)
            if not isinstance(found, FileNotFoundError):
                raise found from error

    def listed(self) -> Iterator[Listed]:
        """As `Objects.listed`, a thousand with each request."""
        try:
            for page in obstore.list(self._store, chunk_size=1000):
                for each in page:
                    if "/" in each["path"]:
                        yield Listed(each["path"], each["size"], each["last_modified"].timestamp())
        except (BaseError, OSError) as error:
            raise self._trouble(error) from error

    def _repeatedly(self, step: Callable[[], Result]) -> Result:
        """Do a step that may be repeated until the store answers, or for as long as somebody would wait."""
        if not self._in_doubt:
            return self._tried(step, TRIES)
        if not self._asking.acquire(blocking=False):
            msg = f"the photo store {self.where} does not answer"
            raise StoreUnreachable(msg)
        try:
            return self._tried(step, 1)
        finally:
            self._asking.release()

    def _tried(self, step: Callable[[], Result], tries: int) -> Result:
        end = time.monotonic() + RETRY_LIMIT.total_seconds()
        for number in range(tries):
            try:
                result = step()
            except StoreUnreachable:
                if number == tries - 1 or time.monotonic() > end:
                    self._in_doubt = True
                    raise
                time.sleep(FIRST_PAUSE_S * 2**number * (1 + random.random()))  # noqa: S311 - spreads, hides nothing
            except OSError:
                self._in_doubt = False  # it answered
                raise
            else:
                self._in_doubt = False
                return result
        raise AssertionError

    def _trouble(self, error: Exception, name: str = "") -> StoreTrouble | FileNotFoundError:
        """What an error of the client is to us; its text goes no further, since it quotes the server's."""
        said = str(error)
        if "NoSuchBucket" in said:
            return StoreRefused(f"the photo store has no bucket {self._address.bucket}")
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or any(
            word in said for word in _KEYS_REFUSED
        ):
            return StoreRefused(f"the photo store {self.where} refuses our keys, or what is done with them")
        if isinstance(error, NotFoundError | FileNotFoundError):
            return FileNotFoundError(name)
        return StoreUnreachable(f"the photo store {self.where} does not answer")


def _keys(secret_file: Path | None) -> tuple[str, str]:
    """Access key and secret key; never asked of the machine's cloud, which would be asked at each start."""
    if secret_file is None:
        found = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        if not all(found):
            msg = "the photo store needs keys: set HOMEWARD_PHOTO_STORE_SECRET_FILE"
            raise StoreRefused(msg)
        return found
    try:
        mode = secret_file.stat().st_mode
        lines = secret_file.read_text().split()
    except (OSError, ValueError):
        msg = f"the file with the photo store's keys {secret_file} cannot be read"
        raise StoreRefused(msg) from None
    if mode & 0o077:
        msg = (
            f"the file with the photo store's keys {secret_file} may be read by others; set its mode to 0600"
        )
        raise StoreRefused(msg)
    if len(lines) != 2:  # noqa: PLR2004 - access key and secret key
        msg = f"the file {secret_file} holds two lines: the access key and the secret key of the photo store"
        raise StoreRefused(msg)
    return lines[0], lines[1]
