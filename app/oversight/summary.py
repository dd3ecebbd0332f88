"""The supervisor's page in numbers: by area what runs and ran out, by officer who has how much to do."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from app.cases import queries as case_queries
from app.cases.models import Case, CaseState, CaseTask
from app.core.clock import now
from app.core.paging import Listing, listing
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer
from app.oversight import queries
from app.oversight.queries import MOST, Concern, OpenTip, Wish
from app.photos import originals
from app.reviews import appeal_queries, quality_queries, triage_queries
from app.reviews.models import Review, ReviewState
from app.reviews.signal_detection import Share
from app.tips.clocks import ClockKind
from app.tips.models import TipState

WEEK = timedelta(days=7)
DISAGREEMENT_DAYS = 90


@dataclass(frozen=True)
class AreaClocks:
    """How the tips of an area stand.

    Attributes:
        area: the area; None for tips that no area has.
        running: clocks that run, by kind; those that ran out among them.
        late: clocks that ran out, by kind.
        escalated: tips that went up to the area above and that nobody has opened there.
    """

    area: Jurisdiction | None
    running: Counter[ClockKind]
    late: Counter[ClockKind]
    escalated: int


@dataclass(frozen=True)
class Load:
    """How much an officer has to do.

    Attributes:
        officer: who.
        held: candidates they hold now.
        decided: candidates they decided within a week.
        tasks: tasks given to them that are not done.
        late_tasks: those among them past their due time.
    """

    officer: Officer
    held: int
    decided: int
    tasks: int
    late_tasks: int


@dataclass(frozen=True)
class Summary:
    """All numbers of the page.

    Attributes:
        areas: areas with open tips, in the order of the country.
        cut: whether there are more open tips than were counted.
        late_leads: leads without a case whose time ran out.
        late_tasks: tasks past their due time.
        late_referrals: referrals that an agency owes an answer or an outcome.
        disputed: candidates that wait for an examiner.
        appeals: appeals that wait for an answer.
        originals: wishes to see a sealed original that this officer may decide.
        failed_tips: tips whose processing gave up.
        parked_photos: photos that could not be read.
        parked_jobs: background work set aside.
        disagreement: how often blind pairs disagreed of late.
    """

    areas: list[AreaClocks]
    cut: bool
    late_leads: int
    late_tasks: int
    late_referrals: int
    disputed: int
    appeals: int
    originals: int
    failed_tips: int
    parked_photos: int
    parked_jobs: int
    disagreement: Share


def of_area(session: Session, officer: Officer, settings: Settings) -> Summary:
    """The numbers of an officer's area; each counts the list that it leads to."""
    tips = queries.open_tips(session, officer, settings)
    late = Wish(late=True)

    def count(concern: Concern) -> int:
        return len(queries.lines(session, officer, settings, concern, late))

    return Summary(
        areas=_by_area(session, tips),
        cut=len(tips) == MOST,
        late_leads=count(Concern.LEADS),
        late_tasks=count(Concern.TASKS),
        late_referrals=count(Concern.REFERRALS),
        disputed=count(Concern.DISPUTED),
        appeals=appeal_queries.waiting(session, officer).total,
        originals=sum(wish.may_decide for wish in originals.recent(session, officer)),
        failed_tips=len(triage_queries.failed_tips(session, officer)),
        parked_photos=len(triage_queries.parked_photos(session, officer)),
        parked_jobs=len(triage_queries.parked_jobs(session, officer)),
        disagreement=quality_queries.disagreement(
            session, officer, now() - timedelta(days=DISAGREEMENT_DAYS)
        ),
    )


def load(session: Session, officer: Officer, page: int) -> tuple[Listing[Officer], list[Load]]:
    """A page of the area's active officers by name, with what each has to do.

    Args:
        session: any session.
        officer: the supervisor.
        page: number wanted, from 1.
    """
    found = listing(
        session,
        select(Officer)
        .where(col(Officer.jurisdiction_code).in_(codes_within(officer)), col(Officer.active))
        .order_by(col(Officer.name), col(Officer.badge)),
        page,
    )
    ids = [item.id for item in found.items]
    moment = now()
    held = _reviews(session, ids, Review.state == ReviewState.CLAIMED, col(Review.lease_until) >= moment)
    decided = _reviews(
        session, ids, Review.state == ReviewState.DECIDED, col(Review.decided_at) >= moment - WEEK
    )
    tasks = _tasks(session, officer, ids)
    late = _tasks(session, officer, ids, col(CaseTask.due_at) < moment)
    return found, [
        Load(item, held[item.id], decided[item.id], tasks[item.id], late[item.id]) for item in found.items
    ]


def _by_area(session: Session, tips: Iterable[OpenTip]) -> list[AreaClocks]:
    moment = now()
    made: dict[str | None, AreaClocks] = {}
    escalated: Counter[str | None] = Counter()
    for item in tips:
        code = item.tip.jurisdiction_code
        if code not in made:
            made[code] = AreaClocks(
                session.get(Jurisdiction, code) if code else None, Counter(), Counter(), 0
            )
        made[code].running.update(item.running.keys())
        made[code].late.update(kind for kind in item.running if item.late(moment, kind))
        escalated[code] += item.tip.state == TipState.ESCALATED
    rows = [AreaClocks(row.area, row.running, row.late, escalated[code]) for code, row in made.items()]
    return sorted(rows, key=lambda row: row.area.path if row.area else "")


def _reviews(session: Session, ids: list[UUID], *which: ColumnElement[bool] | bool) -> Counter[UUID]:
    rows = session.exec(
        select(Review.officer_id, func.count(col(Review.id)))
        .where(col(Review.officer_id).in_(ids), *which)
        .group_by(col(Review.officer_id))
    )
    return Counter(dict(rows.all()))


def _tasks(
    session: Session, officer: Officer, ids: list[UUID], *which: ColumnElement[bool] | bool
) -> Counter[UUID]:
    own = case_queries.visible_to(officer).where(
        Case.state != CaseState.CLOSED, col(Case.id).not_in(case_queries.resting())
    )
    rows = session.exec(
        select(CaseTask.assignee_id, func.count(col(CaseTask.id)))
        .where(
            col(CaseTask.assignee_id).in_(ids),
            col(CaseTask.case_id).in_(own.with_only_columns(col(Case.id))),
            col(CaseTask.done_at).is_(None),
            col(CaseTask.cancelled_at).is_(None),
            *which,
        )
        .group_by(col(CaseTask.assignee_id))
    )
    return Counter({assignee: count for assignee, count in rows if assignee is not None})
