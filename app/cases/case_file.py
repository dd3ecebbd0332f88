"""The case file: everything of a case in one archive, for a court, a prosecutor or another authority.

What is in it is settled and logged in one transaction. The archive is then written while it is sent, one file
at a time: nothing of it is ever on disk in the clear, and memory holds no more than its largest file.
"""

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import checkpoints_path, officer_actor
from app.cases import approved, attachments, case_rows, page_queries, paper, queries, service, tasking_sheet
from app.cases.approved import Picture, Sealed
from app.cases.models import CaseEntryKind
from app.cases.page_queries import CasePage
from app.cases.tasking_sheet import Sheet
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Unavailable
from app.core.files import PhotoStore
from app.officers.models import Officer

Contents = bytes | Sealed | Callable[[], bytes | None]
"""Bytes, a file of the store, or what makes the bytes when their turn comes."""

READ_ME = """\
案件卷宗 {number}
导出时间 {time}

  case.json                 案件及其线索、任务、转介、附件等全部记录
  timeline.csv              时间线
  tasking-sheet-*.pdf       任务单（中文、英文）
  pictures/                 可打印的图片：比对人脸、隐去人脸的现场图，均印有导出人警号和时间；来源见 case.json
  attachments/              附件
  audit/events.jsonl        审计日志摘录
  audit/checkpoint.json     最近一次签名的日志检查点（如有）
  MANIFEST.txt              以上每个文件的 SHA-256，可用 sha256sum -c MANIFEST.txt 核对
  MISSING.txt               打不开的文件（如有）

人脸相似只是核查的理由，绝非结论。
未收录：举报人的联系方式、回执和留言，原始照片，系统评分。
审计日志每行的 hash 为 SHA-256（previous_hash 之后接其余各字段的 RFC 8785 规范 JSON，不含 seq、
previous_hash、hash）。摘录之外的行由前后哈希相连，完整日志由审计员核验。


Case file {number}
Taken out {time}

  case.json                 all rows of the case, and what each picture shows
  timeline.csv              the timeline
  tasking-sheet-*.pdf       the tasking sheet, in Chinese and in English
  pictures/                 compared faces, scenes with faces hidden, marked with who took them out
  attachments/              attachments
  audit/events.jsonl        extract of the audit log
  audit/checkpoint.json     the log's latest signed checkpoint, if there is one
  MANIFEST.txt              SHA-256 of each file above; check with: sha256sum -c MANIFEST.txt
  MISSING.txt               files that could not be opened, if there are any

A resemblance of faces is a reason to look, never a finding.
Left out: contact, receipt and messages of tipsters, original photos, what an engine scored.
The hash of each row of the audit log is the SHA-256 over previous_hash followed by the RFC 8785 canonical
JSON of its other fields, without seq, previous_hash and hash. Rows outside the extract lie between; an
auditor verifies the whole log.
"""


@dataclass(frozen=True)
class CaseFile:
    """A case file that is settled and logged, and not written yet.

    Attributes:
        number: of the case.
        files: names and contents in the order of the archive.
        at: when it was taken out, in the zone of the deployment.
    """

    number: str
    files: tuple[tuple[str, Contents], ...]
    at: datetime


