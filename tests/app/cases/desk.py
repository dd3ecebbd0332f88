"""Brings leads and cases to where a test needs them, through the services only."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from app.audit.models import Action, AuditEvent
from app.candidates import progress as candidates
from app.candidates.models import Candidate, CandidateState
from app.cases import closing, identity, leads, service, tasks
from app.cases.models import Case, CaseState, IdentityEvidence, Lead, Outcome
from app.core.context import Context
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.tips.models import Tip, TipMessage
from tests.make import Make

ZONE = ZoneInfo("Asia/Shanghai")
REASON = "The same boy sits there every evening with another adult."
FINDING = "Two officers spoke with the child at the metro exit."
ACCOUNT = "The child is with the welfare service of the district."


class Desk:
    """Leads and cases of one deployment, and the officers who work on them."""

    def __init__(self, context: Context, make: Make) -> None:
        self.context = context
        self.make = make
        self.investigator = make.officer(Role.INVESTIGATOR, name="Ines")
        self.supervisor = make.officer(Role.SUPERVISOR, name="Suo")

    def agreed_lead(self, tip: Tip | None = None) -> Lead:
        """A lead that two reviewers agreed on."""
        candidate = self.make.candidate(tip=tip)
        with self.context.db.write() as session:
            kept = session.get_one(Candidate, candidate.id)
            candidates.move(session, kept, CandidateState.DECIDED_ONCE)
            candidates.move(session, kept, CandidateState.AGREED_SAME)
            return leads.from_candidate(session, kept, session.get_one(Tip, kept.tip_id))

    def triage_lead(self, maker: Officer, tip: Tip | None = None) -> Lead:
        """A lead that one officer made in triage."""
        tip = tip or self.make.tip()
        with self.context.db.write() as session:
            return leads.from_triage(session, session.get_one(Tip, tip.id), maker, REASON)

    def case(self, state: CaseState = CaseState.OPEN, lead: Lead | None = None) -> Case:
        """A case, brought step by step to a state; a refuted one only when it is asked for."""
        lead = lead or self.agreed_lead()
        with self.context.db.write() as session:
            case = service.open_case(session, self.investigator, lead.id, ZONE)
        steps: dict[CaseState, Callable[[Session], object]] = {
            CaseState.TASKED: lambda s: self.add_task(s, case),
            CaseState.FIELD_VERIFIED: lambda s: service.verify_in_field(
                s, self.investigator, case.id, FINDING
            ),
            CaseState.IDENTITY_CONFIRMED: lambda s: identity.confirm(
                s, self.supervisor, case.id, IdentityEvidence.DNA, "LAB-2026-0042"
            ),
            CaseState.IDENTITY_REFUTED: lambda s: identity.refute(s, self.investigator, case.id, FINDING),
            CaseState.OUTCOME_RECORDED: lambda s: service.record_outcome(
                s, self.investigator, case.id, Outcome.WELFARE_SUPPORT, ACCOUNT
            ),
            CaseState.CLOSED: lambda s: closing.close(s, self.supervisor, case.id),
        }
        avoided = (
            CaseState.IDENTITY_CONFIRMED
            if state == CaseState.IDENTITY_REFUTED
            else CaseState.IDENTITY_REFUTED
        )
        for to, step in steps.items():
            if state == CaseState.OPEN:
                break
            if to != avoided:
                with self.context.db.write() as session:
                    step(session)
            if to == state:
                break
        return self.again(case)

    def add_task(self, session: Session, case: Case, due_at: datetime | None = None) -> UUID:
        """A task of the case."""
        return tasks.add(
            session,
            self.investigator,
            case.id,
            title="Look at the metro exit",
            assignee_id=None,
            due_at=due_at,
        ).id

    def again(self, case: Case) -> Case:
        """The case as it stands in the database."""
        with self.context.db.read() as session:
            return session.get_one(Case, case.id)

    def tip(self, tip_id: UUID) -> Tip:
        """A tip as it stands in the database."""
        with self.context.db.read() as session:
            return session.get_one(Tip, tip_id)

    def same_picture(self, first: Tip, *others: Tip) -> None:
        """Put the photos of tips into the first one's cluster."""
        with self.context.db.write() as session:
            cluster = session.exec(select(Photo.cluster_id).where(Photo.tip_id == first.id)).first()
            for other in others:
                for photo in session.exec(select(Photo).where(Photo.tip_id == other.id)):
                    photo.cluster_id = cluster
                    session.add(photo)

    def notices(self, tip_id: UUID) -> list[str | None]:
        """The system notices in a tip's thread."""
        with self.context.db.read() as session:
            return [
                message.notice
                for message in session.exec(
                    select(TipMessage).where(TipMessage.tip_id == tip_id).order_by(col(TipMessage.created_at))
                )
            ]

    def audited(self, action: Action) -> list[AuditEvent]:
        """Rows of the audit log for an action."""
        with self.context.db.read() as session:
            return list(session.exec(select(AuditEvent).where(AuditEvent.action == action)))
