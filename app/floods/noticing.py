"""Noticing waves: many more tips of a picture, a channel or an area in an hour than there usually are.

The usual is the median of the same hour on the last fourteen days. Tips of one picture, but for the first,
and those of one partner's channel are flagged while it lasts. Those of the citizens' form or of an area are
not: honest tips come in among them, and cannot be told apart by that.
"""

import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.core.settings import Settings
from app.floods.models import Flood, FloodKind
from app.photos.models import Photo
from app.tips.models import Channel, ChannelKind, FlagKind, Tip, TipFlag

log = structlog.get_logger()

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 14
"""Days whose same hour is the usual."""
SAME_WORDS = 5
"""Tips of an hour that say the very same, from which they are flagged."""
SHORTEST_TEXT = 12
"""Characters: shorter texts are the same by chance."""
LATER = timedelta(minutes=2)
"""By how much another look may be later than this one; beyond that, a clock went wrong and stops nobody."""
MOST_READ = 2_000
"""Texts that are read in one look."""

COUNTED: dict[FloodKind, Any] = {
    FloodKind.CHANNEL: Tip.channel_id,
    FloodKind.AREA: Tip.jurisdiction_code,
    FloodKind.CLUSTER: Photo.cluster_id,
}


def look(context: Context) -> int:
    """Begin, go on with and end waves, and flag what comes in them; several workers may do so at once.

    Returns:
        Waves that began.
    """
    moment = now()
    began = 0
    with context.db.read() as session:
        counts = {kind: _counts(session, kind, moment) for kind in FloodKind}
        usual = {kind: _usual(session, kind, moment, counts[kind], context.settings) for kind in FloodKind}
    with context.db.write() as session:
        for kind in FloodKind:
            began += _settle(session, context.settings, kind, counts[kind], usual[kind], moment)
        if sum(counts[FloodKind.CHANNEL].values()) >= context.settings.flood_least:
            _flag_same_words(session, moment)
    if began:
        log.warning("floods_began", count=began)
    return began


def _counts(
    session: Session, kind: FloodKind, until: datetime, subjects: Iterable[Any] = ()
) -> dict[str, int]:
    """Tips of the hour before a moment, by what they are counted by."""
    column = col(COUNTED[kind])
    question = select(column, func.count(func.distinct(col(Tip.id)))).where(
        col(Tip.received_at) > until - HOUR,
        col(Tip.received_at) <= until,
        col(Tip.channel_id).in_(select(Channel.id).where(Channel.kind != ChannelKind.GOLDEN)),
        column.is_not(None),
    )
    if kind == FloodKind.CLUSTER:
        question = question.join(Photo, col(Photo.tip_id) == col(Tip.id))
    if wanted := list(subjects):
        question = question.where(column.in_(wanted))
    return {str(subject): count for subject, count in session.execute(question.group_by(column))}


def _usual(
    session: Session, kind: FloodKind, moment: datetime, counts: dict[str, int], settings: Settings
) -> dict[str, float]:
    """What such an hour usually brings, for those that brought many now; a picture is new each time."""
    many = [subject for subject, count in counts.items() if count >= settings.flood_least]
    if not many or kind == FloodKind.CLUSTER:
        return dict.fromkeys(many, 0.0)
    subjects = [UUID(each) for each in many] if kind == FloodKind.CHANNEL else many
    days = [_counts(session, kind, moment - day * DAY, subjects) for day in range(1, DAYS + 1)]
    return {subject: statistics.median(day.get(subject, 0) for day in days) for subject in many}


