"""What the case pages show, gathered behind the doors of `queries`."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, select

from app.candidates.models import Candidate
from app.cases import linking, queries, timeline
from app.cases.identity import may_contact_family
from app.cases.models import CASE_MOVES, Case, CaseState, CaseTask, Lead, LeadDismissal
from app.cases.timeline import ShownEntry
from app.core.clock import now
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.photos.models import Face, Photo
from app.records import queries as record_queries
from app.records.models import Record, Reference
from app.tips import queries as tip_queries
from app.tips.models import Tip


@dataclass(frozen=True)
class LeadLine:
    """A lead that waits for its case.

    Attributes:
        lead: the lead.
        tip: its tip.
        area: where it belongs.
        record: the record it points to; None for one made in triage.
        maker: who made it in triage; None when reviewers agreed.
    """

    lead: Lead
    tip: Tip
    area: Jurisdiction
    record: Record | None
    maker: Officer | None


@dataclass(frozen=True)
class CaseLine:
    """A case in the list, with its area and how many tasks are open."""

    case: Case
    area: Jurisdiction
    record: Record | None
    open_tasks: int


@dataclass(frozen=True)
class ShownReference:
    """One of the record's photos.

    Attributes:
        reference: the reference.
        photo: its photo.
        face: position of the child's face in it, None when there is none.
    """

    reference: Reference
    photo: Photo
    face: int | None


@dataclass(frozen=True)
class ShownTip:
    """One of the case's tips.

    Attributes:
        tip: the tip.
        photos: its photos.
        area: where it belongs; None for one that no area has.
        is_leads: whether the lead rests on it.
        by_hand: whether it was linked by hand, and may be taken out again.
        brought: whether a case that rests here has it, too, so that it stays until the merge is undone.
    """

    tip: Tip
    photos: list[Photo]
    area: Jurisdiction | None
    is_leads: bool
    by_hand: bool
    brought: bool


@dataclass(frozen=True)
class ShownTask:
    """A task, and who is to do it."""

    task: CaseTask
    assignee: Officer | None


@dataclass(frozen=True)
class CasePage:
    """All that a case's page shows.

    Attributes:
        case: the case.
        line: its area, record and open tasks.
        lead: the lead it rests on.
        people: officers named on the page, by id.
        probe: photo and position of the face that reviewers compared; None for a lead made in triage.
        references: the record's photos.
        tips: its tips that the reader may see.
        copies: tips with the same picture that came since, and may join.
        tasks: its tasks.
        rested_tasks: tasks of the cases that rest in it, by the number of each.
        timeline: its entries and theirs, the newest first.
        assignees: who may be given a task.
        moves: states it may go to now.
        may_contact_family: whether the identity is confirmed.
        rests_in: the case that took this one in; None for one that stands for itself.
        resting: cases that rest in this one.
    """

    case: Case
    line: CaseLine
    lead: Lead
    people: dict[UUID, Officer]
    probe: tuple[UUID, int] | None
    references: list[ShownReference]
    tips: list[ShownTip]
    copies: int
    tasks: list[ShownTask]
    rested_tasks: dict[str, list[ShownTask]]
    timeline: list[ShownEntry]
    assignees: list[Officer]
    moves: frozenset[CaseState]
    may_contact_family: bool
    rests_in: Case | None
    resting: list[Case]

    def late(self, task: CaseTask) -> bool:
        """Whether a task's time has passed."""
        return task.due_at is not None and task.due_at < now()


def lead_lines(session: Session, officer: Officer, leads: Iterable[Lead]) -> list[LeadLine]:
    """Leads as the list shows them."""
    return [
        LeadLine(
            lead,
            tip_queries.get_visible(session, officer, lead.tip_id),
            session.get_one(Jurisdiction, lead.jurisdiction_code),
            _record(session, officer, lead.record_id),
            session.get(Officer, lead.created_by) if lead.created_by else None,
        )
        for lead in leads
    ]


@dataclass(frozen=True)
class DismissedLine:
    """A lead that was given up: by whom, and why."""

    line: LeadLine
    dismissal: LeadDismissal
    officer: Officer