def prepare(session: Session, context: Context, officer: Officer, case_id: UUID, purpose: str) -> CaseFile:
    """Settle what a case's file holds; its purpose stands in the timeline, and the audit log says what left.

    Args:
        session: a writing session.
        context: the deployment.
        officer: who takes it out.
        case_id: the case.
        purpose: for whom and why, in words.

    Returns:
        The file, to be written with `stream` after the commit.

    Raises:
        NotFound: no such case in the officer's area.
        Invalid: no purpose in words.
    """
    case = queries.get_visible(session, officer, case_id, hold=True)
    why = service.checked_text(purpose, "purpose")
    service.write_entry(session, case, officer, CaseEntryKind.EXPORTED, why)
    session.flush()
    shown = page_queries.case_page(session, officer, case_id)
    pictures = approved.logged(session, officer, approved.of_case(session, shown))
    files = _attached(session, officer, shown)
    actor = officer_actor(officer.id)
    counts = {"pictures": len(pictures), "attachments": len(files), "tips": len(shown.tips)}
    audit.record(session, actor, Action.CASE_EXPORTED, "case", case.id, **counts)
    zone = context.settings.zone
    at = now().astimezone(zone)
    named = [(f"pictures/{number:03}-{each.kind.value}.jpg", each) for number, each in enumerate(pictures, 1)]
    everything = case_rows.everything(session, officer, shown, [_told(*each) for each in named])
    events = case_rows.audit_lines(case_rows.audit_extract(session, shown))
    few, left = tasking_sheet.few(pictures)
    sheet = Sheet(shown, tasking_sheet.standing(shown), few, left, officer, at)
    return CaseFile(
        case.number,
        (
            (
                "README.txt",
                READ_ME.format(number=case.number, time=at.isoformat(timespec="seconds")).encode(),
            ),
            ("case.json", everything),
            ("timeline.csv", case_rows.timeline(shown, zone)),
            *(
                (f"tasking-sheet-{language}.pdf", _sheet(sheet, context.store, language, zone))
                for language in paper.LANGUAGES
            ),
            *((name, _picture(each, context, officer, at)) for name, each in named if each.sealed),
            *files,
            ("audit/events.jsonl", events),
            *_checkpoint(context),
        ),
        at,
    )


def _attached(session: Session, officer: Officer, shown: CasePage) -> list[tuple[str, Contents]]:
    """Attachments of the case and of those that rest in it; each is in the audit log as opened."""
    found: list[tuple[str, Contents]] = []
    for case in (shown.case, *shown.resting):
        for row in attachments.of_case(session, case.id):
            attachments.log_opened(session, officer, row)
            name = f"attachments/{len(found) + 1:03}-{row.name}"
            found.append((name, Sealed(row.store_key, row.sealed_key)))
    return found


def _sheet(sheet: Sheet, store: PhotoStore, language: str, zone: ZoneInfo) -> Callable[[], bytes]:
    return lambda: tasking_sheet.draw(sheet, store, language, zone)


def _picture(
    picture: Picture, context: Context, officer: Officer, at: datetime
) -> Callable[[], bytes | None]:
    return lambda: approved.opened(picture, context.store, officer, at, context.settings.zone)


def _told(name: str, picture: Picture) -> dict[str, Any]:
    return {
        "file": name if picture.sealed else None,
        "photo_id": str(picture.photo_id),
        "kind": picture.kind.value,
        "face": picture.face,
        "caption": picture.caption % picture.values,
    }


def _checkpoint(context: Context) -> Iterator[tuple[str, bytes]]:
    path = checkpoints_path(context.settings)
    lines = path.read_bytes().splitlines() if path.exists() else []
    if lines:
        yield "audit/checkpoint.json", lines[-1] + b"\n"


def stream(made: CaseFile, store: PhotoStore) -> Iterator[bytes]:
    """Write a case file as a ZIP archive, piece by piece; a file that is gone is named in it.

    Args:
        made: what it holds.
        store: where sealed files lie.
    """
    outlet = _Outlet()
    hashes, gone = [], []
    with zipfile.ZipFile(outlet, "w") as archive:

        def add(name: str, data: bytes) -> bytes:
            """Add a file, and take what the archive has written."""
            entry = zipfile.ZipInfo(name, made.at.timetuple()[:6])
            dense = name.endswith((".jpg", ".jpeg", ".png", ".pdf"))
            archive.writestr(entry, data, zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED)
            hashes.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
            return outlet.taken()

        for name, contents in made.files:
            data = _bytes(contents, store)
            if data is None:
                gone.append(f"{name}\n")
            else:
                yield add(name, data)
        if gone:
            yield add("MISSING.txt", "".join(gone).encode())
        yield add("MANIFEST.txt", "".join(hashes).encode())
    yield outlet.taken()


def _bytes(contents: Contents, store: PhotoStore) -> bytes | None:
    match contents:
        case bytes():
            return contents
        case Sealed():
            return contents.data(store)
        case _:
            # What cannot be marked now is named as missing; the archive's beginning has left already.
            with contextlib.suppress(Unavailable):
                return contents()
            return None


class _Outlet(io.RawIOBase):
    """Where the archive is written to: a file that cannot be wound back, emptied as it is sent."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        kept, self._kept = bytes(self._kept), bytearray()
        return kept
