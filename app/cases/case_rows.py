"""What a case file says in rows: everything of the case, and nothing by which its tipsters could be found."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, SQLModel, col, or_, select

from app.audit.models import AuditEvent
from app.candidates.models import Candidate
from app.cases import attachments, queries
from app.cases.models import Case, CaseMerge, CaseTip
from app.cases.page_queries import CasePage
from app.core.render import moment, word
from app.officers.models import Officer
from app.referrals import queries as referrals
from app.sightings import queries as sightings
from app.tips.models import TipEvent

FORMAT = "homeward-case-file-1"
WITHHELD = {
    "contact_sealed",
    "receipt_lookup",
    "store_key",
    "sealed_key",
    "score",
    "threshold",
    "rank",
    "decision_score",
    "log10_lr",
    "log10_lr_low",
    "log10_lr_high",
    "support",
    "shown_first",
}
"""Columns that never leave: how to reach a tipster, keys, and what an engine thought of a resemblance."""


def everything(
    session: Session, officer: Officer, shown: CasePage, pictures: Sequence[dict[str, Any]]
) -> bytes:
    """All rows of a case as JSON.

    Args:
        session: any session.
        officer: who takes it out; sees what they may see.
        shown: the case.
        pictures: what each picture of the archive is.
    """
    cases = [shown.case, *shown.resting]
    candidate = session.get(Candidate, shown.lead.candidate_id) if shown.lead.candidate_id else None
    tips = [item.tip for item in shown.tips]
    ids = [tip.id for tip in tips]
    seen = sightings.of_tips(session, officer, ids)
    moves = session.exec(
        select(TipEvent)
        .where(col(TipEvent.tip_id).in_(ids))
        .order_by(col(TipEvent.tip_id), col(TipEvent.at), col(TipEvent.id))
    )
    faces = sightings.rows_of(session, [sighting.id for sighting in seen])
    tree = {
        "format": FORMAT,
        "case": _row(shown.case),
        "area": _row(shown.line.area, without={"shape"}),
        "record": _row(shown.line.record) if shown.line.record else None,
        "references": [_row(each.reference) | {"photo": _row(each.photo)} for each in shown.references],
        "lead": _row(shown.lead),
        "candidate": _row(candidate) if candidate else None,
        "tips": [_row(tip) for tip in tips],
        "tip_moves": [_row(event) for event in moves],
        "photos": [_row(photo) for item in shown.tips for photo in item.photos],
        "sightings": [_row(sighting) for sighting in seen],
        "sighting_faces": [_row(face) for face in faces if face.tip_id in set(ids)],
        "merges": [_row(merge) for merge in _merges(session, shown.case)],
        "cases": [_of_case(session, case, set(ids)) for case in cases],
        "pictures": pictures,
        "officers": {str(each.id): [each.name, each.badge] for each in shown.people.values()},
    }
    return json.dumps(tree, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _of_case(session: Session, case: Case, visible: set[Any]) -> dict[str, Any]:
    """What hangs on one case: its own, or one that rests in it."""
    sent = referrals.of_case(session, case.id)
    events = referrals.events_of(session, [referral.id for referral in sent])
    linked = session.exec(select(CaseTip).where(CaseTip.case_id == case.id).order_by(col(CaseTip.tip_id)))
    return {
        "case": _row(case),
        "tips": [_row(link) for link in linked if link.tip_id in visible],
        "tasks": [_row(task) for task in queries.tasks_of(session, case.id)],
        "entries": [_row(entry) for entry in reversed(queries.timeline(session, case.id))],
        "referrals": [
            _row(referral) | {"events": [_row(event) for event in events.get(referral.id, [])]}
            for referral in sent
        ],
        "attachments": [_row(row) for row in attachments.of_case(session, case.id, taken_out=None)],
    }


def _merges(session: Session, case: Case) -> Iterable[CaseMerge]:
    return session.exec(
        select(CaseMerge)
        .where(or_(CaseMerge.case_id == case.id, CaseMerge.into_id == case.id))
        .order_by(col(CaseMerge.merged_at), col(CaseMerge.id))
    )


def _row(row: SQLModel, without: Iterable[str] = ()) -> dict[str, Any]:
    """A row without what never leaves; no column of bytes does."""
    sealed = {name for name, value in row if isinstance(value, bytes)}
    held = row.model_dump(mode="json", exclude=sealed | WITHHELD | set(without))
    return {name: value for name, value in held.items() if value is not None}


def timeline(shown: CasePage, zone: ZoneInfo) -> bytes:
    """A case's timeline as a table for spreadsheets, the oldest first, in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["time", "time_utc", "case", "kind", "kind_zh", "state", "officer", "badge", "title", "text"]
    )
    for item in reversed(shown.timeline):
        entry = item.entry
        writer.writerow(
            [
                moment("zh", entry.at, zone),
                entry.at.isoformat(),
                item.number or shown.case.number,
                word("en", entry.kind),
                word("zh", entry.kind),
                item.now.value if item.now else "",
                _cell(item.officer.name),
                _cell(item.officer.badge),
                _cell(str(entry.detail.get("title", ""))),
                _cell(entry.text),
            ]
        )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, in wide letters neither."""
    begins = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if begins in {"=", "+", "-", "@"} or text[:1] in {"\t", "\r", "\n"} else text


def audit_extract(session: Session, shown: CasePage) -> list[AuditEvent]:
    """The rows of the audit log about a case, its lead, tips, photos and referrals, in the log's order.

    What reviewers concluded is among them only while it stands: a candidate reviewed anew is seen blind.
    """
    cases = [shown.case, *shown.resting]
    subjects = {str(each.id) for each in cases} | {str(each.lead_id) for each in cases}
    subjects |= {str(item.tip.id) for item in shown.tips}
    subjects |= {str(photo.id) for item in shown.tips for photo in item.photos}
    subjects |= {str(row.id) for each in cases for row in referrals.of_case(session, each.id)}
    if shown.lead.candidate_id and queries.candidate_still_agreed(session, shown.lead):
        subjects.add(str(shown.lead.candidate_id))
    question = select(AuditEvent).where(col(AuditEvent.subject_id).in_(subjects))
    return list(session.exec(question.order_by(col(AuditEvent.seq))))


def audit_lines(events: Iterable[AuditEvent]) -> bytes:
    """Rows of the audit log, one JSON object a line, written as their hashes were taken."""
    return "".join(
        json.dumps(
            {
                "seq": event.seq,
                "at": event.at.isoformat(timespec="microseconds"),
                "actor_kind": event.actor_kind.value,
                "actor_id": event.actor_id,
                "action": event.action.value,
                "subject_kind": event.subject_kind,
                "subject_id": event.subject_id,
                "detail": event.detail,
                "previous_hash": event.previous_hash,
                "hash": event.hash,
            },
            ensure_ascii=False,
        )
        + "\n"
        for event in events
    ).encode()