def dismissed_lines(session: Session, officer: Officer) -> list[DismissedLine]:
    """The leads that were given up last."""
    leads = queries.dismissed_leads(session, officer).items
    why = queries.dismissals(session, [lead.id for lead in leads])
    return [
        DismissedLine(line, why[line.lead.id], session.get_one(Officer, why[line.lead.id].officer_id))
        for line in lead_lines(session, officer, leads)
        if line.lead.id in why
    ]


def case_lines(session: Session, officer: Officer, cases: Iterable[Case]) -> list[CaseLine]:
    """Cases as the list shows them."""
    return [
        CaseLine(
            case,
            session.get_one(Jurisdiction, case.jurisdiction_code),
            _record(session, officer, case.record_id),
            queries.open_tasks(session, case.id),
        )
        for case in cases
    ]


def case_page(session: Session, officer: Officer, case_id: UUID) -> CasePage:
    """All that a case's page shows.

    Raises:
        NotFound: no such case in the officer's area.
    """
    case = queries.get_visible(session, officer, case_id)
    lead = queries.get_visible_lead(session, officer, case.lead_id)
    merge = queries.merge_of(session, case.id)
    resting = [session.get_one(Case, each) for each in queries.merged_into(session, case.id)]
    entries = timeline.of_case(session, case, resting)
    tasks = _tasks(session, case)
    people = {item.officer.id: item.officer for item in entries}
    people.update({item.assignee.id: item.assignee for item in tasks if item.assignee})
    people.update(queries.officers_named(session, {case.opened_by, *_makers(lead)} - people.keys()))
    return CasePage(
        case=case,
        line=case_lines(session, officer, [case])[0],
        lead=lead,
        people=people,
        probe=_probe(session, lead),
        references=_references(session, case.record_id),
        tips=_tips(session, officer, case, lead),
        copies=len(queries.other_copies(session, case, lead.tip_id)),
        tasks=tasks,
        rested_tasks={each.number: _tasks(session, each) for each in resting},
        timeline=entries,
        assignees=queries.assignees(session, case),
        moves=frozenset() if merge else CASE_MOVES[case.state],
        may_contact_family=merge is None and may_contact_family(case),
        rests_in=session.get(Case, merge.into_id) if merge else None,
        resting=resting,
    )


def _makers(lead: Lead) -> set[UUID]:
    return {lead.created_by} if lead.created_by else set()


def _tasks(session: Session, case: Case) -> list[ShownTask]:
    tasks = queries.tasks_of(session, case.id)
    people = queries.officers_named(session, {task.assignee_id for task in tasks if task.assignee_id})
    return [ShownTask(task, people[task.assignee_id] if task.assignee_id else None) for task in tasks]


def _record(session: Session, officer: Officer, record_id: UUID | None) -> Record | None:
    return record_queries.get_visible(session, officer, record_id) if record_id else None


def _probe(session: Session, lead: Lead) -> tuple[UUID, int] | None:
    if lead.candidate_id is None:
        return None
    face = session.exec(select(Face).join(Candidate).where(Candidate.id == lead.candidate_id)).first()
    return (face.photo_id, face.position) if face else None


def _references(session: Session, record_id: UUID | None) -> list[ShownReference]:
    if record_id is None:
        return []
    shown = []
    for reference, photo in record_queries.references_of(session, record_id):
        face = session.get(Face, reference.face_id) if reference.face_id else None
        shown.append(ShownReference(reference, photo, face.position if face else None))
    return shown


def _tips(session: Session, officer: Officer, case: Case, lead: Lead) -> list[ShownTip]:
    by_hand = linking.by_hand(session, case.id)
    shown = [
        ShownTip(
            tip,
            tip_queries.photos_of(session, tip.id),
            session.get(Jurisdiction, tip.jurisdiction_code) if tip.jurisdiction_code else None,
            tip.id == lead.tip_id,
            tip.id in by_hand,
            queries.came_by_merge(session, case.id, tip.id),
        )
        for tip in queries.visible_tips_of(session, officer, case.id)
    ]
    return sorted(shown, key=lambda item: not item.is_leads)