def _settle(
    session: Session,
    settings: Settings,
    kind: FloodKind,
    counts: dict[str, int],
    usual: dict[str, float],
    moment: datetime,
) -> int:
    """Bring the waves of one kind to what the hour says, unless a later look has already done so.

    Workers count before they wait for each other to write: what was counted earlier may come later.

    Returns:
        How many began.
    """
    later = or_(
        *(and_(at > moment, at <= moment + LATER) for at in (col(Flood.began_at), col(Flood.ended_at)))
    )
    if session.exec(select(Flood.id).where(Flood.kind == kind, later).limit(1)).first() is not None:
        return 0
    began = 0
    running = session.exec(select(Flood).where(Flood.kind == kind, col(Flood.ended_at).is_(None))).all()
    known = {flood.subject: flood for flood in running}
    for subject, expected in usual.items():
        flood = known.pop(subject, None)
        if flood is None:
            if counts[subject] < settings.flood_factor * max(expected, 1.0):
                continue
            area = _area_of(session, kind, subject, moment)
            flood = Flood(
                kind=kind,
                subject=subject,
                jurisdiction_code=area,
                began_at=moment,
                count=0,
                expected=expected,
            )
            began += 1
            audit.record(
                session, SYSTEM, Action.FLOOD_FOUND, "flood", flood.id, kind=kind.value, count=counts[subject]
            )
        flood.count = max(flood.count, counts[subject])
        session.add(flood)
        _flag(session, _in_wave(session, kind, subject, moment), FlagKind.FLOOD)
    for flood in known.values():
        flood.ended_at = moment
        session.add(flood)
        audit.record(session, SYSTEM, Action.FLOOD_CLOSED, "flood", flood.id, count=flood.count)
    return began


def _area_of(session: Session, kind: FloodKind, subject: str, moment: datetime) -> str | None:
    """Whose supervisors see a wave: those of its area, or of the one area that its tips name."""
    if kind == FloodKind.AREA:
        return subject
    if kind == FloodKind.CHANNEL:
        return None
    areas = session.exec(
        select(Tip.jurisdiction_code)
        .join(Photo, col(Photo.tip_id) == col(Tip.id))
        .where(Photo.cluster_id == UUID(subject), col(Tip.received_at) > moment - HOUR)
        .distinct()
    ).all()
    return areas[0] if len(areas) == 1 else None


def _in_wave(session: Session, kind: FloodKind, subject: str, moment: datetime) -> Sequence[UUID]:
    """The tips of a wave that are flagged."""
    lately = select(Tip.id).where(col(Tip.received_at) > moment - HOUR)
    if kind == FloodKind.CLUSTER:
        of_picture = (
            select(Tip.id)
            .join(Photo, col(Photo.tip_id) == col(Tip.id))
            .where(Photo.cluster_id == UUID(subject))
            .order_by(col(Tip.received_at), col(Tip.id))
        )
        first = session.exec(of_picture.limit(1)).first()
        copies = of_picture.where(col(Tip.received_at) > moment - HOUR, Tip.id != first)
        return session.exec(copies).all()
    if kind == FloodKind.CHANNEL and session.get_one(Channel, UUID(subject)).kind != ChannelKind.WEB:
        return session.exec(lately.where(Tip.channel_id == UUID(subject))).all()
    return []


def _flag(session: Session, tip_ids: Iterable[UUID], kind: FlagKind) -> None:
    ids = set(tip_ids)
    flagged = select(TipFlag.tip_id).where(col(TipFlag.tip_id).in_(ids), TipFlag.kind == kind)
    for tip_id in ids.difference(session.exec(flagged).all()):
        session.add(TipFlag(tip_id=tip_id, kind=kind))
        audit.record(session, SYSTEM, Action.TIP_FLAGGED, "tip", tip_id, kind=kind.value)


def _flag_same_words(session: Session, moment: datetime) -> None:
    """Flag tips of the hour whose words are the same; nothing of the words is kept."""
    rows = session.exec(
        select(Tip.id, Tip.description)
        .where(col(Tip.received_at) > moment - HOUR)
        .order_by(col(Tip.received_at).desc())
        .limit(MOST_READ)
    )
    saying: dict[str, list[UUID]] = defaultdict(list)
    for tip_id, words in rows:
        if len(plain := _plain(words)) >= SHORTEST_TEXT:
            saying[plain].append(tip_id)
    counts = Counter({plain: len(ids) for plain, ids in saying.items()})
    for plain, count in counts.items():
        if count >= SAME_WORDS:
            _flag(session, saying[plain], FlagKind.REPEATED_TEXT)


def _plain(words: str) -> str:
    """Words without case, width, space and punctuation, by which copies differ."""
    folded = unicodedata.normalize("NFKC", words).casefold()
    return "".join(sign for sign in folded if sign.isalnum())
