"""What a map shows: tips, sightings and cases of an area and a time, as far as the officer may see them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import Mapped, load_only
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.cases import queries as case_queries
from app.cases.models import Case, CaseState, Lead
from app.core.clock import now
from app.core.errors import Invalid, NotFound
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer
from app.sightings import queries as sighting_queries
from app.sightings.models import Sighting, SightingFace
from app.tips import queries as tip_queries
from app.tips.models import Tip, TipState
from app.tips.queries import NATION

DAYS_SHOWN = 30
"""Days up to today that are shown when nobody chose."""

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)

MOST_ITEMS = 5_000
"""Things of one kind on a map at most, the latest first; the page says when there are more."""


class Kind(StrEnum):
    """What a mark stands for."""

    TIP = "tip"
    SIGHTING = "sighting"
    CASE = "case"


@dataclass(frozen=True)
class View:
    """What was asked for.

    Attributes:
        area: whose map.
        since: first day, in the zone of the deployment.
        until: last day.
        kinds: what is shown.
        tip_state: tips of one state; None for all.
        case_state: likewise.
    """

    area: Jurisdiction
    since: date
    until: date
    kinds: frozenset[Kind]
    tip_state: TipState | None = None
    case_state: CaseState | None = None


@dataclass(frozen=True)
class Item:
    """Something on the map.

    Attributes:
        kind: what it is.
        id: of the tip, sighting or case.
        at: when it was seen; of a case, when it was opened.
        latitude: degrees, WGS 84; None without a place.
        longitude: degrees.
        area_code: the area it belongs to.
        state: a tip's or a case's.
        words: the place as the sender wrote it, or the case's number.
    """

    kind: Kind
    id: UUID
    at: datetime
    latitude: float | None
    longitude: float | None
    area_code: str | None
    state: TipState | CaseState | None
    words: str


@dataclass(frozen=True)
class Found:
    """The items of a view, the latest first, and of which kinds there are more than are shown."""

    items: list[Item]
    cut: frozenset[Kind]


def get_area(session: Session, officer: Officer, code: str) -> Jurisdiction:
    """An area of the officer's; their own one for an empty code.

    Raises:
        NotFound: no such area in theirs.
    """
    wanted = code or officer.jurisdiction_code
    question = select(Jurisdiction).where(
        Jurisdiction.code == wanted, col(Jurisdiction.code).in_(codes_within(officer))
    )
    area = session.exec(question).first()
    if area is None:
        raise NotFound
    return area


def areas_below(session: Session, area: Jurisdiction) -> list[Jurisdiction]:
    """The areas right below an area, in the order of their codes."""
    return list(
        session.exec(
            select(Jurisdiction).where(Jurisdiction.parent_code == area.code).order_by(col(Jurisdiction.code))
        )
    )


def area_above(session: Session, officer: Officer, area: Jurisdiction) -> Jurisdiction | None:
    """The area above, if it is the officer's to see."""
    if area.code == officer.jurisdiction_code or area.parent_code is None:
        return None
    return session.get(Jurisdiction, area.parent_code)


def kinds_for(officer: Officer, asked: Sequence[Kind]) -> frozenset[Kind]:
    """The kinds that were asked for, all of them if none was; cases only for those who run cases."""
    runs_cases = officer.has(*case_queries.RUNS_CASES)
    return frozenset(kind for kind in asked or Kind if kind != Kind.CASE or runs_cases)


def areas_named(session: Session, codes: Collection[str | None]) -> dict[str | None, Jurisdiction]:
    """Areas by their codes."""
    question = select(Jurisdiction).where(col(Jurisdiction.code).in_([code for code in codes if code]))
    return {area.code: area for area in session.exec(question)}


def next_below(area: Jurisdiction, named: Iterable[Jurisdiction]) -> dict[str, str]:
    """By code, the area right below an area in which each of the areas lies."""
    steps = {each.code: each.path.removeprefix(area.path).split("/")[0] for each in named}
    return {code: step for code, step in steps.items() if step}


def days(since: str, until: str, today: date) -> tuple[date, date]:
    """The days that were asked for; empty ones are the last `DAYS_SHOWN` up to today.

    Raises:
        Invalid: no day, or one that no tip can be of.
    """
    last = _day(until, "until") or today
    first = _day(since, "since") or last - timedelta(days=DAYS_SHOWN - 1)
    return min(first, last), max(first, last)


def oldest_day(session: Session, officer: Officer, zone: ZoneInfo) -> date | None:
    """The day on which the oldest tip of the officer's came in."""
    seen = tip_queries.visible_to(officer).subquery()
    oldest = session.exec(select(func.min(seen.c.received_at))).one()
    return None if oldest is None else oldest.astimezone(zone).date()


def today(zone: ZoneInfo) -> date:
    """The day that it is in a zone."""
    return now().astimezone(zone).date()


