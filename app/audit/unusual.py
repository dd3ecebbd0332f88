"""What is unusual in how officers work: a reason to ask, never a finding.

Looked for in the log alone, hour by hour; repeated by several workers, each thing is written down once.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from app.audit import service
from app.audit.models import Action, ActorKind, Anomaly, AnomalyKind, AuditEvent
from app.audit.service import SYSTEM, officer_actor
from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Keys, Unsealable
from app.core.errors import Invalid, NotFound
from app.core.settings import Settings
from app.officers.models import Officer

HOUR = timedelta(hours=1)
LOOKED_BACK = 2
"""Hours that each look takes in: the present one and the one before it."""
OPENED = frozenset({Action.PHOTO_VIEWED, Action.TIP_VIEWED, Action.ATTACHMENT_OPENED})
FAR_ABOVE, LEAST_FAR_ABOVE = 6.0, 30
"""So many times the colleagues' median, and at least so many, is bulk below the setting too."""
LEAST_COLLEAGUES = 3
LEAST_REFUSED = 5
LEAST_AT_NIGHT = 10
LEAST_OF_ONE = 15
SHOWN = timedelta(days=90)
MOST = 200


@dataclass(frozen=True)
class Shown:
    """One unusual thing as an auditor reads it.

    Attributes:
        anomaly: its row.
        day: when it was, in the zone of the officers.
        officer: whose work it is about.
        seen_by: who looked into it.
        note: what they wrote; None without one, or if it does not open.
    """

    anomaly: Anomaly
    day: date
    officer: Officer
    seen_by: Officer | None
    note: str | None


def look(context: Context) -> int:
    """Look through the last hours.

    Returns:
        Unusual things that were not known.
    """
    found = 0
    newest = now().replace(minute=0, second=0, microsecond=0)
    for back in range(LOOKED_BACK):
        since = newest - back * HOUR
        with context.db.read() as session:
            rows = session.exec(
                select(
                    AuditEvent.actor_id, AuditEvent.action, AuditEvent.subject_id, AuditEvent.detail
                ).where(
                    AuditEvent.actor_kind == ActorKind.OFFICER,
                    col(AuditEvent.at) >= since,
                    col(AuditEvent.at) < since + HOUR,
                )
            ).all()
        counted = _counted(rows, since, context.settings)
        if counted:
            with context.db.write() as session:
                found += sum(_keep(session, since, *each) for each in counted)
    return found


def waiting(session: Session) -> int:
    """How many nobody has looked into."""
    return session.exec(select(func.count()).select_from(Anomaly).where(col(Anomaly.seen_at).is_(None))).one()


def recent(session: Session, keys: Keys, zone: ZoneInfo) -> list[Shown]:
    """Those of the last three months: first those nobody has looked into, the newest first."""
    rows = session.exec(
        select(Anomaly, Officer)
        .join(Officer, col(Officer.id) == col(Anomaly.officer_id))
        .where(col(Anomaly.since) > now() - SHOWN)
        .order_by(col(Anomaly.seen_at).is_not(None), col(Anomaly.since).desc())
        .limit(MOST)
    ).all()
    return [
        Shown(
            anomaly,
            anomaly.since.astimezone(zone).date(),
            officer,
            session.get(Officer, anomaly.seen_by) if anomaly.seen_by else None,
            _opened(keys, anomaly.note_sealed),
        )
        for anomaly, officer in rows
    ]


def see(session: Session, keys: Keys, auditor_id: UUID, anomaly_id: UUID, note: str) -> None:
    """Note what came of looking into something; the note is kept sealed.

    Raises:
        NotFound: there is no such thing, or it is about the auditor's own work.
        Invalid: no note.
    """
    found = session.get(Anomaly, anomaly_id)
    if found is None or found.officer_id == auditor_id:
        raise NotFound
    if not note.strip():
        raise Invalid("Write what you found.", field="note")
    found.seen_by, found.seen_at, found.note_sealed = auditor_id, now(), keys.seal(note.strip().encode())
    session.add(found)
    service.record(session, officer_actor(auditor_id), Action.ANOMALY_SEEN, "anomaly", anomaly_id)


def _counted(
    rows: Sequence[Any], since: datetime, settings: Settings
) -> list[tuple[AnomalyKind, UUID, int, float]]:
    """What is unusual in an hour: kind, officer, count, and what colleagues reach."""
    opened: Counter[str] = Counter()
    refused: dict[int, Counter[str]] = defaultdict(Counter)
    same: Counter[tuple[str, str]] = Counter()
    for officer_id, action, subject_id, detail in rows:
        if officer_id is None:
            continue
        if action in OPENED:
            opened[officer_id] += 1
            same[officer_id, subject_id] += 1
        elif action == Action.ACCESS_REFUSED:
            refused[int(str(detail.get("status", 0)))][officer_id] += 1
    usual = statistics.median(opened.values()) if opened else 0.0
    found = [
        (AnomalyKind.BULK, who, count, usual)
        for who, count in opened.items()
        if count >= settings.bulk_views or _is_far_above(count, usual, len(opened))
    ]
    if not _is_ordinary(since, settings):
        night = ((who, count) for who, count in opened.items() if count >= LEAST_AT_NIGHT)
        found += [(AnomalyKind.OUT_OF_HOURS, who, count, usual) for who, count in night]
    for status, kind in ((404, AnomalyKind.OUT_OF_AREA), (403, AnomalyKind.REFUSED)):
        found += [(kind, who, count, 0.0) for who, count in refused[status].items() if count >= LEAST_REFUSED]
    most: Counter[str] = Counter()
    for (who, _subject), count in same.items():
        most[who] = max(most[who], count)
    found += [
        (AnomalyKind.SAME_CHILD, who, count, 0.0) for who, count in most.items() if count >= LEAST_OF_ONE
    ]
    return [(kind, UUID(who), count, float(reached)) for kind, who, count, reached in found]


def _is_far_above(count: int, usual: float, officers: int) -> bool:
    return officers > LEAST_COLLEAGUES and count >= LEAST_FAR_ABOVE and count > FAR_ABOVE * usual


def _is_ordinary(since: datetime, settings: Settings) -> bool:
    first, last = (int(hour) for hour in settings.working_hours.split("-"))
    return first <= since.astimezone(settings.zone).hour < last


def _keep(
    session: Session, since: datetime, kind: AnomalyKind, officer_id: UUID, count: int, usual: float
) -> bool:
    known = session.exec(
        select(Anomaly).where(
            Anomaly.kind == kind, Anomaly.officer_id == officer_id, Anomaly.since == since.astimezone(UTC)
        )
    ).first()
    if known is not None:
        known.count, known.usual = max(known.count, count), usual
        session.add(known)
        return False
    made = Anomaly(
        kind=kind, officer_id=officer_id, since=since, until=since + HOUR, count=count, usual=usual
    )
    session.add(made)
    session.flush()
    service.record(session, SYSTEM, Action.ANOMALY_FOUND, "anomaly", made.id, kind=kind.value, count=count)
    return True


def _opened(keys: Keys, note: bytes | None) -> str | None:
    try:
        return keys.unseal(note).decode() if note else None
    except (Unsealable, UnicodeDecodeError):
        return None
