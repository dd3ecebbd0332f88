"""Comparing a picture that somebody asked about. Runs in the worker.

Whoever holds all of a picture may know whether the police have it. So the very file counts, an untouched copy
of it, and a screenshot of all of it. A part of it, an edited or a turned one does not, and another picture of
the same child never does: no face is compared, and no record is looked at.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Unsealable
from app.enquiries import queries
from app.enquiries.models import Enquiry, Finding
from app.photos import joining
from app.photos.examine_server import ExaminationFailure
from app.photos.sandbox import ExaminationFailed
from app.tips import queries as tip_queries
from matching.examination import Examination
from matching.formats import UnreadablePhoto
from matching.pictures.fingerprint import Fingerprint
from matching.pictures.same_picture import ALIKE, ALIKE_CORRELATION, WHOLLY, Kind, SameAs

WHOLE_COPIES = frozenset({Kind.COPY, Kind.SCREENSHOT})


class ExaminesPhotos(Protocol):
    """Whatever decodes a photo away from keys and database."""

    def examine(self, data: bytes) -> Examination:
        """Examine one photo.

        Raises:
            UnreadablePhoto: the bytes are no photo that can be shown.
            ExaminationFailed: the child died, ran too long or answered nonsense.
        """


def answer(context: Context, examiner: ExaminesPhotos, enquiry_id: UUID) -> None:
    """Compare an enquiry's picture, write the answer down, erase the picture; repeated, it changes nothing.

    The key of the picture's file goes in the transaction of the answer, the file itself right after.

    Raises:
        ExaminationFailed: the decode server was lost, which says nothing about the picture.
    """
    with context.db.read() as session:
        enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None:
        return
    if enquiry.finding is None:
        found = _examined(context, examiner, enquiry)
        with context.db.read() as session:
            photo_ids = _whole_copies(session, *found) if found else []
        with context.db.write() as session:
            finding = _finding(session, photo_ids) if found else Finding.UNREADABLE
            conclude(session, enquiry_id, finding, photo_ids)
    erase_picture(context, enquiry_id)


def conclude(session: Session, enquiry_id: UUID, finding: Finding, photo_ids: Sequence[UUID] = ()) -> None:
    """Write an answer down and drop the key of its picture; the first answer stays.

    Args:
        session: a writing session.
        enquiry_id: the enquiry.
        finding: its answer.
        photo_ids: photos of tips that it is a copy of; the first one is named in the audit log.
    """
    enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None or enquiry.finding is not None:
        return
    enquiry.finding, enquiry.answered_at, enquiry.sealed_key = finding, now(), None
    session.add(enquiry)
    audit.record(
        session,
        SYSTEM,
        Action.ENQUIRY_ANSWERED,
        "enquiry",
        enquiry_id,
        finding=finding.value,
        photo=str(photo_ids[0]) if photo_ids else None,
    )


def erase_picture(context: Context, enquiry_id: UUID) -> None:
    """Delete the file of an answered enquiry, then forget its name."""
    with context.db.read() as session:
        enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None or enquiry.finding is None or enquiry.store_key is None:
        return
    context.store.delete(enquiry.store_key)
    with context.db.write() as session:
        kept = session.get(Enquiry, enquiry_id)
        if kept is not None:
            kept.store_key = None
            session.add(kept)


def _examined(context: Context, examiner: ExaminesPhotos, enquiry: Enquiry) -> tuple[str, Fingerprint] | None:
    """The picture's SHA-256 and fingerprint; None if it cannot be looked at. All else is dropped unread."""
    if enquiry.store_key is None or enquiry.sealed_key is None:
        return None
    with contextlib.suppress(FileNotFoundError, Unsealable, UnreadablePhoto):
        data = context.store.get(enquiry.store_key, enquiry.sealed_key)
        try:
            return hashlib.sha256(data).hexdigest(), examiner.examine(data).fingerprint
        except ExaminationFailed as error:
            if error.reason == ExaminationFailure.SERVER_LOST:
                raise
    return None


def _whole_copies(session: Session, sha256: str, probe: Fingerprint) -> list[UUID]:
    same = joining.pictures_like(session, probe) if probe.usable else {}
    copies = [photo_id for photo_id, found in same.items() if is_whole_copy(found)]
    return [*queries.same_file(session, sha256), *queries.of_known_tips(session, copies)]


def is_whole_copy(found: SameAs) -> bool:
    """Whether two pictures show all of each other and agree as untouched copies do."""
    return (
        found.kind in WHOLE_COPIES
        and min(found.shown) >= WHOLLY
        and found.agreement >= ALIKE
        and found.correlation >= ALIKE_CORRELATION
    )


def _finding(session: Session, photo_ids: list[UUID]) -> Finding:
    """New, or checked once every sender of the picture has an answer; how police work stands is not asked."""
    tips = queries.tips_with(session, photo_ids)
    if not tips:
        return Finding.NEW
    answered = all(tip_queries.is_answered(session, tip_id) for tip_id in tips)
    return Finding.CHECKED if answered else Finding.BEING_CHECKED
