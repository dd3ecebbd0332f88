"""The case file: everything of a case in one archive, for a court, a prosecutor or another authority."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.audit.service import checkpoints_path, officer_actor
from app.cases import attachments, page_queries, queries, service, tasking_sheet
from app.cases.models import CaseEntryKind
from app.cases.page_queries import CasePage
from app.core.clock import now
from app.core.context import Context
from app.core.render import LANGUAGES, moment, word
from app.officers.models import Officer
from app.referrals import queries as referrals

WITHHELD = {"contact_sealed", "receipt_lookup", "store_key", "sealed_key", "password_hash"}
"""Columns that never leave: how to reach a tipster, and keys."""
OLDEST = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the archive, so that one case gives one archive."""

READ_ME = """本压缩包为案件卷宗。MANIFEST.txt 列出每个文件的 SHA-256；audit.jsonl 为审计日志摘录，含哈希链。
人脸相似只是核查的理由，绝非结论。

This archive is a case file. MANIFEST.txt gives the SHA-256 of each file; audit.jsonl is an extract of the
audit log with its chain of hashes. A resemblance of faces is a reason to look, never a finding.
"""


def make(session: Session, context: Context, officer: Officer, case_id: UUID, purpose: str) -> bytes:
    """Write a case's file; its purpose stands in the timeline, and the audit log counts what left.

    Args:
        session: a writing session.
        context: the deployment.
        officer: who takes it out.
        case_id: the case.
        purpose: for whom and why, in words.

    Returns:
        A ZIP archive. No tipster's contact, receipt or key is in it.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no purpose in words.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    why = service.checked_text(purpose, "purpose")
    service.write_entry(session, case, officer, CaseEntryKind.EXPORTED, why)
    session.flush()
    shown = page_queries.case_page(session, officer, case_id)
    files = dict(_files(session, context, officer, shown))
    audit.record(session, officer_actor(officer.id), Action.CASE_EXPORTED, "case", case.id, files=len(files))
    return _archive(files)


def _files(
    session: Session, context: Context, officer: Officer, shown: CasePage
) -> Iterator[tuple[str, bytes]]:
    zone, at = context.settings.zone, now()
    pictures = tasking_sheet.approved(session, context, officer, shown)
    yield "README.txt", READ_ME.encode()
    yield "case.json", _json(_rows(session, shown))
    yield "timeline.csv", _timeline(shown, context)
    for language in LANGUAGES:
        sheet = tasking_sheet.draw(shown, pictures, officer, at, language, zone)
        yield f"tasking-sheet-{language}.pdf", sheet
    for number, picture in enumerate(pictures, 1):
        if picture.data is not None:
            yield f"pictures/{number:02}.jpg", picture.data
    for number, row in enumerate(attachments.of_case(session, shown.case.id), 1):
        _, data = attachments.opened(session, context.store, officer, shown.case.id, row.id)
        yield f"attachments/{number:02}-{row.name}", data
    yield "audit.jsonl", _audit_extract(session, shown)
    checkpoints = checkpoints_path(context.settings)
    if checkpoints.exists():
        yield "checkpoint.json", checkpoints.read_bytes().rstrip(b"\n").split(b"\n")[-1] + b"\n"


def _rows(session: Session, shown: CasePage) -> dict[str, Any]:
    sent = referrals.of_case(session, shown.case.id)
    events = referrals.events_of(session, [referral.id for referral in sent])
    return {
        "case": _row(shown.case),
        "area": {"code": shown.line.area.code, "name": shown.line.area.name},
        "record": _row(shown.line.record) if shown.line.record else None,
        "lead": _row(shown.lead),
        "tips": [_row(item.tip) for item in shown.tips],
        "photos": [_row(photo) for item in shown.tips for photo in item.photos],
        "tasks": [_row(item.task) for item in shown.tasks],
        "referrals": [
            _row(referral) | {"events": [_row(e) for e in events[referral.id]]} for referral in sent
        ],
        "attachments": [_row(row) for row in attachments.of_case(session, shown.case.id)],
        "officers": {str(each.id): [each.name, each.badge] for each in shown.people.values()},
    }


def _row(row: SQLModel) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.model_dump(mode="json", exclude=WITHHELD).items()
        if value is not None
    }


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _timeline(shown: CasePage, context: Context) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time", "time_utc", "kind", "kind_zh", "state", "officer", "badge", "text"])
    for item in reversed(shown.timeline):
        writer.writerow(
            [
                moment("zh", item.entry.at, context.settings.zone),
                item.entry.at.isoformat(),
                word("en", item.entry.kind),
                word("zh", item.entry.kind),
                item.now.value if item.now else "",
                _cell(item.officer.name),
                item.officer.badge,
                _cell(item.entry.text),
            ]
        )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _audit_extract(session: Session, shown: CasePage) -> bytes:
    subjects = {str(shown.case.id), str(shown.lead.id)}
    subjects |= {str(item.tip.id) for item in shown.tips}
    subjects |= {str(photo.id) for item in shown.tips for photo in item.photos}
    subjects |= {str(referral.id) for referral in referrals.of_case(session, shown.case.id)}
    if shown.lead.candidate_id:
        subjects.add(str(shown.lead.candidate_id))
    events = session.exec(
        select(AuditEvent).where(col(AuditEvent.subject_id).in_(subjects)).order_by(col(AuditEvent.seq))
    )
    return "".join(
        json.dumps(event.model_dump(mode="json"), ensure_ascii=False, sort_keys=True) + "\n"
        for event in events
    ).encode()


def _archive(files: dict[str, bytes]) -> bytes:
    manifest = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*sorted(files.items()), ("MANIFEST.txt", manifest.encode())]:
            archive.writestr(zipfile.ZipInfo(name, OLDEST), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
