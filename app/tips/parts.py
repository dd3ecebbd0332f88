"""A form with photos, taken apart by hand.

The framework's own reader writes larger photos to /tmp in the clear, repeats what was sent in its errors and
takes a text in any encoding for Latin-1. This one keeps photos in memory until they are sealed, takes each
part once and says in a constant sentence what is wrong.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from app.core.errors import Invalid, Refusal, TooLarge, UnsupportedPhoto, message
from matching.formats import sniff

MOST_PHOTOS = 6
LARGEST_PHOTO = 20 * 2**20
"""Bytes of one photo."""

LARGEST_TEXT = 64 * 1024
"""Bytes of one text part; fields have shorter limits of their own."""

MOST_PARTS = 24
"""Files, and likewise texts, that are read at all; a form has fewer."""

PHOTOS = "photos"
"""Name of the parts that hold photos."""

WORK = "work"
"""Name of the part that proves work."""

WAITED = "waited_s"
"""Name of the part that says how many seconds ago the sender pressed the button."""

OF_THE_REQUEST = frozenset({WORK, WAITED})
"""Parts that differ when one and the same tip is sent again."""


class NoForm(Refusal):
    """A body that is not multipart/form-data in UTF-8."""

    status = 415
    code = "unsupported-media-type"


@dataclass(frozen=True)
class NewPhoto:
    """A photo as it came.

    Attributes:
        data: the file's bytes.
        format: what its first bytes say it is; nothing was decoded.
    """

    data: bytes
    format: str


@dataclass(frozen=True)
class Parts:
    """What a form held.

    Attributes:
        texts: text parts by name, as sent.
        photos: in the order they were sent.
        problem: why the photos cannot be taken; the texts are sound all the same.
        digest: SHA-256 over photos and texts, hex; the same when a tip is sent again.
    """

    texts: Mapping[str, str]
    photos: tuple[NewPhoto, ...]
    problem: Refusal | None
    digest: str


class _InMemory(MultiPartParser):
    """Never writes a photo to a temporary file; the limit of the whole body bounds the memory."""

    spool_max_size = 2**40
    ended = False

    def on_end(self) -> None:
        """Note that the closing boundary came; without it the last photo may be cut."""
        self.ended = True

    def close_files(self) -> None:
        """Give the memory of all files back, the cut one's too."""
        for file in self._files_to_close_on_error:
            file.close()


async def read_parts(request: Request, names: frozenset[str], photos_are: str = PHOTOS) -> Parts:
    """Read a form.

    Args:
        request: the request; its body is not read yet.
        names: the text parts that the form may have.
        photos_are: name of the parts that hold photos.

    Returns:
        Its parts; the photos' first bytes have been looked at and nothing else of them.

    Raises:
        NoForm: another kind of body.
        Refusal: the body breaks off or breaks the rules of multipart.
        Invalid: a part is repeated, unknown, misnamed or not UTF-8.
    """
    items = await _items(request)
    files = [value for _, value in items if isinstance(value, UploadFile)]
    try:
        texts = _texts(items, names, photos_are)
        # A browser sends one nameless empty file when none was chosen.
        chosen = [file for file in files if file.filename or file.size]
        photos, problem = photos_in([await file.read() for file in chosen])
    finally:
        for file in files:
            await file.close()
    return Parts(texts, photos, problem, _digest(texts, photos))


async def read_files(
    request: Request, text: str, *, most_files: int, largest_text: int
) -> tuple[str, dict[str, bytes]]:
    """Read a form that holds one text and files, each under a name of its own.

    Args:
        request: the request; its body is not read yet.
        text: name of the text's part.
        most_files: files that are read at all.
        largest_text: bytes of the text.

    Returns:
        The text, empty when it was not sent, and the files by the name of their part.

    Raises:
        NoForm: another kind of body.
        Refusal: the body breaks off or breaks the rules of multipart.
        Invalid: another text, or two parts of one name.
    """
    items = await _items(request, most_files, largest_text)
    files = {name: value for name, value in items if isinstance(value, UploadFile)}
    texts = [(name, value) for name, value in items if isinstance(value, str)]
    try:
        if len(files) + len(texts) != len(items) or [name for name, _ in texts] not in ([text], []):
            raise Invalid("Send each part once, and no text but one.", field=text)
        read = {name: await file.read() for name, file in files.items()}
    finally:
        for _, value in items:
            if isinstance(value, UploadFile):
                await value.close()
    return _utf8(texts[0][1], text) if texts else "", read


