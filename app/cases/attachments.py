"""Files that officers put into a case: sealed, sent back as downloads only."""

import re
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import CaseAttachment, CaseEntryKind
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound, TooLarge
from app.core.files import PhotoStore, StoredFile
from app.officers.models import Officer

LARGEST = 20 * 2**20
"""Bytes of one attachment."""
LONGEST_NAME = 120
MOST = 50
"""Attachments of one case."""

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
"""First bytes of the kinds that are taken, beside plain text."""


def media_type(data: bytes) -> str:
    """What a file is by its bytes, whatever its name says.

    Raises:
        Invalid: it is empty or of no kind that is taken.
        TooLarge: it is larger than is taken.
    """
    if len(data) > LARGEST:
        raise TooLarge("A file may have at most %(most)s MB.", most=LARGEST // 2**20)
    for start, kind in SIGNATURES:
        if data.startswith(start):
            return kind
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or "\x00" in text:
        raise Invalid("Attach a PDF, a JPEG or PNG picture, or a plain text.", field="attachment")
    return "text/plain"


def attach(session: Session, officer: Officer, case_id: UUID, name: str, kind: str, file: StoredFile) -> None:
    """Add a file that is stored already; closed cases take none.

    Args:
        session: a writing session.
        officer: who adds it.
        case_id: the case.
        name: as the officer's computer had it.
        kind: what `media_type` found.
        file: the sealed file.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: the case is closed, rests in another, or has very many already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_closed(session, case)
    if len(of_case(session, case.id)) >= MOST:
        raise Conflict("This case has %(most)s attachments. Take one out first.", most=MOST)
    row = CaseAttachment(
        case_id=case.id,
        name=tidy(name),
        media_type=kind,
        byte_count=file.byte_count,
        sha256=file.sha256,
        store_key=file.store_key,
        sealed_key=file.sealed_key,
        added_by=officer.id,
    )
    session.add(row)
    session.flush()
    service.write_entry(session, case, officer, CaseEntryKind.ATTACHMENT, "", title=row.name)
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.ATTACHMENT_ADDED, "case", case.id, attachment=str(row.id))


def tidy(name: str) -> str:
    """A file name without folders, control characters or surprises, never empty."""
    last = re.split(r"[\\/]", name)[-1]
    kept = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    return kept[-LONGEST_NAME:] or "file"


def of_case(session: Session, case_id: UUID) -> list[CaseAttachment]:
    """A case's attachments; the caller has checked that the case may be seen."""
    question = select(CaseAttachment).where(
        CaseAttachment.case_id == case_id, col(CaseAttachment.removed_at).is_(None)
    )
    return list(session.exec(question.order_by(col(CaseAttachment.added_at), col(CaseAttachment.id))))


def opened(
    session: Session, store: PhotoStore, officer: Officer, case_id: UUID, attachment_id: UUID
) -> tuple[CaseAttachment, bytes]:
    """An attachment and its bytes, with its audit row in the same transaction.

    Raises:
        NotFound: no such case in the officer's area, or no such attachment.
    """
    row = _get(session, officer, case_id, attachment_id)
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.ATTACHMENT_OPENED, "case", case_id, attachment=str(row.id))
    return row, store.get(row.store_key, row.sealed_key)


def take_out(session: Session, officer: Officer, case_id: UUID, attachment_id: UUID) -> None:
    """Take an attachment out of its case; the sealed file stays.

    Raises:
        NotFound: no such case in the officer's area, or no such attachment.
        Conflict: the case is closed or rests in another.
    """
    row = _get(session, officer, case_id, attachment_id)
    service.refuse_closed(session, queries.get_visible(session, officer, case_id, hold=True))
    row.removed_at = now()
    session.add(row)
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.ATTACHMENT_REMOVED, "case", case_id, attachment=str(row.id))


def _get(session: Session, officer: Officer, case_id: UUID, attachment_id: UUID) -> CaseAttachment:
    queries.get_visible(session, officer, case_id)
    row = session.get(CaseAttachment, attachment_id)
    if row is None or row.case_id != case_id or row.removed_at is not None:
        raise NotFound
    return row
