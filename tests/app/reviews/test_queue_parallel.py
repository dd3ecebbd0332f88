"""The promise of the queue under load: twenty reviewers at once decide nothing twice and lose nothing.

QUEUE_CANDIDATES=500 asks for more of them.
"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random
from threading import Barrier
from typing import TypeVar
from uuid import UUID

import time_machine
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from app.audit.models import Action, AuditEvent
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Lead
from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer
from app.reviews import claims, service
from app.reviews.models import Conclusion, Review, ReviewState
from app.reviews.settling import combine
from tests.app.reviews.conftest import AGREEING, REASON
from tests.app.reviews.crowd import crowd
from tests.make import Make

REVIEWERS = 20
CANDIDATES = int(os.environ.get("QUEUE_CANDIDATES", "200"))
CRASHING = 5
DECIDED_BEFORE_CRASH = 3
FEATURES = {name.removeprefix("feature_"): finding for name, finding in AGREEING.items()}
Answer = TypeVar("Answer")


class Reviewer:
    """One officer at work: claims, hands back, skips, decides, and stops somewhere if told to."""

    def __init__(self, context: Context, officer: Officer, seed: int) -> None:
        self.context = context
        self.officer = officer
        self.dice = Random(seed)  # noqa: S311 - the same work every time
        self.passed_over: set[UUID] = set()
        self.done = 0
        self.died = False

    def work(self, until: Callable[["Reviewer"], bool]) -> None:
        """Work until nothing waits, or until a moment in which a candidate is held and the machine dies."""
        while (review := self._write(self._claim)) is not None:
            if until(self):
                self.died = True
                return
            self._write(partial(self._step, review=review))

    def _claim(self, session: Session) -> Review | None:
        return claims.claim_next(session, self.officer, self.context.settings)

    def _step(self, session: Session, review: Review) -> None:
        fate = 1.0 if review.candidate_id in self.passed_over else self.dice.random()
        if fate < 0.03:
            self.passed_over.add(review.candidate_id)
            claims.skip(session, self.officer, review.id)
        elif fate < 0.06:
            self.passed_over.add(review.candidate_id)
            claims.release(session, self.officer, review.id)
        else:
            if fate > 0.9:
                claims.keep(session, self.officer, review.id, self.context.settings.review_lease_minutes)
            conclusion = Conclusion.SUPPORT_SAME if self.dice.random() < 0.1 else Conclusion.EXCLUDE
            service.decide(session, self.officer, review.id, conclusion, REASON, features=FEATURES)
            self.done += 1

    def _write(self, step: Callable[[Session], Answer]) -> Answer:
        while True:
            try:
                with self.context.db.write() as session:
                    return step(session)
            except OperationalError as busy:  # what the pages answer with "send it again"
                if "locked" not in str(busy):
                    raise


def all_at_once(workers: list[Reviewer], until: Callable[[Reviewer], bool]) -> None:
    start = Barrier(len(workers))

    def run(worker: Reviewer) -> None:
        start.wait()
        worker.work(until)

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(run, workers))


def held(session: Session) -> list[Review]:
    return list(session.exec(select(Review).where(Review.state == ReviewState.CLAIMED)))


def test_twenty_reviewers_at_once_lose_nothing_and_decide_nothing_twice(context: Context, make: Make) -> None:
    """Each candidate gets two decisions by two people, though machines die on the way."""
    candidates = crowd(context, CANDIDATES)
    workers = [Reviewer(context, make.officer(), seed) for seed in range(REVIEWERS)]
    doomed = set(workers[:CRASHING])

    all_at_once(workers, lambda worker: worker in doomed and worker.done >= DECIDED_BEFORE_CRASH)
    with context.db.read() as session:
        left = held(session)
    # On a busy machine a doomed one may find nothing left before its time has come.
    died = {worker.officer.id for worker in doomed if worker.died}
    assert died
    assert {review.officer_id for review in left} == died
    with time_machine.travel(now() + timedelta(minutes=context.settings.review_lease_minutes + 1)):
        with context.db.write() as session:
            returned = claims.release_expired(session)
        all_at_once(workers[CRASHING:], lambda _: False)

    assert returned == len(died)
    with context.db.read() as session:
        assert held(session) == []
        decided = session.exec(
            select(Review)
            .where(Review.state == ReviewState.DECIDED)
            .order_by(col(Review.candidate_id), col(Review.decided_at))
        ).all()
        states = dict(session.exec(select(Candidate.id, Candidate.state)).all())
        leads = session.exec(select(Lead.candidate_id)).all()
        ran_out = session.exec(select(AuditEvent).where(AuditEvent.action == Action.REVIEW_RELEASED)).all()
    assert Counter(review.candidate_id for review in decided) == {item.id: 2 for item in candidates}
    assert len({(review.candidate_id, review.officer_id) for review in decided}) == 2 * CANDIDATES
    assert len(decided) == sum(worker.done for worker in workers)
    for first, second in zip(decided[::2], decided[1::2], strict=True):
        assert first.conclusion is not None
        assert second.conclusion is not None
        assert states[first.candidate_id] == combine(first.conclusion, second.conclusion)
    agreed = {key for key, state in states.items() if state == CandidateState.AGREED_SAME}
    assert sorted(key for key in leads if key) == sorted(agreed)
    assert sum("lease_ran_out" in row.detail for row in ran_out) == len(died)