def photos_in(datas: Sequence[bytes]) -> tuple[tuple[NewPhoto, ...], Refusal | None]:
    """Photos as they came, or why they cannot be taken; only their first bytes are looked at."""
    problem = _first_problem([len(data) for data in datas])
    photos = () if problem else tuple(NewPhoto(data, sniff(data) or "") for data in datas)
    if any(not photo.format for photo in photos):
        return (), UnsupportedPhoto(NO_PHOTO, field=PHOTOS)
    return photos, problem


async def read_file(request: Request, field: str) -> tuple[str, bytes]:
    """Read a form that holds one file and nothing else.

    Args:
        request: the request; its body is not read yet.
        field: name of the file's part.

    Returns:
        The file's name as sent, and its bytes; both empty when none was chosen.

    Raises:
        NoForm: another kind of body.
        Refusal: the body breaks off or breaks the rules of multipart.
        Invalid: another part, or more than one file.
    """
    items = await _items(request)
    files = [value for _, value in items if isinstance(value, UploadFile)]
    try:
        if [name for name, _ in items] not in ([field], []) or len(files) != len(items):
            raise Invalid("Send one file at a time.", field=field)
        return (_utf8(files[0].filename or "", field), await files[0].read()) if files else ("", b"")
    finally:
        for file in files:
            await file.close()


NO_PHOTO = message(
    "One of the files is not a photo we can take. Send JPEG, PNG, WebP or HEIC pictures, as phones make them."
)


async def _items(
    request: Request, most_parts: int = MOST_PARTS, largest_text: int = LARGEST_TEXT
) -> list[tuple[str, UploadFile | str]]:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or options.get(b"charset", b"utf-8").lower() not in {b"utf-8", b"utf8"}:
        raise NoForm(message("Send this as a form with files: multipart/form-data in UTF-8."))
    boundary = options.get(b"boundary", b"")
    if not boundary or b'"' in boundary:
        raise _broken()
    # Latin-1 gives every byte back as it was, so that the texts can be read strictly as UTF-8 afterwards.
    kept = f'multipart/form-data; charset=latin-1; boundary="{boundary.decode("latin-1")}"'
    parser = _InMemory(
        Headers({"content-type": kept}),
        request.stream(),
        max_files=most_parts,
        max_fields=most_parts,
        max_part_size=largest_text,
    )
    try:
        items = (await parser.parse()).multi_items()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many() from error
        if error.message.startswith("Part exceeded"):
            raise TooLarge("A text of the form is too long. Nothing was saved.") from error
        raise _broken() from error
    except (ClientDisconnect, UnicodeError) as error:
        raise _broken() from error
    if not parser.ended:
        parser.close_files()
        raise _broken()
    return items


def _texts(
    items: list[tuple[str, UploadFile | str]], names: frozenset[str], photos_are: str
) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            if name != photos_are:
                known = name if name in names else None
                raise Invalid("A file was sent where none is expected. Nothing was saved.", field=known)
            continue
        if name == photos_are:
            raise Invalid("Send photos as files, each with a file name.", field=photos_are)
        if name not in names:
            raise Invalid("The form holds a part that is not known here. Nothing was saved.")
        if name in texts:
            raise Invalid("A field was sent more than once. Nothing was saved.", field=name)
        texts[name] = _utf8(value, name)
    return texts


def _first_problem(sizes: Sequence[int]) -> Refusal | None:
    if not sizes:
        return Invalid("Add at least one photo.", field=PHOTOS)
    if len(sizes) > MOST_PHOTOS:
        return _too_many()
    if any(size > LARGEST_PHOTO for size in sizes):
        return TooLarge(
            "A photo is larger than %(most)s MB. Send it smaller, or send a screenshot of it.",
            field=PHOTOS,
            most=LARGEST_PHOTO // 2**20,
        )
    if not all(sizes):
        return Invalid("One of the photos is empty. Choose it again.", field=PHOTOS)
    return None


def _too_many() -> Refusal:
    return Invalid("Send at most %(most)s photos at once.", field=PHOTOS, most=MOST_PHOTOS)


def _broken() -> Refusal:
    return Refusal("The request could not be read. Nothing was saved.")


def _utf8(value: str, name: str) -> str:
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise Invalid("A text of the form is not UTF-8. Nothing was saved.", field=name) from error


def _digest(texts: Mapping[str, str], photos: tuple[NewPhoto, ...]) -> str:
    said = sorted((name, text) for name, text in texts.items() if name not in OF_THE_REQUEST)
    body = [said, [hashlib.sha256(photo.data).hexdigest() for photo in photos]]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()
