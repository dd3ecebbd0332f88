"""Reading a tip's multipart body: what is taken, and what is refused before anything is saved.

A browser form and a partner's program send the same shape: text parts and photos. Every part is named,
text parts come once, and what a photo is is told by its first bytes, never by its name or declared type.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from app.core.errors import Invalid, Refusal, TooLarge, UnsupportedPhoto
from matching.formats import sniff

PHOTO_PART = "photos"
MOST_PHOTOS = 6
LARGEST_PHOTO = 20 * 2**20
"""Bytes of one photo."""
MOST_TEXTS = 30
LONGEST_TEXT_PART = 64 * 1024
"""Bytes of one text part; the fields themselves take less."""

# A larger value keeps uploads in memory: by default parts over 1 MB are written to /tmp in the clear.
MultiPartParser.spool_max_size = LARGEST_PHOTO + 2**20


@dataclass(frozen=True)
class Parts:
    """A body, taken apart.

    Attributes:
        texts: one text a name; names that were not sent are missing.
        photos: the photos' bytes in the order they were sent.
        refusal: why the photos or their number are refused, kept until the texts are read too, so that a
            form can be shown again with what was typed.
    """

    texts: Mapping[str, str]
    photos: tuple[bytes, ...]
    refusal: Refusal | None = None

    def required_photos(self) -> tuple[bytes, ...]:
        """The photos, if they are all right.

        Raises:
            Refusal: what is wrong with them.
        """
        if self.refusal is not None:
            raise self.refusal
        if not self.photos:
            raise Invalid("Add at least one photo.", field=PHOTO_PART)
        return self.photos


async def read_parts(request: Request, names: frozenset[str]) -> Parts:
    """Take a multipart body apart.

    Args:
        request: the request; its body has not been read yet.
        names: text parts that this address knows.

    Returns:
        The parts; what is wrong with a photo is kept in `refusal`.

    Raises:
        Refusal: the body cannot be read, or holds a part that is unknown, repeated or no text.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise Invalid("Send the tip as a form with photos (multipart/form-data).", field=PHOTO_PART)
    try:
        form = await request.form(
            max_files=4 * MOST_PHOTOS, max_fields=MOST_TEXTS, max_part_size=LONGEST_TEXT_PART
        )
    except (MultiPartException, HTTPException) as error:
        if isinstance(error, HTTPException) and error.status_code == 413:  # noqa: PLR2004
            raise
        raise Invalid("The form could not be read. Nothing was saved; please send it again.") from error
    except (UnicodeDecodeError, LookupError) as error:
        raise Invalid("The form's text is not UTF-8. Nothing was saved.") from error
    try:
        texts = _texts(form, names)
        photos, refusal = await _photos(form)
    finally:
        await form.close()
    return Parts(texts, photos, refusal)


def _texts(form: FormData, names: frozenset[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in form.multi_items():
        if name == PHOTO_PART and isinstance(value, UploadFile):
            continue
        if isinstance(value, UploadFile):
            raise Invalid(
                "A file was sent in a field that takes none. Nothing was saved.", field=_known(name, names)
            )
        if name == PHOTO_PART:
            if value == "":
                continue  # Some browsers send an empty text for an empty file field.
            raise Invalid("A photo was sent without a file name. Nothing was saved.", field=PHOTO_PART)
        if name not in names:
            raise Invalid("The form holds a field that is not known here. Nothing was saved.")
        if name in texts:
            raise Invalid("A field was sent twice. Nothing was saved.", field=name)
        if not _is_plain(value):
            raise Invalid("A text holds characters that cannot be stored. Nothing was saved.", field=name)
        texts[name] = value.replace("\r\n", "\n").strip()
    return texts


async def _photos(form: FormData) -> tuple[tuple[bytes, ...], Refusal | None]:
    sent = [value for value in form.getlist(PHOTO_PART) if isinstance(value, UploadFile)]
    files = [file for file in sent if file.filename or file.size]
    if len(files) > MOST_PHOTOS:
        return (), Invalid("Send at most %(most)s photos.", field=PHOTO_PART, most=MOST_PHOTOS)
    photos: list[bytes] = []
    for file in files:
        if (file.size or 0) > LARGEST_PHOTO:
            return (), TooLarge(
                "A photo is larger than %(most)s MB. Choose a smaller size or take a screenshot of it.",
                field=PHOTO_PART,
                most=LARGEST_PHOTO // 2**20,
            )
        data = await file.read()
        if not data:
            return (), Invalid("A photo is empty. Choose it again.", field=PHOTO_PART)
        if sniff(data[:512]) is None:
            return (), UnsupportedPhoto(
                "A file is not a photo that can be read. Send JPEG, PNG, WebP or HEIC; a screenshot works too.",
                field=PHOTO_PART,
            )
        photos.append(data)
    return tuple(photos), None


def _is_plain(text: str) -> bool:
    """No lone surrogates, no control characters but line ends and tabs."""
    return all(unicodedata.category(letter) not in {"Cc", "Cs"} or letter in "\n\r\t" for letter in text)


def _known(name: str, names: frozenset[str]) -> str | None:
    return name if name in names else None
