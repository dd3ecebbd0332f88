"""A page of the queue as its reader sees it, with how many each filter would leave."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app.candidates.models import Candidate
from app.core.clock import now
from app.core.paging import PAGE_ROWS, Listing
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.reviews.queue import Entry, codes_below, entries_of, passes
from app.reviews.queue_filters import EVERYTHING, WAITING_HOURS, Filters, Part
from app.tips import clocks
from app.tips.clocks import ClockKind
from app.tips.models import Tip


@dataclass(frozen=True)
class Waiting:
    """A candidate as the queue shows it, before anyone compares it.

    Attributes:
        entry: its place, and why.
        tip: the tip that it is of.
        area: the tip's area.
        escalated_to: the area above that has it since a clock ran out.
        decide_by: when the tip's clock runs out. The other clock, whether anyone has opened the tip, is not
            shown here: it would tell a first review from a second.
        overdue: whether that moment has passed.
    """

    entry: Entry
    tip: Tip
    area: Jurisdiction | None
    escalated_to: Jurisdiction | None
    decide_by: datetime | None
    overdue: bool


@dataclass(frozen=True)
class AreaCount:
    """An area below the officer's, and how many wait there."""

    area: Jurisdiction
    count: int


@dataclass(frozen=True)
class Queue:
    """A page of the queue.

    Attributes:
        found: the candidates of the page, of those that the filters leave.
        filters: what the queue is narrowed to.
        counts: how many wait in all, and how many each filter alone would leave, by its name and value.
        areas: the areas below the officer's in which candidates wait.
    """

    found: Listing[Waiting]
    filters: Filters
    counts: dict[str, int]
    areas: list[AreaCount]


def waiting_for(
    session: Session, officer: Officer, settings: Settings, filters: Filters = EVERYTHING, page: int = 1
) -> Queue:
    """A page of the candidates that an officer may decide now.

    Args:
        session: any session.
        officer: whose queue.
        settings: the weights of the order, and how long clocks run.
        filters: what to leave.
        page: number of the page, from 1; one past the end gives the last.

    Returns:
        The page, with counts over the whole queue.
    """
    moment = now()
    entries = entries_of(session, officer, settings, moment)
    left = [entry for entry in entries if passes(entry, officer, filters, moment)]
    pages = max(1, -(-len(left) // PAGE_ROWS))
    shown = min(max(1, page), pages)
    items = _shown(session, left[(shown - 1) * PAGE_ROWS :][:PAGE_ROWS], settings, moment)
    return Queue(
        Listing(items, len(left), shown, pages),
        filters,
        _counts(entries, officer, moment),
        _areas(session, officer, entries),
    )


def _counts(entries: Collection[Entry], officer: Officer, moment: datetime) -> dict[str, int]:
    found = {
        "": len(entries),
        Filters(danger=True).query: sum(entry.danger for entry in entries),
        Filters(part=Part.FIRST).query: sum(entry.shown_first for entry in entries),
        Filters(part=Part.MORE).query: sum(not entry.shown_first for entry in entries),
        Filters(escalated=True).query: sum(
            entry.escalated_to == officer.jurisdiction_code for entry in entries
        ),
        Filters(mine=True).query: sum(entry.held is not None for entry in entries),
        Filters(skipped=True).query: sum(entry.skipped for entry in entries),
    }
    for hours in WAITING_HOURS:
        before = moment - timedelta(hours=hours)
        found[Filters(waiting=hours).query] = sum(entry.waits_since < before for entry in entries)
    return found


def _areas(session: Session, officer: Officer, entries: Iterable[Entry]) -> list[AreaCount]:
    counted: Counter[str] = Counter()
    for path, count in Counter(entry.path for entry in entries).items():
        counted.update(dict.fromkeys(codes_below(path, officer.jurisdiction_code), count))
    found = session.exec(
        select(Jurisdiction).where(col(Jurisdiction.code).in_(list(counted))).order_by(Jurisdiction.path)
    )
    return [AreaCount(area, counted[area.code]) for area in found]


def _shown(
    session: Session, entries: Collection[Entry], settings: Settings, moment: datetime
) -> list[Waiting]:
    tips = dict(
        session.exec(
            select(Candidate.id, Tip)
            .join(Tip, col(Tip.id) == col(Candidate.tip_id))
            .where(col(Candidate.id).in_([entry.candidate_id for entry in entries]))
        ).all()
    )
    codes = {code for tip in tips.values() for code in (tip.jurisdiction_code, tip.escalated_to) if code}
    areas = {
        area.code: area
        for area in session.exec(select(Jurisdiction).where(col(Jurisdiction.code).in_(codes)))
    }
    running = clocks.of_tips(session, tips.values(), settings)
    found = []
    for entry in entries:
        tip = tips[entry.candidate_id]
        # Where the tip stands is not asked: a clock that stopped would tell what became of another candidate.
        due = next((clock.due_at for clock in running[tip.id] if clock.kind == ClockKind.DECIDE), None)
        found.append(
            Waiting(
                entry,
                tip,
                areas.get(tip.jurisdiction_code or ""),
                areas.get(tip.escalated_to or ""),
                due,
                due is not None and moment > due,
            )
        )
    return found
