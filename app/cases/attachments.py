"""Files that officers put into a case: sealed, sent back as downloads only."""

import re
import unicodedata
from datetime import datetime
from pathlib import PurePath
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import queries, service
from app.cases.models import Case, CaseAttachment, CaseEntryKind
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound, Refusal, TooLarge
from app.core.files import StoredFile
from app.officers.models import Officer
from app.photos import stamping

FIELD = "attachment"
LARGEST = 20 * 2**20
"""Bytes of one attachment."""
LONGEST_NAME = 150
"""Bytes of a name in UTF-8; file systems take 255, and archives put a number before it."""
MOST = 50
"""Attachments of one case."""

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
"""First bytes of the kinds taken beside plain text; office files are not, they can carry programs."""
ENDINGS = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "text/plain": (".txt", ".csv", ".log", ".md"),
}


def media_type(data: bytes) -> str:
    """What a file is by its bytes, whatever its name says.

    Raises:
        Invalid: it is empty or of no kind that is taken.
        TooLarge: it is larger than is taken.
    """
    if len(data) > LARGEST:
        raise TooLarge("A file may have at most %(most)s MB.", field=FIELD, most=LARGEST // 2**20)
    if not data:
        raise Invalid("Choose a file that is not empty.", field=FIELD)
    for start, kind in SIGNATURES:
        if data.startswith(start):
            return kind
    if not _is_text(data):
        raise Invalid("Attach a PDF, a JPEG or PNG picture, or a plain text.", field=FIELD)
    return "text/plain"


def _is_text(data: bytes) -> bool:
    """Whether bytes are text as Chinese computers write it, without control characters."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return bool(text.strip()) and not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    return False


def keep(context: Context, officer: Officer, case_id: UUID, name: str, data: bytes) -> None:
    """Seal a file and add it to a case; one that is refused is not kept.

    Args:
        context: the deployment.
        officer: who adds it.
        case_id: the case.
        name: as the officer's computer had it.
        data: the file.

    Raises:
        NotFound: no such case in the officer's area.
        Refusal: the file or the case does not allow it; `media_type` and `attach` say when.
    """
    kind = media_type(data)
    file = context.store.put(data)
    try:
        with context.db.write() as session:
            attach(session, officer, case_id, name, kind, file)
    except Refusal:
        context.store.delete(file.store_key)
        raise


def attach(session: Session, officer: Officer, case_id: UUID, name: str, kind: str, file: StoredFile) -> None:
    """Add a file that is stored already; a closed case takes files, as it takes notes.

    Args:
        session: a writing session.
        officer: who adds it.
        case_id: the case.
        name: as the officer's computer had it.
        kind: what `media_type` found.
        file: the sealed file.

    Raises:
        NotFound: no such case in the officer's area.
        Conflict: the case rests in another, has this file, or has very many already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    service.refuse_resting(session, case)
    _refuse_full(session, case, file.sha256)
    row = CaseAttachment(
        case_id=case.id,
        name=tidy(name, kind),
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


def tidy(name: str, kind: str) -> str:
    """A file name that every system takes and no reader is misled by, with the ending of its kind.

    Args:
        name: as the officer's computer had it.
        kind: what `media_type` found.
    """
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(sign for sign in last if sign.isprintable())
    safe = re.sub(r'[<>:"|?*]', "_", seen).strip(" .")
    path = PurePath(safe or "file")
    stem, ending = (
        (path.stem, path.suffix) if path.suffix.lower() in ENDINGS[kind] else (safe, ENDINGS[kind][0])
    )
    short = stem.encode()[: LONGEST_NAME - len(ending)].decode(errors="ignore").strip(" .")
    return f"{short or 'file'}{ending}"


def of_case(session: Session, case_id: UUID, *, taken_out: bool | None = False) -> list[CaseAttachment]:
    """A case's attachments in the order they came; the caller has checked that the case may be seen.

    Args:
        session: any session.
        case_id: the case.
        taken_out: those that were taken out; None for all.
    """
    question = select(CaseAttachment).where(CaseAttachment.case_id == case_id)
    if taken_out is not None:
        question = question.where(col(CaseAttachment.removed_at).is_not(None) == taken_out)
    return list(session.exec(question.order_by(col(CaseAttachment.added_at), col(CaseAttachment.id))))


def opened(session: Session, officer: Officer, case_id: UUID, attachment_id: UUID) -> CaseAttachment:
    """An attachment whose bytes may be sent once this transaction, with its audit row, is committed.

    Raises:
        NotFound: no such case in the officer's area, or no such attachment.
    """
    queries.get_visible(session, officer, case_id)
    row = _get(session, case_id, attachment_id, taken_out=False)
    log_opened(session, officer, row)
    return row


def handed_out(
    row: CaseAttachment, data: bytes, officer: Officer, moment: datetime, zone: ZoneInfo
) -> tuple[str, bytes]:
    """What an officer saves: a picture with who took it and when burnt in, any other file as it was put in.

    Pictures as they were put in leave only with the case file, for a written purpose.

    Returns:
        Name and bytes; a marked picture is a JPEG.

    Raises:
        Unavailable: the picture could not be marked.
    """
    if not row.media_type.startswith("image/"):
        return row.name, data
    marked = stamping.shared.mark(data, stamping.words(officer, row.id, moment, zone))
    return f"{PurePath(row.name).stem}.jpg", marked


def log_opened(session: Session, officer: Officer, row: CaseAttachment) -> None:
    """Say in the audit log that an officer sees an attachment."""
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.ATTACHMENT_OPENED, "case", row.case_id, attachment=str(row.id))


def take_out(session: Session, officer: Officer, case_id: UUID, attachment_id: UUID) -> None:
    """Take an attachment out of its case; the sealed file stays, and it can be put back.

    Raises:
        NotFound: no such case in the officer's area, or no such attachment.
        Conflict: the case is closed or rests in another.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    row = _get(session, case_id, attachment_id, taken_out=False)
    service.refuse_closed(session, case)
    row.removed_at = now()
    session.add(row)
    service.write_entry(
        session, case, officer, CaseEntryKind.ATTACHMENT, "", title=row.name, step="taken_out"
    )
    actor = officer_actor(officer.id)
    audit.record(session, actor, Action.ATTACHMENT_REMOVED, "case", case_id, attachment=str(row.id))


def put_back(session: Session, officer: Officer, case_id: UUID, attachment_id: UUID) -> None:
    """Put an attachment back that was taken out.

    Raises:
        NotFound: no such case in the officer's area, or no such attachment among those taken out.
        Conflict: the case is closed, rests in another, has this file again, or has very many already.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    row = _get(session, case_id, attachment_id, taken_out=True)
    service.refuse_closed(session, case)
    _refuse_full(session, case, row.sha256)
    row.removed_at = None
    session.add(row)
    service.write_entry(session, case, officer, CaseEntryKind.ATTACHMENT, "", title=row.name, step="put_back")
    actor = officer_actor(officer.id)
    audit.record(
        session, actor, Action.ATTACHMENT_ADDED, "case", case_id, attachment=str(row.id), put_back=True
    )


def _refuse_full(session: Session, case: Case, sha256: str) -> None:
    held = of_case(session, case.id)
    if any(row.sha256 == sha256 for row in held):
        raise Conflict("The case has this file already.", field=FIELD)
    if len(held) >= MOST:
        raise Conflict("This case has %(most)s attachments. Take one out first.", field=FIELD, most=MOST)


def _get(session: Session, case_id: UUID, attachment_id: UUID, *, taken_out: bool) -> CaseAttachment:
    row = session.get(CaseAttachment, attachment_id)
    if row is None or row.case_id != case_id or (row.removed_at is not None) != taken_out:
        raise NotFound
    return row
