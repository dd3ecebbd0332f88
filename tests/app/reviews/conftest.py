"""The review desk: officers who claim and decide through the routes, and what the rows then say."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import Session, SQLModel, col, select

from app.audit.models import AuditEvent
from app.candidates.models import Candidate, CandidateList, CandidateState, SearchCause
from app.cases.models import Lead
from app.core.context import Context
from app.core.db import Database
from app.officers.models import Officer, Role
from app.photos.models import Face
from app.reviews.checklist import COMPONENTS
from app.reviews.models import Conclusion
from app.tips.models import Tip, TipState
from tests.conftest import Client
from tests.make import ENCODER, ENCODER_VERSION, Make

REASON = "Ear lobes and the scar agree."
AGREEING = {f"feature_{component.code}": "same" for component in COMPONENTS}
"""A checklist that bears every conclusion."""


class Desk:
    """Claims and decides as officers do, with their own sessions."""

    def __init__(self, client: Client, context: Context, make: Make) -> None:
        self.client = client
        self.db: Database = context.db
        self.make = make

    def claim(self, candidate: Candidate, officer: Officer) -> httpx.Response:
        """Ask for one candidate."""
        return self.client.post(f"/console/reviews/claim/{candidate.id}", as_=officer)

    def hold(self, candidate: Candidate, officer: Officer) -> UUID:
        """Claim a candidate and give the review's id."""
        answer = self.claim(candidate, officer)
        assert answer.status_code == 303, answer.text
        return UUID(answer.headers["location"].rsplit("/", 1)[1])

    def send(
        self,
        review_id: UUID,
        officer: Officer,
        conclusion: Conclusion | str,
        reason: str = REASON,
        **fields: str,
    ) -> httpx.Response:
        """Send a decision; every feature agrees unless `fields` say otherwise."""
        return self.client.post(
            f"/console/reviews/{review_id}/decision",
            as_=officer,
            data={"conclusion": str(conclusion), "reason": reason} | AGREEING | fields,
        )

    def decide(self, candidate: Candidate, conclusion: Conclusion, officer: Officer | None = None) -> UUID:
        """Claim and decide; by a new reviewer unless one is given."""
        officer = officer or self.make.officer()
        review_id = self.hold(candidate, officer)
        answer = self.send(review_id, officer, conclusion)
        assert answer.status_code == 303, answer.text
        return review_id

    def dispute(self, candidate: Candidate) -> tuple[Officer, Officer]:
        """Have two reviewers disagree."""
        first, second = self.make.officer(), self.make.officer(Role.REVIEWER, Role.SUPERVISOR)
        self.decide(candidate, Conclusion.SUPPORT_SAME, first)
        self.decide(candidate, Conclusion.EXCLUDE, second)
        return first, second

    def another(self, candidate: Candidate) -> Candidate:
        """A second candidate of the same face, with another record."""
        record = self.make.record(name="Zhao Min")
        with self.db.write() as session:
            made = CandidateList(
                face_id=candidate.face_id,
                cause=SearchCause.RETROACTION,
                encoder=ENCODER,
                encoder_version=ENCODER_VERSION,
                gallery_size=41,
                expected_false=0.42,
            )
            session.add(made)
            session.flush()
            other = Candidate(
                list_id=made.id,
                tip_id=candidate.tip_id,
                face_id=candidate.face_id,
                cluster_id=candidate.cluster_id,
                record_id=record.id,
                reference_id=candidate.reference_id,
                score=0.6127,
                threshold=0.5861,
                rank=2,
            )
            session.add(other)
        return other

    def state(self, candidate: Candidate) -> CandidateState:
        """Where a candidate stands."""
        with self.db.read() as session:
            return session.get_one(Candidate, candidate.id).state

    def tip(self, candidate: Candidate) -> Tip:
        """A candidate's tip as it stands."""
        with self.db.read() as session:
            return session.get_one(Tip, candidate.tip_id)

    def leads(self) -> list[Lead]:
        """All leads, oldest first."""
        with self.db.read() as session:
            return list(session.exec(select(Lead).order_by(col(Lead.created_at))))

    def audited(self, *subjects: UUID) -> list[AuditEvent]:
        """What the audit log says about things, in order."""
        with self.db.read() as session:
            return list(
                session.exec(
                    select(AuditEvent)
                    .where(col(AuditEvent.subject_id).in_([str(subject) for subject in subjects]))
                    .order_by(col(AuditEvent.seq))
                )
            )

    def change(self, row: SQLModel, **values: object) -> None:
        """Set columns of a stored row, as another part of the service would have."""
        with self.db.write() as session:
            kept = session.get_one(type(row), row.id)  # type: ignore[attr-defined]
            for name, value in values.items():
                setattr(kept, name, value)
            session.add(kept)

    def face(self, session: Session, candidate: Candidate) -> Face:
        """The candidate's face."""
        return session.get_one(Face, candidate.face_id)


@pytest.fixture
def desk(client: Client, context: Context, make: Make) -> Desk:
    """The review desk of this test's deployment."""
    return Desk(client, context, make)


NOWHERE = uuid4()
"""An id that names nothing."""

__all__ = ["AGREEING", "NOWHERE", "REASON", "Desk", "TipState"]