def items(session: Session, officer: Officer, view: View, zone: ZoneInfo) -> Found:
    """What a view shows, the latest first."""
    span = (
        datetime.combine(view.since, time.min, zone),
        datetime.combine(view.until + timedelta(days=1), time.min, zone),
    )
    asked = {Kind.TIP: _tips, Kind.SIGHTING: _sightings, Kind.CASE: _cases}
    found: list[Item] = []
    cut = set()
    for kind in Kind:
        if kind in view.kinds:
            these = asked[kind](session, officer, view, span)
            if len(these) > MOST_ITEMS:
                cut.add(kind)
            found += these[:MOST_ITEMS]
    return Found(sorted(found, key=lambda item: (item.at, item.id), reverse=True), frozenset(cut))


def _tips(session: Session, officer: Officer, view: View, span: tuple[datetime, datetime]) -> list[Item]:
    at = func.coalesce(Tip.observed_at, Tip.received_at)
    question = _placed(tip_queries.visible_to(officer), view.area).where(
        # What was seen in the span came in after its start; this part has an index.
        Tip.received_at >= span[0],
        at >= span[0],
        at < span[1],
    )
    if view.tip_state is not None:
        question = question.where(Tip.state == view.tip_state)
    shown = session.exec(question.order_by(col(Tip.received_at).desc()).limit(MOST_ITEMS + 1))
    return [_tip_item(tip) for tip in shown]


def _sightings(session: Session, officer: Officer, view: View, span: tuple[datetime, datetime]) -> list[Item]:
    question = (
        _placed(tip_queries.visible_to(officer), view.area)
        .join(SightingFace, col(SightingFace.tip_id) == col(Tip.id))
        .join(Sighting, col(Sighting.id) == col(SightingFace.sighting_id))
        .where(
            col(SightingFace.removed_at).is_(None),
            col(Sighting.id).in_(sighting_queries.visible_to(officer).with_only_columns(col(Sighting.id))),
        )
        .order_by(func.coalesce(Tip.observed_at, Tip.received_at).desc(), col(Tip.id))
        .add_columns(col(Sighting.id))
    )
    latest: dict[UUID, Tip] = {}
    for tip, sighting_id in session.execute(question):
        latest.setdefault(sighting_id, tip)
    found = [
        Item(
            Kind.SIGHTING,
            sighting_id,
            tip.observed_at or tip.received_at,
            tip.latitude,
            tip.longitude,
            tip.jurisdiction_code,
            None,
            tip.place_text,
        )
        for sighting_id, tip in latest.items()
    ]
    return [item for item in found if span[0] <= item.at < span[1]][: MOST_ITEMS + 1]


def _cases(session: Session, officer: Officer, view: View, span: tuple[datetime, datetime]) -> list[Item]:
    question = case_queries.visible_to(officer).where(
        _within(col(Case.jurisdiction_code), view.area),
        Case.opened_at >= span[0],
        Case.opened_at < span[1],
    )
    if view.case_state is not None:
        question = question.where(Case.state == view.case_state)
    cases = session.exec(question.order_by(col(Case.opened_at).desc()).limit(MOST_ITEMS + 1)).all()
    places = _lead_tips(session, officer, cases)
    return [
        Item(
            Kind.CASE,
            case.id,
            case.opened_at,
            tip.latitude if tip else None,
            tip.longitude if tip else None,
            case.jurisdiction_code,
            case.state,
            case.number,
        )
        for case in cases
        for tip in [places.get(case.lead_id)]
    ]


def _lead_tips(session: Session, officer: Officer, cases: Sequence[Case]) -> dict[UUID, Tip]:
    """The tips that cases rest on, by their leads' ids, as far as the officer may see them."""
    if not cases:
        return {}
    question = (
        tip_queries.visible_to(officer)
        .join(Lead, col(Lead.tip_id) == col(Tip.id))
        .where(col(Lead.id).in_([case.lead_id for case in cases]))
        .add_columns(col(Lead.id))
    )
    return {lead_id: tip for tip, lead_id in session.execute(question)}


def _placed(tips: SelectOfScalar[Tip], area: Jurisdiction) -> SelectOfScalar[Tip]:
    """Tips of an area, with no more of them than a map needs."""
    inside = _within(col(Tip.jurisdiction_code), area)
    if area.code == NATION:
        inside = or_(inside, col(Tip.jurisdiction_code).is_(None))
    columns = (
        Tip.received_at,
        Tip.observed_at,
        Tip.latitude,
        Tip.longitude,
        Tip.place_text,
        Tip.state,
        Tip.jurisdiction_code,
    )
    return tips.where(inside).options(load_only(*columns))  # type: ignore[arg-type]


def _within(code: Mapped[str] | Mapped[str | None], area: Jurisdiction) -> ColumnElement[bool]:
    return code.in_(select(Jurisdiction.code).where(col(Jurisdiction.path).startswith(area.path)))


def _tip_item(tip: Tip) -> Item:
    return Item(
        Kind.TIP,
        tip.id,
        tip.observed_at or tip.received_at,
        tip.latitude,
        tip.longitude,
        tip.jurisdiction_code,
        tip.state,
        tip.place_text,
    )


def _day(text: str, field: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        day = date.min
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Invalid("Enter a day as year, month and day, such as 2026-03-01.", field=field)
    return day
