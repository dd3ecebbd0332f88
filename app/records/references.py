"""A record's photos: stored before any row names them, and dated."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlmodel import Session

from app.core import jobs
from app.core.errors import Invalid
from app.core.files import PhotoStore, StoredFile
from app.photos.models import Photo
from app.records import queries
from app.records.fields import PhotoAge, ReferenceFile, age_years
from app.records.models import Record, Reference
from matching.formats import sniff

Kept = list[tuple[ReferenceFile, StoredFile]]


@contextmanager
def kept(store: PhotoStore, photos: Sequence[ReferenceFile]) -> Iterator[Kept]:
    """Store photos durably before any row names them; a refusal takes them back."""
    files: Kept = []
    try:
        for photo in photos:
            files.append((photo, store.put(photo.content)))
        yield files
    except BaseException:
        for _, file in files:
            store.delete(file.store_key)
        raise


def add(session: Session, record: Record, files: Kept, first: int = 0) -> None:
    """Add stored photos to a record, each with the job that examines it.

    Args:
        session: a writing session.
        record: the record, already flushed.
        files: the photos.
        first: position of the first one.

    Raises:
        Invalid: a photo is in the record already, or its date or age cannot be.
    """
    known = {photo.sha256 for _, photo in queries.references_of(session, record.id)}
    for position, (given, file) in enumerate(files, start=first):
        if file.sha256 in known:
            raise Invalid("This photo is in the record already.", field="photos")
        known.add(file.sha256)
        photo = Photo(
            position=position,
            sha256=file.sha256,
            byte_count=file.byte_count,
            format=sniff(given.content) or "",
            store_key=file.store_key,
            sealed_key=file.sealed_key,
        )
        session.add(photo)
        session.flush()
        reference = Reference(
            record_id=record.id,
            photo_id=photo.id,
            taken_on=given.age.taken_on,
            age_years=age_years(given.age, record.born_on),
        )
        session.add(reference)
        jobs.enqueue(
            session,
            "examine_reference",
            unique_key=f"examine_reference:{reference.id}",
            lane=f"area {record.jurisdiction_code}",
            reference_id=str(reference.id),
        )


def redate(session: Session, record: Record, staying: Sequence[tuple[Reference, PhotoAge]]) -> int:
    """Write down dates and ages; a computed age follows the birth date.

    Returns:
        How many references changed.

    Raises:
        Invalid: a date or an age cannot be.
    """
    changed = 0
    for reference, age in staying:
        years = age_years(age, record.born_on)
        if (reference.taken_on, reference.age_years) != (age.taken_on, years):
            reference.taken_on, reference.age_years = age.taken_on, years
            session.add(reference)
            changed += 1
    return changed


def digest(content: bytes) -> str:
    """The name of a photo's bytes, as the store computes it."""
    return hashlib.sha256(content).hexdigest()
