"""What tus 1.0.0 says in headers (https://tus.io/protocols/resumable-upload): parsed, checked and written."""

import base64
import binascii
import re
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from app.core.errors import Invalid, NotFound, Refusal, message
from app.partners.models import Upload
from app.tips.parts import LARGEST_PHOTO

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
PIECE_TYPE = "application/offset+octet-stream"
LONGEST_METADATA = 4096
"""Characters of Upload-Metadata that are read at all."""

_COUNT = re.compile(r"[0-9]{1,15}")


class OtherVersion(Refusal):
    """A request that speaks another version of the protocol, or none."""

    status = 412
    code = "precondition-failed"


class NoPiece(Refusal):
    """A body that is not declared as a piece of a file."""

    status = 415
    code = "unsupported-media-type"


class TusRoute(APIRoute):
    """Every answer, a refusal too, names the version; an id that is none reads like one that is unknown."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap what the framework does."""
        handle = super().get_route_handler()

        async def named(request: Request) -> Response:
            try:
                response = await handle(request)
            except RequestValidationError:
                raise named_refusal(NotFound()) from None
            except Refusal as refusal:
                raise named_refusal(refusal) from refusal.__cause__
            response.headers["Tus-Resumable"] = VERSION
            return response

        return named


def named_refusal(refusal: Refusal) -> Refusal:
    """The same refusal with the protocol's version."""
    refusal.headers["Tus-Resumable"] = VERSION
    return refusal


def check_version(given: str | None) -> None:
    """See that the client speaks this version.

    Raises:
        OtherVersion: it speaks another one, or does not say.
    """
    if given != VERSION:
        refusal = OtherVersion(message("Send Tus-Resumable: 1.0.0 with every request."))
        refusal.headers["Tus-Version"] = VERSION
        raise refusal


def check_piece(content_type: str | None) -> None:
    """See that a body is a piece of a file.

    Raises:
        NoPiece: it says something else.
    """
    if (content_type or "").strip().lower() != PIECE_TYPE:
        raise NoPiece(message("Send pieces as application/offset+octet-stream."))


def count(value: str | None, header: str) -> int:
    """A number of bytes.

    Raises:
        Invalid: no plain decimal number, or not sent.
    """
    if value is None or not _COUNT.fullmatch(value):
        raise Invalid("This has to be a number of bytes.", field=header)
    return int(value)


def package_in(metadata: str | None) -> UUID:
    """The package that Upload-Metadata names; everything else in it is dropped, file names tell of people.

    Raises:
        Invalid: no package is named, twice, or not in base64.
    """
    pairs = [pair.split() for pair in (metadata or "")[:LONGEST_METADATA].split(",")]
    values = [pair[1] for pair in pairs if len(pair) == 2 and pair[0] == "package"]  # noqa: PLR2004
    try:
        if len(values) == 1 and len(metadata or "") <= LONGEST_METADATA:
            return UUID(base64.b64decode(values[0], validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        pass
    raise Invalid("Name the package in Upload-Metadata: package, a space, its id in base64.", field="package")


def state_headers(upload: Upload) -> dict[str, str]:
    """Where an upload stands and until when it is kept."""
    return {
        "Upload-Offset": str(upload.received),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }


def head_headers(upload: Upload) -> dict[str, str]:
    """All that is told of an upload; of its metadata what was kept."""
    headers = state_headers(upload) | {"Upload-Length": str(upload.length), "Cache-Control": "no-store"}
    if upload.package_id is not None:
        headers["Upload-Metadata"] = f"package {base64.b64encode(str(upload.package_id).encode()).decode()}"
    return headers


OPTIONS_HEADERS = {
    "Tus-Version": VERSION,
    "Tus-Extension": EXTENSIONS,
    "Tus-Max-Size": str(LARGEST_PHOTO),
}
"""What this server can do."""
