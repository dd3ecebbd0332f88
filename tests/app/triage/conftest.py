"""The triage desk: what officers do with tips through the routes, and what the rows then say."""

from uuid import UUID

import httpx
import pytest
from sqlmodel import Session, col, select

from app.audit.models import AuditEvent
from app.candidates.models import Candidate
from app.cases.models import Lead
from app.core.context import Context
from app.core.jobs import Job, JobState
from app.officers.models import Officer
from app.photos.models import Photo
from app.tips import queries
from app.tips.models import Tip, TipMessage
from tests.conftest import Client
from tests.make import Make


class Desk:
    """Opens and decides tips as officers do, with their own sessions."""

    def __init__(self, client: Client, context: Context, make: Make) -> None:
        self.client = client
        self.db = context.db
        self.make = make

    def page(self, tip: Tip, officer: Officer) -> str:
        """A tip's page."""
        answer = self.client.get(f"/console/tips/{tip.id}", as_=officer)
        assert answer.status_code == 200, answer.text
        return answer.text

    def listed(self, officer: Officer) -> str:
        """The triage list."""
        answer = self.client.get("/console/triage", as_=officer)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, tip: Tip, officer: Officer, step: str, **data: str) -> httpx.Response:
        """Send one of a tip page's forms."""
        return self.client.post(f"/console/tips/{tip.id}/{step}", as_=officer, data=data)

    def dispose(
        self, tip: Tip, officer: Officer, code: str = "unable_to_locate", **data: str
    ) -> httpx.Response:
        """Close a tip."""
        sent = {"disposition": code, "reason": "A patrol looked twice."} | data
        return self.send(tip, officer, "disposition", **sent)

    def stored(self, tip: Tip) -> Tip:
        """A tip as it stands."""
        with self.db.read() as session:
            return session.get_one(Tip, tip.id)

    def photos(self, tip: Tip) -> list[Photo]:
        """A tip's photos as they stand."""
        with self.db.read() as session:
            return list(
                session.exec(select(Photo).where(Photo.tip_id == tip.id).order_by(col(Photo.position)))
            )

    def thread(self, tip: Tip) -> list[TipMessage]:
        """A tip's messages."""
        with self.db.read() as session:
            return queries.thread(session, tip.id)

    def leads(self) -> list[Lead]:
        """All leads."""
        with self.db.read() as session:
            return list(session.exec(select(Lead)))

    def audited(self, subject: UUID) -> list[AuditEvent]:
        """What the audit log says about a thing, in order."""
        with self.db.read() as session:
            return list(
                session.exec(
                    select(AuditEvent)
                    .where(AuditEvent.subject_id == str(subject))
                    .order_by(col(AuditEvent.seq))
                )
            )

    def same_picture(self, *tips: Tip) -> None:
        """Put the first photos of tips into one cluster, as the pipeline does with reposts."""
        with self.db.write() as session:
            first = self._first_photo(session, tips[0])
            for tip in tips[1:]:
                photo = self._first_photo(session, tip)
                photo.cluster_id = first.cluster_id
                session.add(photo)
            for candidate in session.exec(select(Candidate).where(Candidate.tip_id == tips[0].id)):
                candidate.cluster_id = first.cluster_id
                session.add(candidate)

    def parked_job(self, kind: str = "process_tip", **args: str) -> Job:
        """A job that was tried too often."""
        job = Job(kind=kind, args=args, state=JobState.PARKED, attempts=5, error="OSError")
        with self.db.write() as session:
            session.add(job)
        return job

    def job(self, job: Job) -> Job:
        """A job as it stands."""
        with self.db.read() as session:
            return session.get_one(Job, job.id)

    def _first_photo(self, session: Session, tip: Tip) -> Photo:
        return session.exec(select(Photo).where(Photo.tip_id == tip.id, Photo.position == 0)).one()


@pytest.fixture
def desk(client: Client, context: Context, make: Make) -> Desk:
    """The triage desk of this test's deployment."""
    return Desk(client, context, make)
